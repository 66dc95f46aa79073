/** What has no peer: LOCATE in a full cartridge, and the memory of a large library. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Images } from "../../test/interop/support/images.ts";
import type { ServerProgram } from "../../test/interop/support/server-program.ts";
import { serveLibrary, vtl } from "../../test/interop/support/vtl.ts";
import type { Table } from "../support/section.ts";
import { summarize } from "../support/statistics.ts";
import { TapeInitiator } from "./initiator.ts";
import { vtlProgram } from "./servers.ts";
import { createSyntheticCartridge, MIDDLE } from "./synthetic-cartridge.ts";

const LOCATES = 100;
const LOCATE_MS_GOAL = 10;
const BLOCK_LENGTH = 256 * 1024;

export async function libraryTable(images: Images): Promise<Table> {
  const { located, read } = await locateMs(images.path("locate"));
  const empty = await residentBytes(images.path("empty"), []);
  const full = await residentBytes(images.path("full"), ["--barcodes", "L00001L9..L10000L9"]);
  const mib = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
  const rows = [
    ["LOCATE to the middle of 100 GB, from the beginning", located, `< ${LOCATE_MS_GOAL} ms`],
    ["the READ of 256 KiB after it", read, ""],
    ["resident memory, library of 10,000 slots, empty", mib(empty), ""],
    ["the same, a cartridge in each slot", mib(full), ""],
    [
      "memory of a cartridge in its slot",
      `${Math.max(0, (full - empty) / 10_000).toFixed(0)} B`,
      "",
    ],
  ];
  for (const row of rows) process.stderr.write(`${row.join("  ")}\n`);
  return {
    title: "Tape library: a full cartridge, and ten thousand",
    note:
      `LOCATE and READ over iSCSI, medians of ${LOCATES}, in parentheses the longest; a cartridge ` +
      `of blocks of 256 KiB, its log a sparse file, its index whole. Memory after READ ELEMENT ` +
      `STATUS of all.`,
    columns: ["what", "measured", "goal"],
    rows,
  };
}

async function locateMs(folder: string) {
  const { args } = vtlProgram();
  await vtl(["create", folder, "--library", "autoloader"], args);
  await createSyntheticCartridge(join(folder, "cartridges/BIG001L8"), "BIG001L8");
  await vtl(["import", folder, "BIG001L8"], args);
  await vtl(["load", folder, "BIG001L8"], args);
  const server = await serveLibrary(folder, args);
  const initiator = await TapeInitiator.open(server.urls[1]!);
  await initiator.ready();
  const object = [24, 16, 8, 0].map((shift) => (MIDDLE >> shift) & 0xff);
  const locate = [0x92, 0, 0, 0, 0, 0, 0, 0, ...object, 0, 0, 0, 0];
  const read = [0x08, 0, BLOCK_LENGTH >> 16, 0, 0, 0];
  const into = new Uint8Array(BLOCK_LENGTH);
  const times = { located: [] as number[], read: [] as number[] };
  for (let round = 0; round < LOCATES; round++) {
    await initiator.good([0x01, 0, 0, 0, 0, 0]);
    const begin = performance.now();
    await initiator.good(locate);
    const there = performance.now();
    await initiator.good(read, undefined, into);
    times.located.push(there - begin);
    times.read.push(performance.now() - there);
  }
  initiator.close();
  await server.stop();
  const text = (values: readonly number[]) => {
    const { median, max } = summarize(values);
    return `${median.toFixed(2)} ms (${max.toFixed(2)})`;
  };
  return { located: text(times.located), read: text(times.read) };
}

async function residentBytes(folder: string, more: readonly string[]): Promise<number> {
  const { args } = vtlProgram();
  await vtl(["create", folder, "--library", "large", ...more], args);
  const server = await serveLibrary(folder, args);
  const initiator = await TapeInitiator.open(server.urls[0]!);
  await initiator.ready();
  const into = new Uint8Array(4 * 1024 * 1024);
  const length = [into.length >> 16, 0, 0];
  await initiator.good([0xb8, 0x10, 0, 0, 0xff, 0xff, 1, ...length, 0, 0], undefined, into);
  const bytes = residentOf(server);
  initiator.close();
  await server.stop();
  return bytes;
}

/** VmRSS of /proc/PID/status, which is in KiB. */
function residentOf({ pid }: ServerProgram): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
