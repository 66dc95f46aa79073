import { whenUnregistered } from "./buffer-registration.ts";
import type { Clock, Timer } from "./clock.ts";
import type { BufferOwner, DataBuffer } from "./data-buffer.ts";

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

/** What a pool has done for the wishes of one size. */
export interface SizeClassStatistics {
  /** Bytes of each buffer of the class. */
  readonly length: number;
  /** How often a buffer was there when one was wanted. */
  readonly hits: number;
  /** How often one was wanted. */
  readonly total: number;
  /** Buffers that the pool keeps, with a command or waiting for one. */
  readonly buffers: number;
  /** Those that wait. */
  readonly waiting: number;
}

export interface PoolStatistics {
  readonly hits: number;
  readonly total: number;
  /** Bytes of all buffers that the pool keeps, with a command or waiting for one. */
  readonly cachedBytes: number;
  /** Bytes of those that wait. */
  readonly waitingBytes: number;
  /** Wishes for buffers too big to be kept. */
  readonly big: number;
  /** Buffers that were not to be kept, by the device's `memory_reuse_type`. */
  readonly other: number;
  readonly sizeClasses: readonly SizeClassStatistics[];
}

/**
 * Buffers that no command has, by size class, the last used first. One that nobody wanted for
 * the purge interval goes back to the handler (ON_CACHED_MEM_FREE).
 */
export class BufferPool {
  readonly #free: DataBuffer[][];
  readonly #hits: Float64Array;
  readonly #total: Float64Array;
  /** Buffers of each class that belong to the pool, with a command or waiting for one. */
  readonly #owned: Float64Array;
  readonly #clock: Clock;
  readonly #purgeIntervalMs: number;
  readonly #release: (buffer: DataBuffer) => void;
  /** The one length of all buffers; 0 where there are size classes. */
  readonly #singleLength: number;
  #timer: Timer | undefined;
  /** Counts purges, so that giving a buffer back costs no look at the clock. */
  #round = 0;
  #big = 0;
  /** Buffers that were not to be kept: their device counts them here. */
  other = 0;

  /**
   * @param purgeIntervalMs a buffer is released between one and two of these after its last use;
   *   negative: never
   * @param release gives a buffer back to the handler
   * @param singlePages all buffers have so many pages; 0: powers of two
   */
  constructor(
    clock: Clock,
    purgeIntervalMs: number,
    release: (buffer: DataBuffer) => void,
    singlePages = 0,
  ) {
    const count = singlePages === 0 ? SIZE_CLASSES_MAX : 1;
    this.#free = Array.from({ length: count }, () => []);
    this.#hits = new Float64Array(count);
    this.#total = new Float64Array(count);
    this.#owned = new Float64Array(count);
    this.#clock = clock;
    this.#purgeIntervalMs = purgeIntervalMs;
    this.#release = release;
    this.#singleLength = singlePages * PAGE_SIZE;
  }

  /** The class whose buffers hold `length` bytes, or -1 where it is too big to be kept. */
  classOf(length: number): number {
    if (this.#singleLength === 0) return sizeClassOf(length);
    return length <= this.#singleLength ? 0 : -1;
  }

  /** How many bytes a buffer of a class has. */
  lengthOf(sizeClass: number): number {
    return this.#singleLength === 0 ? sizeOfClass(sizeClass) : this.#singleLength;
  }

  /** A free buffer of at least `length` bytes, or undefined. */
  take(length: number): DataBuffer | undefined {
    const sizeClass = this.classOf(length);
    if (sizeClass < 0) {
      this.#big++;
      return undefined;
    }
    this.#total[sizeClass]!++;
    const buffer = (this.#free[sizeClass] as DataBuffer[]).pop();
    if (buffer !== undefined) this.#hits[sizeClass]!++;
    return buffer;
  }

  /** A buffer that a command has now is one of the pool from here on. */
  adopt(buffer: DataBuffer): void {
    this.#owned[buffer.sizeClass]!++;
  }

  /** A buffer of the pool waits for the next command. */
  give(buffer: DataBuffer): void {
    buffer.freedRound = this.#round;
    (this.#free[buffer.sizeClass] as DataBuffer[]).push(buffer);
    if (this.#timer === undefined && this.#purgeIntervalMs >= 0) {
      this.#timer = this.#clock.after(this.#purgeIntervalMs, this.#purge);
    }
  }

  /** A buffer that a command had is no longer one of the pool: its handler is gone. */
  drop(buffer: DataBuffer): void {
    this.#owned[buffer.sizeClass]!--;
    whenUnregistered(buffer, () => undefined);
  }

  /** How many buffers wait. */
  get size(): number {
    return this.#free.reduce((sum, buffers) => sum + buffers.length, 0);
  }

  get statistics(): PoolStatistics {
    const sizeClasses = this.#free.map((waiting, sizeClass) => ({
      length: this.lengthOf(sizeClass),
      hits: this.#hits[sizeClass] as number,
      total: this.#total[sizeClass] as number,
      buffers: this.#owned[sizeClass] as number,
      waiting: waiting.length,
    }));
    const sum = (value: (each: SizeClassStatistics) => number) =>
      sizeClasses.reduce((before, each) => before + value(each), 0);
    return {
      hits: sum(({ hits }) => hits),
      total: sum(({ total }) => total),
      cachedBytes: sum(({ buffers, length }) => buffers * length),
      waitingBytes: sum(({ waiting, length }) => waiting * length),
      big: this.#big,
      other: this.other,
      sizeClasses,
    };
  }

  /** Gives every waiting buffer back to its handler. */
  flush(): void {
    for (const buffers of this.#free) this.#letGo(buffers.splice(0));
  }

  /** A handler is gone: its buffers leave, and nobody is told. */
  forget(owner: BufferOwner): void {
    for (const [sizeClass, buffers] of this.#free.entries()) {
      const kept = buffers.filter((buffer) => buffer.owner !== owner);
      for (const buffer of buffers) if (buffer.owner === owner) this.drop(buffer);
      this.#free[sizeClass] = kept;
    }
    if (this.size === 0) this.#stopTimer();
  }

  /** The end of the pool: its buffers leave, and nobody is told. */
  close(): void {
    this.#stopTimer();
    for (const buffers of this.#free) for (const buffer of buffers.splice(0)) this.drop(buffer);
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #letGo(buffers: readonly DataBuffer[]): void {
    for (const buffer of buffers) {
      this.#owned[buffer.sizeClass]!--;
      // What a target driver has mapped, the handler may not free yet.
      if (buffer.registrations === undefined) this.#release(buffer);
      else whenUnregistered(buffer, () => this.#release(buffer));
    }
  }

  readonly #purge = (): void => {
    this.#timer = undefined;
    for (const buffers of this.#free) {
      // The bottom of the stack is what has waited longest.
      let old = 0;
      while (old < buffers.length && (buffers[old] as DataBuffer).freedRound < this.#round) old++;
      this.#letGo(buffers.splice(0, old));
    }
    this.#round++;
    if (this.size > 0) this.#timer = this.#clock.after(this.#purgeIntervalMs, this.#purge);
  };
}
