/**
 * How much garbage a command makes. The process is started with a young generation so big that no
 * collection comes between two readings of the heap: their difference is then all that was
 * allocated, dead or alive. A round in which there was a collection all the same is thrown away.
 */
import { GCProfiler, getHeapStatistics } from "node:v8";

/** Flags of the process that measures; semi-space sizes are in MiB. */
export const ALLOCATION_FLAGS = [
  "--expose-gc",
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
];

const COMMANDS = 100_000;
const ATTEMPTS_MAX = 4;

/** Bytes allocated per command, round by round: the JavaScript heap and array buffers. */
export function measureAllocation(run: (count: number) => void, rounds: number): number[] {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("--expose-gc is missing");
  const results: number[] = [];
  for (let attempt = 0; results.length < rounds && attempt < rounds * ATTEMPTS_MAX; attempt++) {
    gc();
    const bytes = bytesWithoutCollection(() => run(COMMANDS));
    if (bytes !== undefined) results.push((bytes - overhead()) / COMMANDS);
  }
  if (results.length < rounds) throw new Error("collections came between all readings of the heap");
  return results;
}

/** What reading the heap allocates itself. */
function overhead(): number {
  return bytesWithoutCollection(() => undefined) ?? 0;
}

function bytesWithoutCollection(run: () => void): number | undefined {
  const collections = new GCProfiler();
  collections.start();
  const before = getHeapStatistics();
  run();
  const after = getHeapStatistics();
  const { statistics } = collections.stop();
  if (statistics.length > 0) return undefined;
  return (
    after.used_heap_size - before.used_heap_size + after.external_memory - before.external_memory
  );
}
