import type { MaybePromise } from "../handler.ts";

/**
 * Where a disk's bytes are: a file, memory, nothing at all, or a filter over another store.
 *
 * Offsets and lengths are bytes, of any alignment. A range that is not within `size` is refused
 * with EIO before anything happens. What can be done at once returns nothing; what must wait
 * returns a promise. A failure is thrown (or rejects) as a `SystemError` with its errno.
 *
 * **Concurrency.** Calls may overlap. Two that overlap in time *and* in range may end in either
 * order, and a read may find a mixture; two that don't overlap in range never disturb each other,
 * whatever units a store works in.
 *
 * **Buffers.** The caller keeps a buffer alive and untouched until the call is done. A store never
 * changes what it is given to write, and keeps no buffer beyond the call.
 *
 * **Durability.** What is written is read by every call that begins after the write was done. It is
 * durable when the write had `fua`, or when a `flush` is done that began after it. Nothing is
 * promised of the order in which writes between two flushes become durable.
 *
 * **Options.** A method that is absent is something that the store cannot do better than by
 * writing; a property that is absent is not known. A filter leaves out what the store under it
 * leaves out, unless it has a way of its own.
 *
 * docs/write-your-own-filter.md shows how stores stack.
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
  /** Ends the use of it, and of the stores under it. It flushes nothing. Calls are over by then. */
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
