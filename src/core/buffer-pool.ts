import type { Clock, Timer } from "./clock.ts";
import type { DataBuffer } from "./data-buffer.ts";

export const PAGE_SIZE = 4096;

/** 4 KiB, 8 KiB … 4 MiB: bigger buffers are never kept (SCST's SGV cache has the same classes). */
export const SIZE_CLASSES_MAX = 11;

/** The class whose buffers hold `length` bytes, or -1 where it is too big to be kept. */
export function sizeClassOf(length: number): number {
  if (length <= PAGE_SIZE) return 0;
  // The number of bits of the last page's index: 2 pages → 1, 3 and 4 → 2 …
  const sizeClass = 32 - Math.clz32((length - 1) >>> 12);
  return sizeClass < SIZE_CLASSES_MAX ? sizeClass : -1;
}

export function sizeOfClass(sizeClass: number): number {
  return PAGE_SIZE << sizeClass;
}

export function pagesOf(length: number): number {
  return Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
}

/**
 * Buffers of a device that no command has, by size class, the last used first. One that nobody
 * wanted for the purge interval goes back to the handler (ON_CACHED_MEM_FREE).
 */
export class BufferPool {
  readonly #free: DataBuffer[][] = Array.from({ length: SIZE_CLASSES_MAX }, () => []);
  readonly #clock: Clock;
  readonly #purgeIntervalMs: number;
  readonly #release: (buffer: DataBuffer) => void;
  #timer: Timer | undefined;
  /** Counts purges, so that giving a buffer back costs no look at the clock. */
  #round = 0;
  /** How often a buffer was there when one was wanted. */
  hits = 0;
  /** How often one was wanted. */
  total = 0;

  /**
   * @param purgeIntervalMs a buffer is released between one and two of these after its last use;
   *   negative: never
   * @param release gives a buffer back to the handler
   */
  constructor(clock: Clock, purgeIntervalMs: number, release: (buffer: DataBuffer) => void) {
    this.#clock = clock;
    this.#purgeIntervalMs = purgeIntervalMs;
    this.#release = release;
  }

  /** A free buffer of at least `length` bytes, or undefined. */
  take(length: number): DataBuffer | undefined {
    this.total++;
    const sizeClass = sizeClassOf(length);
    if (sizeClass < 0) return undefined;
    const buffer = (this.#free[sizeClass] as DataBuffer[]).pop();
    if (buffer !== undefined) this.hits++;
    return buffer;
  }

  give(buffer: DataBuffer): void {
    buffer.freedRound = this.#round;
    (this.#free[buffer.sizeClass] as DataBuffer[]).push(buffer);
    if (this.#timer === undefined && this.#purgeIntervalMs >= 0) {
      this.#timer = this.#clock.after(this.#purgeIntervalMs, this.#purge);
    }
  }

  /** How many buffers wait. */
  get size(): number {
    return this.#free.reduce((sum, buffers) => sum + buffers.length, 0);
  }

  /** Gives every waiting buffer back to the handler. */
  flush(): void {
    for (const buffers of this.#free) {
      for (const buffer of buffers.splice(0)) this.#release(buffer);
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const buffers of this.#free) buffers.length = 0;
  }

  readonly #purge = (): void => {
    this.#timer = undefined;
    for (const buffers of this.#free) {
      // The bottom of the stack is what has waited longest.
      let old = 0;
      while (old < buffers.length && (buffers[old] as DataBuffer).freedRound < this.#round) old++;
      for (const buffer of buffers.splice(0, old)) this.#release(buffer);
    }
    this.#round++;
    if (this.size > 0) this.#timer = this.#clock.after(this.#purgeIntervalMs, this.#purge);
  };
}
