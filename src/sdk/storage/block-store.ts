import type { MaybePromise } from "../handler.ts";

/**
 * Where a disk's bytes are: a file, memory, nothing at all, or a filter over another store.
 *
 * Offsets and lengths are bytes. The caller keeps them within `size`, and keeps `buffer` alive
 * and untouched until the call is done. Calls may overlap; two that overlap in time *and* in
 * range may end in either order. What can be done at once returns nothing; what must wait
 * returns a promise. A failure is thrown (or rejects) as a `SystemError` with its errno: EIO for
 * what is not there or can't be had, ENOSPC and EDQUOT for no room, EROFS for a store that is
 * read-only.
 *
 * What is optional is absent, not refusing, where a store can't do it: `store.trim?.(…)`. A filter
 * passes on what the store under it has.
 */
export interface BlockStore {
  /** A few words for logs: `"file a.img"`. */
  readonly name: string;
  /** Bytes now; it may grow. */
  readonly size: number;
  /** True where every write must be refused. */
  readonly readOnly: boolean;
  /** Whether what is under it has moving parts; undefined where nobody knows. */
  readonly rotational?: boolean;
  /** Bytes that are written at once: less of them means read, change and write. A power of two. */
  readonly physicalBlockSize?: number;
  /** Whether what was trimmed reads as zeros. Where it is not true it may read as anything. */
  readonly trimReadsZeroes?: boolean;
  /** Fills `buffer` with the bytes from `offset`. */
  read(buffer: Uint8Array, offset: number): MaybePromise<void>;
  /** Writes all of `buffer` at `offset`. With `fua` it is durable when the call is done. */
  write(buffer: Uint8Array, offset: number, fua: boolean): MaybePromise<void>;
  /**
   * Makes every write that was done before the call durable. Once it has failed, every later one
   * fails too: nobody knows any more what was lost.
   */
  flush(): MaybePromise<void>;
  /**
   * Gives back the space of a range whose content nobody needs any more. A store may leave parts
   * of it allocated, such as pieces smaller than what it allocates at once.
   */
  trim?(offset: number, length: number): MaybePromise<void>;
  /** Makes a range read as zeros, without the caller's sending them. */
  writeZeroes?(offset: number, length: number, options: WriteZeroesOptions): MaybePromise<void>;
  /**
   * Where in a range there is data: runs in ascending order, without gaps, from `offset` on. They
   * may end before the range does (there is at least one for a length above 0): the caller asks
   * again from there.
   */
  allocated?(offset: number, length: number): MaybePromise<readonly Extent[]>;
  /**
   * Has `listener` told, with the new size in bytes, each time the size has changed.
   * Returns the function that ends it.
   */
  onResize?(listener: (size: number) => void): () => void;
  /** Waits for what is under way, then lets go of everything. It flushes nothing. */
  close(): MaybePromise<void>;
}

export interface WriteZeroesOptions {
  /** The space may be given back, so that a later write can fail for lack of it. */
  readonly mayTrim: boolean;
  /** The zeros are durable when the call is done. */
  readonly fua: boolean;
}

/** A run of bytes, as {@link BlockStore.allocated} tells it. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  /** False for a hole: it has no space, and reads as zeros. */
  readonly allocated: boolean;
}
