/** The tape library: against tgtd's tape drive, against its own compressor, and how it scales. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { Images, MIB } from "../../test/interop/support/images.ts";
import { requireTools } from "../support/prepare.ts";
import type { Options, Table } from "../support/section.ts";
import { short, summarize, withSpread } from "../support/statistics.ts";
import { TapeInitiator } from "./initiator.ts";
import { compressionTable } from "./compression.ts";
import { libraryTable } from "./library.ts";
import { startTgtdTape, startVtl } from "./servers.ts";
import {
  BLOCK_COUNT,
  BLOCK_LENGTH,
  type Load,
  LOADS,
  megabytes,
  type Round,
  setCompression,
  type Side,
  stream,
} from "./streaming.ts";

const ROOT = join(import.meta.dirname, "../..");
const TOOLS = { tgtd: "tgt", tgtadm: "tgt", tgtimg: "tgt" };

export async function tapeSection({ rounds }: Options): Promise<Table[]> {
  requireTools("the tape benchmarks", TOOLS);
  await using images = await Images.open();
  // Each write load writes a file a round, and so does the one with compression.
  const capacity = ((rounds + 1) * (LOADS.length + 2) * BLOCK_COUNT * BLOCK_LENGTH) / MIB;
  const sides: Side[] = [];
  try {
    const ours = await sideOf(sides, startVtl(images.path("library"), capacity));
    await setCompression(ours.initiator, false);
    await sideOf(sides, startTgtdTape(images.path("tgtd.tape"), capacity));
    const blocks = sourceBlocks();
    const rows: string[][] = [];
    // What a round reads is there from the beginning.
    for (const side of sides) await stream(side, LOADS[0]!, blocks);
    for (const load of LOADS) rows.push(await compare(load, sides, blocks, rounds));
    const compressed = await compressionTable(ours, blocks, rounds);
    return [streamingTable(rows, ours.server.name, rounds), compressed, await libraryTable(images)];
  } finally {
    for (const { server, initiator } of sides) {
      initiator.close();
      await server.stop();
    }
  }
}

async function sideOf(sides: Side[], starting: Promise<Side["server"]>): Promise<Side> {
  const server = await starting;
  const initiator = await TapeInitiator.open(server.url);
  const side = { server, initiator };
  sides.push(side);
  await initiator.ready();
  return side;
}

/** Blocks of text: this project's sources, one after the other. */
function sourceBlocks(): Uint8Array[] {
  const texts = ["src", "examples", "test", "bench"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((name) => join(ROOT, folder, name))
      .filter((path) => path.endsWith(".ts") && statSync(path).isFile())
      .sort()
      .map((path) => readFileSync(path)),
  );
  const text = Buffer.concat(texts);
  const count = Math.floor(text.length / BLOCK_LENGTH);
  return Array.from({ length: count }, (_, index) =>
    text.subarray(index * BLOCK_LENGTH, (index + 1) * BLOCK_LENGTH),
  );
}

async function compare(
  load: Load,
  sides: readonly Side[],
  blocks: readonly Uint8Array[],
  rounds: number,
): Promise<string[]> {
  const results = sides.map((): Round[] => []);
  // By now the system may have given the memory of what is read to others.
  if (load.direction === "read") for (const side of sides) await stream(side, load, blocks);
  for (let round = 0; round < rounds; round++) {
    for (const [index, side] of sides.entries()) {
      results[index]!.push(await stream(side, load, blocks));
    }
  }
  const [ours = [], peer = []] = results;
  const ratio = ours.map((round, index) => round.bytesPerSecond / peer[index]!.bytesPerSecond);
  const row = [
    load.name,
    megabytes(ours.map(({ bytesPerSecond }) => bytesPerSecond)),
    megabytes(peer.map(({ bytesPerSecond }) => bytesPerSecond)),
    withSpread(summarize(ratio)),
    load.goal === undefined ? "" : load.goal.toFixed(1),
    ...[ours, peer].map((side) =>
      short(summarize(side.map(({ cpuUsPerBlock }) => cpuUsPerBlock)).median),
    ),
  ];
  process.stderr.write(`${row.join("  ")}\n`);
  return row;
}

function streamingTable(rows: readonly string[][], name: string, rounds: number): Table {
  return {
    title: "Tape over iSCSI: vtl and tgtd",
    note:
      `Blocks of 256 KiB, half a gibibyte a round, medians of ${rounds} rounds, turn by turn, in ` +
      `parentheses the lowest and the highest; the ratio is that of each round's pair. Without ` +
      `compression; what is read is in the page cache, what is written goes there with tgtd and ` +
      `past it with ${name}; the client is one program for both. What makes the data durable at ` +
      `the end (a filemark) is not in the time.`,
    columns: ["load", name, "tgtd", "ratio", "goal", "CPU µs/block", "tgtd's"],
    rows,
  };
}
