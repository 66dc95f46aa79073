/** The same load on a file: by our store in this process, and by fio. */
import { runOk } from "../../test/interop/support/run.ts";
import { alignedBytes } from "../../src/sdk/native/aligned-bytes.ts";
import { fileStore, type FileStoreOptions } from "../../src/sdk/storage/file-store.ts";

export interface StorageLoad {
  readonly name: string;
  readonly engine: "direct" | "buffered";
  readonly io?: "thread-pool";
  readonly write: boolean;
  readonly random: boolean;
  readonly length: number;
  readonly depth: number;
  /** The figure that the project wants to reach, as a multiple of fio's. */
  readonly goal?: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SECONDS = 2;
const TIMEOUT_MS = 60_000;
/** What is cached is done at once: others get their turn of the event loop after so many. */
const TURN = 32;

const random4k = { random: true, length: 4 * KIB, depth: 32 };
const direct = { engine: "direct" } as const;
const buffered = { engine: "buffered" } as const;
const read = { write: false };
const write = { write: true };

export const STORAGE_LOADS: readonly StorageLoad[] = [
  { name: "direct, 4 KiB random reads, depth 32", ...direct, ...read, ...random4k, goal: 0.8 },
  { name: "direct, 4 KiB random writes, depth 32", ...direct, ...write, ...random4k, goal: 0.8 },
  { name: "direct, 4 KiB random reads, depth 1", ...direct, ...read, ...random4k, depth: 1 },
  {
    name: "direct on the thread pool, 4 KiB random reads, depth 32",
    ...direct,
    ...read,
    ...random4k,
    io: "thread-pool",
  },
  {
    name: "direct, 1 MiB reads, depth 8",
    ...direct,
    ...read,
    random: false,
    length: MIB,
    depth: 8,
    goal: 0.95,
  },
  {
    name: "direct, 1 MiB writes, depth 8",
    ...direct,
    ...write,
    random: false,
    length: MIB,
    depth: 8,
    goal: 0.95,
  },
  { name: "buffered, cached, 4 KiB random reads, depth 32", ...buffered, ...read, ...random4k },
  { name: "buffered, 4 KiB random writes, depth 32", ...buffered, ...write, ...random4k },
];

/** Operations a second of our store. */
export async function measureStore(load: StorageLoad, path: string): Promise<number> {
  const options: FileStoreOptions = { engine: load.engine, ...(load.io && { io: load.io }) };
  const store = fileStore(path, options);
  const places = Math.floor(store.size / load.length);
  const endMs = performance.now() + SECONDS * 1000;
  let count = 0;
  let next = 0;
  const worker = async () => {
    const buffer = alignedBytes(load.length, 4096);
    while (performance.now() < endMs) {
      const place = load.random ? Math.floor(Math.random() * places) : next++ % places;
      const done = load.write
        ? store.write(buffer, place * load.length, false)
        : store.read(buffer, place * load.length);
      if (done !== undefined) await done;
      else if (count % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      count++;
    }
  };
  const beganMs = performance.now();
  await Promise.all(Array.from({ length: load.depth }, worker));
  const seconds = (performance.now() - beganMs) / 1000;
  await store.flush();
  await store.close();
  return count / seconds;
}

interface FioReport {
  readonly jobs: readonly Record<"read" | "write", { readonly iops: number }>[];
}

/** Operations a second of fio with io_uring. */
export async function measureFio(load: StorageLoad, path: string): Promise<number> {
  const pattern = `${load.random ? "rand" : ""}${load.write ? "write" : "read"}`;
  const output = await runOk(
    "fio",
    [
      "--name=bench",
      `--filename=${path}`,
      "--ioengine=io_uring",
      `--direct=${load.engine === "direct" ? 1 : 0}`,
      // Else it drops the file from the page cache, which ours is measured on.
      "--invalidate=0",
      "--norandommap",
      `--rw=${pattern}`,
      `--bs=${load.length}`,
      `--iodepth=${load.depth}`,
      `--iodepth_batch_submit=${load.depth}`,
      "--iodepth_batch_complete_min=1",
      `--iodepth_batch_complete_max=${load.depth}`,
      "--time_based",
      `--runtime=${SECONDS}`,
      "--output-format=json",
    ],
    { timeoutMs: TIMEOUT_MS },
  );
  const report = JSON.parse(output.slice(output.indexOf("{"))) as FioReport;
  const iops = report.jobs[0]?.[load.write ? "write" : "read"].iops ?? 0;
  if (!(iops > 0)) throw new Error(`fio said nothing of its speed:\n${output}`);
  return iops;
}
