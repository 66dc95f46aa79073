/** fileio_tgt against tgtd: the same file, the same clients, turn by turn. */
import { cpus } from "node:os";
import { statfsSync } from "node:fs";
import { Images, MIB } from "../../test/interop/support/images.ts";
import { requireTools, settled } from "../support/prepare.ts";
import type { Options, Table } from "../support/section.ts";
import { short, type Summary, summarize, withSpread } from "../support/statistics.ts";
import { measureFio } from "../storage/loads.ts";
import { type Load, LOADS } from "./loads.ts";
import { type BenchServer, cpuSeconds, startOurs, startTgtd } from "./servers.ts";

const FILE_LENGTH = 256 * MIB;
const TMPFS_MAGIC = 0x0102_1994;

const TOOLS = {
  fio: "fio",
  "iscsi-perf": "libiscsi-bin",
  "qemu-img": "qemu-utils, qemu-block-extra",
  stdbuf: "coreutils",
  tgtadm: "tgt",
  tgtd: "tgt",
};

/** Both sides with the same promise about the page cache. */
interface Pair {
  readonly title: string;
  readonly file: string;
  readonly options: readonly string[];
  /** tgtd's `--bstype`. */
  readonly backingStore: string;
  /** The disk is measured, too: nobody who reads past the page cache is faster than it. */
  readonly pastPageCache: boolean;
}

const PAIRS: readonly Pair[] = [
  {
    title: "iSCSI: fileio_tgt and tgtd",
    file: "in the page cache",
    options: [],
    backingStore: "rdwr",
    pastPageCache: false,
  },
  {
    title: "iSCSI: fileio_tgt -o and tgtd --bstype aio",
    file: "read and written with O_DIRECT by both",
    options: ["-o"],
    backingStore: "aio",
    pastPageCache: true,
  },
];

interface Round {
  readonly commandsPerSecond: number;
  readonly cpuUsPerCommand: number;
}

export async function iscsiSection({ rounds }: Options): Promise<Table[]> {
  requireTools("the iscsi benchmarks", TOOLS);
  await using images = await Images.open();
  const path = await warmFile(images);
  const tables: Table[] = [];
  for (const pair of PAIRS) tables.push(await tableOfPair(pair, path, rounds));
  return tables;
}

async function tableOfPair(pair: Pair, path: string, rounds: number): Promise<Table> {
  const servers: BenchServer[] = [];
  try {
    servers.push(await startOurs(path, pair.options));
    servers.push(await startTgtd(path, pair.backingStore));
    const rows: string[][] = [];
    for (const load of LOADS) {
      rows.push(await compare(load, servers, rounds, pair.pastPageCache ? path : undefined));
    }
    return tableOf(pair, rows, servers[0]!.name, rounds);
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Written once and flushed: it is in the page cache, and nothing is left to write back. */
async function warmFile(images: Images): Promise<string> {
  if (statfsSync(images.folder).type === TMPFS_MAGIC) {
    throw new Error(`${images.folder} is on tmpfs: set TMPDIR to a folder on a disk`);
  }
  const path = await images.random("bench.img", FILE_LENGTH);
  await settled(path);
  return path;
}

/** @param disk the file, where the disk is to be measured */
async function compare(
  load: Load,
  servers: readonly BenchServer[],
  rounds: number,
  disk: string | undefined,
): Promise<string[]> {
  const results = servers.map((): Round[] => []);
  const ofDisk: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [index, server] of servers.entries()) {
      results[index]!.push(await measure(load, server));
    }
    if (disk !== undefined && load.ofDisk !== undefined) {
      ofDisk.push(await measureFio({ ...load, ...load.ofDisk, engine: "direct" }, disk));
    }
  }
  const [ours = [], peer = []] = results;
  const row = rowOf(load, summaryOf(ours), summaryOf(peer), ratioOf(ours, peer));
  if (disk !== undefined) {
    row.push(ofDisk.length === 0 ? "" : rateOf(load, summarize(ofDisk)));
  }
  process.stderr.write(`${row.join("  ")}\n`);
  return row;
}

async function measure(load: Load, server: BenchServer): Promise<Round> {
  const before = cpuSeconds(server.pid);
  const { commandsPerSecond, commands } = await load.run(server.url);
  const used = cpuSeconds(server.pid) - before;
  return { commandsPerSecond, cpuUsPerCommand: (used * 1e6) / commands };
}

interface Side {
  readonly rate: Summary;
  readonly cpuUs: Summary;
}

function summaryOf(rounds: readonly Round[]): Side {
  return {
    rate: summarize(rounds.map(({ commandsPerSecond }) => commandsPerSecond)),
    cpuUs: summarize(rounds.map(({ cpuUsPerCommand }) => cpuUsPerCommand)),
  };
}

/** Round by round: what slows the machine for a while slows both sides. */
function ratioOf(ours: readonly Round[], peer: readonly Round[]): Summary {
  return summarize(
    ours.map(({ commandsPerSecond }, round) => commandsPerSecond / peer[round]!.commandsPerSecond),
  );
}

function rowOf(load: Load, ours: Side, peer: Side, ratio: Summary): string[] {
  return [
    load.name,
    rateOf(load, ours.rate),
    rateOf(load, peer.rate),
    withSpread(ratio),
    load.goal === undefined ? "" : load.goal.toFixed(1),
    short(ours.cpuUs.median),
    short(peer.cpuUs.median),
  ];
}

/** Large commands are told in bytes: for those the memory is the limit. */
function rateOf({ length }: Load, rate: Summary): string {
  if (length < MIB) return withSpread(rate);
  const scale = (value: number) => (value * length) / 1e6;
  const { median, min, max } = rate;
  return `${scale(median).toFixed(0)} MB/s (${scale(min).toFixed(0)}–${scale(max).toFixed(0)})`;
}

function tableOf(
  { title, file, pastPageCache }: Pair,
  rows: readonly string[][],
  name: string,
  rounds: number,
): Table {
  return {
    title,
    note:
      `Medians of ${rounds} rounds, turn by turn, in parentheses the lowest and the highest; the ` +
      `ratio is that of each round's pair; ` +
      `${cpus().length} CPUs for server and client together; a file of 256 MiB, ${file}.`,
    columns: [
      "load",
      `${name}, commands/s`,
      "tgtd, commands/s",
      "ratio",
      "goal",
      "CPU µs/command",
      "tgtd's",
      ...(pastPageCache ? ["fio, on the file itself"] : []),
    ],
    rows,
  };
}
