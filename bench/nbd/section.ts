/** fileio_tgt against nbdkit and qemu-nbd: the same file, the same client, turn by turn. */
import { cpus } from "node:os";
import { Images, MIB } from "../../test/interop/support/images.ts";
import { cpuSeconds } from "../iscsi/servers.ts";
import { requireTools, settled } from "../support/prepare.ts";
import type { Options, Table } from "../support/section.ts";
import { short, type Summary, summarize, withSpread } from "../support/statistics.ts";
import { fio, type Load, LOADS } from "./loads.ts";
import { type NbdBenchServer, startNbdkit, startOurs, startQemuNbd, type Way } from "./servers.ts";

const FILE_LENGTH = 256 * MIB;

const TOOLS = { fio: "fio", nbdkit: "nbdkit", "qemu-nbd": "qemu-utils" };

interface Round {
  readonly commandsPerSecond: number;
  readonly cpuUsPerCommand: number;
  readonly clientCpu: number;
}

export async function nbdSection({ rounds }: Options): Promise<Table[]> {
  requireTools("the nbd benchmarks", TOOLS);
  await using images = await Images.open();
  const disk = await images.random("bench.img", FILE_LENGTH);
  await settled(disk);
  const rows: string[][] = [];
  for (const way of ["Unix socket", "TCP"] as const) {
    rows.push(...(await measureWay(way, disk, images, rounds)));
  }
  return [tableOf(rows, rounds)];
}

async function measureWay(way: Way, disk: string, images: Images, rounds: number) {
  const servers: NbdBenchServer[] = [];
  try {
    servers.push(await startOurs(way, disk, images.path("ours.socket")));
    servers.push(await startNbdkit(way, disk, images.path("nbdkit.socket")));
    servers.push(await startQemuNbd(way, disk, images.path("qemu.socket")));
    const rows: string[][] = [];
    for (const load of LOADS) rows.push(await compare(way, load, servers, rounds));
    return rows;
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function compare(
  way: Way,
  load: Load,
  servers: readonly NbdBenchServer[],
  rounds: number,
): Promise<string[]> {
  const results = servers.map((): Round[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, server] of servers.entries()) {
      results[index]!.push(await measure(load, server));
    }
  }
  const [ours = [], nbdkit = [], qemu = []] = results;
  const row = [
    `${way}: ${load.name}`,
    ...[ours, nbdkit, qemu].map((side) => rateOf(load, side)),
    withSpread(ratioOf(ours, nbdkit)),
    load.goal === undefined ? "" : load.goal.toFixed(1),
    ...[ours, nbdkit, qemu].map((side) =>
      short(summarize(side.map(({ cpuUsPerCommand }) => cpuUsPerCommand)).median),
    ),
    summarize(ours.map(({ clientCpu }) => clientCpu)).median.toFixed(2),
  ];
  process.stderr.write(`${row.join("  ")}\n`);
  return row;
}

async function measure(load: Load, server: NbdBenchServer): Promise<Round> {
  const before = cpuSeconds(server.pid);
  const { commandsPerSecond, commands, clientCpu } = await fio(server.uri, load.args, FILE_LENGTH);
  const used = cpuSeconds(server.pid) - before;
  return { commandsPerSecond, cpuUsPerCommand: (used * 1e6) / commands, clientCpu };
}

/** Round by round: what slows the machine for a while slows all of them. */
function ratioOf(ours: readonly Round[], peer: readonly Round[]): Summary {
  return summarize(
    ours.map(({ commandsPerSecond }, round) => commandsPerSecond / peer[round]!.commandsPerSecond),
  );
}

/** Large requests are told in bytes: for those the memory is the limit. */
function rateOf({ length }: Load, rounds: readonly Round[]): string {
  const rate = summarize(rounds.map(({ commandsPerSecond }) => commandsPerSecond));
  if (length < MIB) return withSpread(rate);
  const scale = (value: number) => ((value * length) / 1e6).toFixed(0);
  return `${scale(rate.median)} MB/s (${scale(rate.min)}–${scale(rate.max)})`;
}

function tableOf(rows: readonly string[][], rounds: number): Table {
  return {
    title: "NBD: fileio_tgt, nbdkit and qemu-nbd",
    note:
      `fio's nbd engine. Medians of ${rounds} rounds, turn by turn, in parentheses the lowest and ` +
      `the highest; the ratio is that of each round's pair; ${cpus().length} CPUs for server and ` +
      `client together; a file of 256 MiB in the page cache.`,
    columns: [
      "load",
      "fileio_tgt, requests/s",
      "nbdkit file",
      "qemu-nbd",
      "ratio to nbdkit",
      "goal",
      "CPU µs/request",
      "nbdkit's",
      "qemu-nbd's",
      "fio's part of a CPU with ours",
    ],
    rows,
  };
}
