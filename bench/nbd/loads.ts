/** What fio does to a server, and what it says about it. */
import { runOk } from "../../test/interop/support/run.ts";

export interface LoadResult {
  readonly commandsPerSecond: number;
  readonly commands: number;
  /** The part of a processor that a job of fio's took, user and system: at 1 fio is the limit. */
  readonly clientCpu: number;
}

export interface Load {
  readonly name: string;
  /** Bytes of a request. */
  readonly length: number;
  /** The figure that the project wants to reach, as a multiple of the first peer's. */
  readonly goal?: number;
  readonly args: readonly string[];
}

const SECONDS = 3;
const TIMEOUT_MS = 60_000;

export const LOADS: readonly Load[] = [
  { name: "4 KiB random reads, depth 32", length: 4096, goal: 2, args: load("randread", "4k", 32) },
  { name: "4 KiB random reads, depth 1", length: 4096, goal: 1, args: load("randread", "4k", 1) },
  { name: "4 KiB random writes, depth 32", length: 4096, args: load("randwrite", "4k", 32) },
  { name: "1 MiB reads, depth 4", length: 1_048_576, goal: 1, args: load("read", "1m", 4) },
  { name: "1 MiB writes, depth 4", length: 1_048_576, args: load("write", "1m", 4) },
  {
    name: "4 KiB random reads, 4 connections, depth 8",
    length: 4096,
    args: [...load("randread", "4k", 8), "--numjobs=4"],
  },
];

/** fio's words for a pattern, the length of its requests and their depth. */
export function load(rw: string, bs: string, depth: number): string[] {
  return [`--rw=${rw}`, `--bs=${bs}`, `--iodepth=${depth}`];
}

interface FioReport {
  readonly jobs: readonly {
    readonly error: number;
    /** Percent. */
    readonly usr_cpu: number;
    readonly sys_cpu: number;
    readonly read: FioCounts;
    readonly write: FioCounts;
  }[];
}

interface FioCounts {
  readonly total_ios: number;
  readonly runtime: number;
}

/** fio prints a line of its own before its JSON. */
export async function fio(uri: string, args: readonly string[], size: number): Promise<LoadResult> {
  const words = ["--name=bench", "--ioengine=nbd", `--uri=${uri}`, ...args, `--size=${size}`];
  const run = ["--time_based", `--runtime=${SECONDS}`, "--group_reporting"];
  const output = await runOk("fio", [...words, ...run, "--output-format=json"], {
    timeoutMs: TIMEOUT_MS,
  });
  const report = JSON.parse(output.slice(output.indexOf("{"))) as FioReport;
  const [job] = report.jobs;
  if (job === undefined || job.error !== 0) throw new Error(`fio failed:\n${output}`);
  const commands = job.read.total_ios + job.write.total_ios;
  const seconds = Math.max(job.read.runtime, job.write.runtime) / 1000;
  const clientCpu = (job.usr_cpu + job.sys_cpu) / 100;
  return { commandsPerSecond: commands / seconds, commands, clientCpu };
}
