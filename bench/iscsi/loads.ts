/** What the clients do to a server, and what they say about it. */
import { runOk } from "../../test/interop/support/run.ts";
import type { StorageLoad } from "../storage/loads.ts";

export interface LoadResult {
  readonly commandsPerSecond: number;
  readonly commands: number;
}

export interface Load {
  readonly name: string;
  /** Bytes of a command. */
  readonly length: number;
  /** The figure that the project wants to reach, as a multiple of the peer's. */
  readonly goal?: number;
  /** The same for fio, which needs no target: what the disk itself gives. */
  readonly ofDisk?: Pick<StorageLoad, "depth" | "random" | "write">;
  run(url: string): Promise<LoadResult>;
}

const SECONDS = 3;
/** From one write to the next, in bytes: a prime number of blocks, and round again at the end. */
const SCATTERED_STEP = String(1289 * 4096);
const TIMEOUT_MS = 60_000;

export const LOADS: readonly Load[] = [
  {
    name: "iscsi-perf, 4 KiB random reads, depth 32",
    length: 4096,
    goal: 2.5,
    ofDisk: { write: false, random: true, depth: 32 },
    run: (url) => perf(url, 8, ["-m", "32", "-r"]),
  },
  {
    name: "iscsi-perf, 4 KiB random reads, depth 1",
    length: 4096,
    goal: 1,
    ofDisk: { write: false, random: true, depth: 1 },
    run: (url) => perf(url, 8, ["-m", "1", "-r"]),
  },
  {
    name: "iscsi-perf, 1 MiB reads, depth 32",
    length: 1024 * 1024,
    goal: 1.5,
    ofDisk: { write: false, random: false, depth: 32 },
    run: (url) => perf(url, 2048, ["-m", "32"]),
  },
  {
    name: "qemu-img bench, 4 KiB reads, depth 1",
    length: 4096,
    run: (url) => qemu(url, 30_000, ["-d", "1", "-s", "4096"]),
  },
  {
    name: "qemu-img bench, 4 KiB reads, depth 16",
    length: 4096,
    run: (url) => qemu(url, 60_000, ["-d", "16", "-s", "4096"]),
  },
  {
    name: "qemu-img bench, 4 KiB writes, depth 1",
    length: 4096,
    run: (url) => qemu(url, 20_000, ["-w", "-d", "1", "-s", "4096"]),
  },
  {
    name: "qemu-img bench, 4 KiB writes, depth 16",
    length: 4096,
    run: (url) => qemu(url, 40_000, ["-w", "-d", "16", "-s", "4096"]),
  },
  {
    name: "qemu-img bench, 4 KiB scattered writes, depth 32",
    length: 4096,
    goal: 2,
    ofDisk: { write: true, random: true, depth: 32 },
    run: (url) => qemu(url, 60_000, ["-w", "-d", "32", "-s", "4096", "-S", SCATTERED_STEP]),
  },
  {
    name: "qemu-img bench, 1 MiB reads, depth 4",
    length: 1024 * 1024,
    run: (url) => qemu(url, 2000, ["-d", "4", "-s", "1M"]),
  },
];

/** iscsi-perf tells its average line by line only where its output is not buffered. */
export async function perf(
  url: string,
  blocks: number,
  args: readonly string[],
): Promise<LoadResult> {
  const words = ["-oL", "iscsi-perf", ...args, "-b", String(blocks), "-t", String(SECONDS), url];
  const output = await runOk("stdbuf", words, { timeoutMs: TIMEOUT_MS });
  const averages = [...output.matchAll(/iops average (\d+)/g)];
  const average = Number(averages.at(-1)?.[1]);
  if (!(average > 0)) throw new Error(`iscsi-perf said no average:\n${output}`);
  return { commandsPerSecond: average, commands: average * SECONDS };
}

export async function qemu(
  url: string,
  count: number,
  args: readonly string[],
): Promise<LoadResult> {
  const words = ["bench", "-f", "raw", "-t", "none", "-c", String(count), ...args, url];
  const output = await runOk("qemu-img", words, { timeoutMs: TIMEOUT_MS });
  const seconds = Number(/Run completed in ([\d.]+) seconds/.exec(output)?.[1]);
  if (!(seconds > 0)) throw new Error(`qemu-img bench said no time:\n${output}`);
  return { commandsPerSecond: count / seconds, commands: count };
}
