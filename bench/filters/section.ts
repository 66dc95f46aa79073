/** encrypting-disk and snapshot-disk against others, turn by turn. */
import { cpus } from "node:os";
import { Images, MIB } from "../../test/interop/support/images.ts";
import { cpuSeconds } from "../iscsi/servers.ts";
import { fio, type Load, load } from "../nbd/loads.ts";
import type { NbdBenchServer } from "../nbd/servers.ts";
import { requireTools } from "../support/prepare.ts";
import type { Options, Table } from "../support/section.ts";
import { short, type Summary, summarize, withSpread } from "../support/statistics.ts";
import { CIPHER_LOADS, measureOpenssl, measureStore } from "./cipher.ts";
import { DISK_LENGTH, luksImages, snapshotImages } from "./images.ts";
import {
  startEncryptingDisk,
  startNbdkitLuks,
  startQemuLuks,
  startQemuQcow2,
  startSnapshotDisk,
} from "./servers.ts";

const TOOLS = {
  fio: "fio",
  nbdkit: "nbdkit",
  openssl: "openssl",
  "qemu-img": "qemu-utils",
  "qemu-nbd": "qemu-utils",
};

const LARGE = 128 * 1024;

const ENCRYPTED_LOADS: readonly Load[] = [
  { name: "128 KiB reads, depth 8", length: LARGE, args: load("randread", "128k", 8) },
  { name: "128 KiB writes, depth 8", length: LARGE, args: load("randwrite", "128k", 8) },
  { name: "4 KiB random reads, depth 32", length: 4096, args: load("randread", "4k", 32) },
  { name: "4 KiB random writes, depth 32", length: 4096, args: load("randwrite", "4k", 32) },
];

const even = { length: 4096, goal: 1 };

const SNAPSHOT_LOADS: readonly Load[] = [
  { name: "4 KiB random reads, depth 32", ...even, args: load("randread", "4k", 32) },
  { name: "4 KiB random writes, depth 32", ...even, args: load("randwrite", "4k", 32) },
  { name: "4 KiB random reads, depth 1", ...even, args: load("randread", "4k", 1) },
  { name: "4 KiB random writes, depth 1", ...even, args: load("randwrite", "4k", 1) },
];

interface Round {
  readonly bytesPerSecond: number;
  readonly cpuUsPerCommand: number;
}

export async function filtersSection({ rounds }: Options): Promise<Table[]> {
  requireTools("the benchmarks of filters", TOOLS);
  return [await cipherTable(rounds), await encryptedTable(rounds), await snapshotTable(rounds)];
}

async function cipherTable(rounds: number): Promise<Table> {
  await using images = await Images.open();
  const rows: string[][] = [];
  for (const of of CIPHER_LOADS) {
    const ours: number[] = [];
    const peer: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await measureStore(of, images));
      peer.push(await measureOpenssl(of));
    }
    const goal = of.goal?.toFixed(2) ?? "";
    rows.push(told([of.name, rate(ours), rate(peer), withSpread(ratioOf(ours, peer)), goal]));
  }
  return {
    title: "The encrypted store and OpenSSL",
    note:
      `\`encryptedStore\` over a file in the page cache, in Node's event loop, and \`openssl speed -evp ` +
      `aes-256-xts\` of 128 KiB as one sector, which is the cipher alone on one core. Medians of ` +
      `${rounds} rounds, turn by turn, in parentheses the lowest and the highest; the ratio is that ` +
      `of each round's pair.`,
    columns: ["load", "store", "openssl speed", "ratio", "goal"],
    rows,
  };
}

