/** The file store against fio, and the modes of fileio_tgt against each other. */
import { cpus } from "node:os";
import { FileioTgt, FROM_BUILD } from "../../test/interop/support/fileio-tgt.ts";
import { Images, MIB } from "../../test/interop/support/images.ts";
import { directFolder } from "../../test/sdk/storage/direct-folder.ts";
import { buildIsFresh } from "../iscsi/servers.ts";
import { requireTools, settled } from "../support/prepare.ts";
import type { Options, Table } from "../support/section.ts";
import { short, summarize, withSpread } from "../support/statistics.ts";
import { measureFio, measureStore, STORAGE_LOADS, type StorageLoad } from "./loads.ts";
import { MODE_LOADS, MODES } from "./modes.ts";

const FILE_LENGTH = 512 * MIB;

export async function storageSection({ rounds }: Options): Promise<Table[]> {
  requireTools("the storage benchmarks", { fio: "fio" });
  const folder = directFolder();
  if (folder === undefined) throw new Error("no folder takes O_DIRECT: set TMPDIR to one on ext4");
  await using images = await Images.open();
  const path = await images.random("bench.img", FILE_LENGTH);
  await settled(path);
  const rows: string[][] = [];
  for (const load of STORAGE_LOADS) rows.push(await compare(load, path, rounds));
  return [storesTable(rows, rounds), await modesTable(path, rounds)];
}

async function compare(load: StorageLoad, path: string, rounds: number): Promise<string[]> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await measureStore(load, path));
    peer.push(await measureFio(load, path));
  }
  const ratio = summarize(ours.map((rate, round) => rate / peer[round]!));
  const row = [
    load.name,
    rateOf(load.length, ours),
    rateOf(load.length, peer),
    withSpread(ratio),
    load.goal?.toFixed(2) ?? "",
  ];
  process.stderr.write(`${row.join("  ")}\n`);
  return row;
}

/** Large operations are told in bytes. */
function rateOf(length: number, rates: readonly number[]): string {
  if (length < MIB) return withSpread(summarize(rates));
  const { median, min, max } = summarize(rates.map((rate) => (rate * length) / 1e6));
  return `${median.toFixed(0)} MB/s (${min.toFixed(0)}–${max.toFixed(0)})`;
}

function storesTable(rows: readonly string[][], rounds: number): Table {
  return {
    title: "Stores: ours and fio",
    note:
      `Operations a second, medians of ${rounds} rounds, turn by turn, in parentheses the lowest ` +
      `and the highest; the ratio is that of each round's pair. fio with io_uring on the same ` +
      `file of ${FILE_LENGTH / MIB} MiB, submitting in batches; ours in Node's event loop.`,
    columns: ["load", "store", "fio", "ratio", "goal"],
    rows,
  };
}

async function modesTable(path: string, rounds: number): Promise<Table> {
  const program = buildIsFresh() ? { program: FROM_BUILD } : {};
  const rates = MODES.map(() => MODE_LOADS.map((): number[] => []));
  for (let round = 0; round < rounds; round++) {
    for (const [mode, { options }] of MODES.entries()) {
      const server = await FileioTgt.start([{ name: "bench", path }], { ...program, options });
      for (const [index, load] of MODE_LOADS.entries()) {
        rates[mode]![index]!.push((await load.run(server.urls[0]!)).commandsPerSecond);
      }
      await server.stop();
    }
  }
  return {
    title: "fileio_tgt: modes",
    note:
      `Commands a second over iSCSI, medians of ${rounds} rounds; ${cpus().length} CPUs for ` +
      `server and client together; the file is in the page cache where the mode has one.`,
    columns: ["mode", ...MODE_LOADS.map(({ name }) => name)],
    rows: MODES.map(({ name }, mode) =>
      [name].concat(rates[mode]!.map((of) => short(summarize(of).median))),
    ),
  };
}
