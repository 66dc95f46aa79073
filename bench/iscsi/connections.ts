/** fileio_tgt against tgtd with one connection and with eight, without digests and with both. */
import { execFile } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Images, MIB } from "../../test/interop/support/images.ts";
import { requireTools, settled } from "../support/prepare.ts";
import type { Options, Table } from "../support/section.ts";
import { short, type Summary, summarize, withSpread } from "../support/statistics.ts";
import type { Job, JobResult } from "./generator/job.ts";
import { type BenchServer, cpuSeconds, startOurs, startTgtd } from "./servers.ts";

const execute = promisify(execFile);

const FILE_LENGTH = 256 * MIB;
const SECONDS = 3;
/** By default tgtd has none; with these it has what the initiator asks for. */
const DIGESTS = { HeaderDigest: "CRC32C,None", DataDigest: "CRC32C,None" };
const PROGRAM = join(import.meta.dirname, "generator/main.ts");

type Load = Pick<Job, "connectionCount" | "depth" | "length" | "write"> & {
  readonly name: string;
  /** The figure that the project wants to reach, as a multiple of tgtd's. */
  readonly goal: number;
};

const LOADS: readonly Load[] = [1, 8].flatMap((connectionCount) => [
  loadOf("4 KiB reads", { connectionCount, length: 4096, depth: 32, write: false }),
  loadOf("4 KiB writes", { connectionCount, length: 4096, depth: 32, write: true }),
  loadOf("256 KiB reads", { connectionCount, length: 262_144, depth: 8, write: false }),
  loadOf("256 KiB writes", { connectionCount, length: 262_144, depth: 8, write: true }),
]);

function loadOf(what: string, load: Omit<Load, "name" | "goal">): Load {
  const { connectionCount, depth, length } = load;
  const connections = `${connectionCount} connection${connectionCount === 1 ? "" : "s"}`;
  const name = `${connections}, ${what}, depth ${depth}`;
  return { ...load, name, goal: length === 4096 ? 2.5 : 1.5 };
}

/** Who is measured, without digests and with them. */
interface Side {
  readonly server: BenchServer;
  readonly plain: Round[];
  readonly digests: Round[];
}

interface Round {
  readonly commandsPerSecond: number;
  readonly cpuUsPerCommand: number;
}

export async function connectionsSection({ rounds }: Options): Promise<Table[]> {
  requireTools("the benchmarks of connections", { tgtadm: "tgt", tgtd: "tgt" });
  await using images = await Images.open();
  const path = await images.random("bench.img", FILE_LENGTH);
  await settled(path);
  const servers: BenchServer[] = [];
  try {
    servers.push(await startOurs(path, []));
    servers.push(await startTgtd(path, "rdwr", [], DIGESTS));
    const rows: string[][] = [];
    for (const load of LOADS) rows.push(...(await compare(load, servers, rounds)));
    return [tableOf(rows, servers[0]!.name, rounds)];
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Turn by turn: what slows the machine for a while slows all four. */
async function compare(load: Load, servers: readonly BenchServer[], rounds: number) {
  const sides = servers.map((server): Side => ({ server, plain: [], digests: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const { server, plain, digests } of sides) {
      plain.push(await measure(load, server, false));
      digests.push(await measure(load, server, true));
    }
  }
  const [ours, tgtd] = sides as [Side, Side];
  const kept = [ours, tgtd].map(({ plain, digests }) => withSpread(ratioOf(digests, plain)));
  const rows = [
    rowOf(load, load.name, ours.plain, tgtd.plain, ["", ""]),
    rowOf(load, `${load.name}, digests`, ours.digests, tgtd.digests, kept),
  ];
  for (const row of rows) process.stderr.write(`${row.join("  ")}\n`);
  return rows;
}

async function measure(load: Load, server: BenchServer, digests: boolean): Promise<Round> {
  const { hostname: host, port, pathname } = new URL(server.url);
  const [, target = "", lun] = pathname.split("/");
  const { connectionCount, depth, length, write } = load;
  const job: Job = {
    host,
    port: Number(port),
    target,
    lun: Number(lun),
    connectionCount,
    depth,
    length,
    write,
    digests,
    diskLength: FILE_LENGTH,
    seconds: SECONDS,
  };
  const before = cpuSeconds(server.pid);
  const words = ["--import", "tsx", "--conditions=source", PROGRAM, JSON.stringify(job)];
  const { stdout } = await execute(process.execPath, words);
  const { commands, seconds } = JSON.parse(stdout) as JobResult;
  if (commands === 0) throw new Error(`${server.name} has carried out nothing: ${load.name}`);
  const used = cpuSeconds(server.pid) - before;
  return { commandsPerSecond: commands / seconds, cpuUsPerCommand: (used * 1e6) / commands };
}

function ratioOf(these: readonly Round[], those: readonly Round[]): Summary {
  return summarize(
    these.map(
      ({ commandsPerSecond }, round) => commandsPerSecond / those[round]!.commandsPerSecond,
    ),
  );
}

function rowOf(
  { length, goal }: Load,
  name: string,
  ours: readonly Round[],
  tgtd: readonly Round[],
  kept: readonly string[],
): string[] {
  const rate = (rounds: readonly Round[]) =>
    withSpread(summarize(rounds.map(({ commandsPerSecond }) => commandsPerSecond)));
  const rateMb = (rounds: readonly Round[]) => {
    const values = rounds.map(({ commandsPerSecond }) => (commandsPerSecond * length) / 1e6);
    const { median, min, max } = summarize(values);
    return `${median.toFixed(0)} MB/s (${min.toFixed(0)}–${max.toFixed(0)})`;
  };
  const cpu = (rounds: readonly Round[]) =>
    short(summarize(rounds.map(({ cpuUsPerCommand }) => cpuUsPerCommand)).median);
  const told = length >= MIB / 4 ? rateMb : rate;
  return [
    name,
    told(ours),
    told(tgtd),
    withSpread(ratioOf(ours, tgtd)),
    goal.toFixed(1),
    ...kept,
    cpu(ours),
    cpu(tgtd),
  ];
}

function tableOf(rows: readonly string[][], name: string, rounds: number): Table {
  return {
    title: "iSCSI: connections and digests",
    note:
      `A client of our own, a session for each connection, at random. Medians of ${rounds} rounds, ` +
      `turn by turn, in parentheses the lowest and the highest; ratios are those of each round's ` +
      `pair. "Kept" is what is left of the rate without digests; the goal is 0.75. The client ` +
      `checks the first digests of each connection only. ${cpus().length} CPUs for server and ` +
      `client together; a file of 256 MiB in the page cache.`,
    columns: [
      "load",
      `${name}, commands/s`,
      "tgtd, commands/s",
      "ratio",
      "goal",
      "kept with digests",
      "tgtd's",
      "CPU µs/command",
      "tgtd's",
    ],
    rows,
  };
}
