import type { MaybePromise } from "../handler.ts";

/**
 * Where a disk's bytes are: a file, memory, nothing at all, or a filter over another store.
 *
 * Offsets and lengths are bytes. The caller keeps them within `size`, and keeps `buffer` alive
 * and untouched until the call is done. Calls may overlap; two that overlap in time *and* in
 * range may end in either order. What can be done at once returns nothing; what must wait
 * returns a promise. A failure is thrown (or rejects) as a `SystemError` with its errno.
 */
export interface BlockStore {
  /** A few words for logs: `"file a.img"`. */
  readonly name: string;
  /** Bytes now; it may grow. */
  readonly size: number;
  /** True where every write must be refused. */
  readonly readOnly: boolean;
  /** Fills `buffer` with the bytes from `offset`. */
  read(buffer: Uint8Array, offset: number): MaybePromise<void>;
  /** Writes all of `buffer` at `offset`. With `fua` it is durable when the call is done. */
  write(buffer: Uint8Array, offset: number, fua: boolean): MaybePromise<void>;
  /** Makes every write that was done before the call durable. */
  flush(): MaybePromise<void>;
  close(): MaybePromise<void>;

  /**
   * Gives back the space of a range, as far as the store can: parts that do not fill its own unit
   * of allocation stay. The whole range reads as zeros afterwards in any case. A store that has
   * this is thinly provisioned.
   */
  trim?(offset: number, length: number): MaybePromise<void>;
  /** Makes the range zeros, faster than by writing them. */
  writeZeroes?(offset: number, length: number, options: WriteZeroesOptions): MaybePromise<void>;
  /**
   * What of the range has space, as runs that follow each other and begin at `offset`. There may
   * be fewer than cover the range (at least one): the rest is asked for again.
   */
  allocated?(offset: number, length: number): MaybePromise<readonly Extent[]>;
  /** Whether the medium rotates, where that is known. */
  readonly rotational?: boolean;
  /** Bytes that the medium writes at once, where that is known. */
  readonly physicalBlockSize?: number;
  /**
   * The longest write that is there wholly or not at all after a loss of power, where that is
   * known. Absent: nothing is promised.
   */
  readonly atomicBytes?: number;
  /** Called by the store when `size` has changed. Set by who uses the store. */
  onResize?: (() => void) | undefined;
}

export interface WriteZeroesOptions {
  /** The space may be given back. */
  readonly mayTrim: boolean;
  /** Durable when the call is done. */
  readonly fua: boolean;
}

/** A run of bytes that has space of its own, or reads as zeros because it has none. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly allocated: boolean;
}