async function encryptedTable(rounds: number): Promise<Table> {
  await using images = await Images.open();
  const { keyFile, luks2, luks1 } = await luksImages(images);
  const starts = [
    () => startEncryptingDisk(images, luks2, keyFile),
    () => startNbdkitLuks(images, luks1, keyFile),
    () => startQemuLuks(images, luks1, keyFile),
  ];
  return {
    title: "encrypting-disk, nbdkit's luks filter and qemu-nbd's luks driver",
    note:
      `${noteOf(rounds)} The peers have LUKS1 with sectors of 512 bytes, the only ones that they ` +
      `know; encrypting-disk has LUKS2 as it makes it, with sectors of 4096. All are AES-256-XTS.`,
    columns: [
      "load",
      "encrypting-disk",
      "nbdkit luks",
      "qemu-nbd luks",
      "ratio to nbdkit",
      "ratio to qemu-nbd",
      "CPU µs/request",
      "nbdkit's",
      "qemu-nbd's",
    ],
    rows: await compareAll(ENCRYPTED_LOADS, starts, rounds),
  };
}

async function snapshotTable(rounds: number): Promise<Table> {
  await using images = await Images.open();
  const { ours, theirs } = await snapshotImages(images);
  const starts = [() => startSnapshotDisk(images, ours), () => startQemuQcow2(images, theirs)];
  return {
    title: "snapshot-disk and qemu-nbd",
    note:
      `${noteOf(rounds)} Each serves a copy of one qcow2 image, with a snapshot and every cluster ` +
      `written again after it.`,
    columns: ["load", "snapshot-disk", "qemu-nbd", "ratio", "goal", "CPU µs/request", "qemu-nbd's"],
    rows: await compareAll(SNAPSHOT_LOADS, starts, rounds),
  };
}

function noteOf(rounds: number): string {
  return (
    `fio's nbd engine at a Unix socket, a disk of ${DISK_LENGTH / MIB} MiB in the page cache. ` +
    `Medians of ${rounds} rounds, turn by turn, in parentheses the lowest and the highest; ratios ` +
    `are those of each round's pair; ${cpus().length} CPUs for server and client together.`
  );
}

async function compareAll(
  loads: readonly Load[],
  starts: readonly (() => Promise<NbdBenchServer>)[],
  rounds: number,
): Promise<string[][]> {
  const servers: NbdBenchServer[] = [];
  try {
    for (const start of starts) servers.push(await start());
    const rows: string[][] = [];
    for (const of of loads) rows.push(told(await compare(of, servers, rounds)));
    return rows;
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function compare(
  of: Load,
  servers: readonly NbdBenchServer[],
  rounds: number,
): Promise<string[]> {
  const results = servers.map((): Round[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, server] of servers.entries()) {
      results[index]!.push(await measure(of, server));
    }
  }
  const rates = results.map((side) => side.map(({ bytesPerSecond }) => bytesPerSecond));
  const [ours = [], ...peers] = rates;
  return [
    of.name,
    ...rates.map((side) => (of.length < LARGE ? requests(side, of.length) : rate(side))),
    ...peers.map((peer) => withSpread(ratioOf(ours, peer))),
    ...(of.goal === undefined ? [] : [of.goal.toFixed(1)]),
    ...results.map((side) =>
      short(summarize(side.map(({ cpuUsPerCommand }) => cpuUsPerCommand)).median),
    ),
  ];
}

async function measure(of: Load, server: NbdBenchServer): Promise<Round> {
  const before = cpuSeconds(server.pid);
  const { commandsPerSecond, commands } = await fio(server.uri, of.args, DISK_LENGTH);
  const used = cpuSeconds(server.pid) - before;
  return {
    bytesPerSecond: commandsPerSecond * of.length,
    cpuUsPerCommand: (used * 1e6) / commands,
  };
}

/** Round by round: what slows the machine for a while slows all of them. */
function ratioOf(ours: readonly number[], peer: readonly number[]): Summary {
  return summarize(ours.map((of, round) => of / peer[round]!));
}

function rate(bytesPerSecond: readonly number[]): string {
  const { median, min, max } = summarize(bytesPerSecond.map((bytes) => bytes / 1e6));
  return `${median.toFixed(0)} MB/s (${min.toFixed(0)}–${max.toFixed(0)})`;
}

function requests(bytesPerSecond: readonly number[], length: number): string {
  return `${withSpread(summarize(bytesPerSecond.map((bytes) => bytes / length)))}/s`;
}

function told(row: string[]): string[] {
  process.stderr.write(`${row.join("  ")}\n`);
  return row;
}
