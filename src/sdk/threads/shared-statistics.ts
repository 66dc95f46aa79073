import type { DeviceStatistics } from "../device/device-loop.ts";

/** What a thread has done: three numbers of its own in memory that others read. */
export class SharedStatistics implements DeviceStatistics {
  readonly #counts: Float64Array;

  constructor(counts: Float64Array, thread: number) {
    this.#counts = counts.subarray(thread * COUNTS, (thread + 1) * COUNTS);
  }

  get commands(): number {
    return this.#counts[0] as number;
  }

  set commands(count: number) {
    this.#counts[0] = count;
  }

  get readBytes(): number {
    return this.#counts[1] as number;
  }

  set readBytes(length: number) {
    this.#counts[1] = length;
  }

  get writtenBytes(): number {
    return this.#counts[2] as number;
  }

  set writtenBytes(length: number) {
    this.#counts[2] = length;
  }
}

const COUNTS = 3;

/** The memory for so many threads. */
export function statisticsTable(threads: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * COUNTS * threads));
}

/** What all of them have done together. */
export function statisticsOfAll(counts: Float64Array): DeviceStatistics {
  const sum = { commands: 0, readBytes: 0, writtenBytes: 0 };
  for (let thread = 0; thread < counts.length / COUNTS; thread++) {
    const one = new SharedStatistics(counts, thread);
    sum.commands += one.commands;
    sum.readBytes += one.readBytes;
    sum.writtenBytes += one.writtenBytes;
  }
  return sum;
}
