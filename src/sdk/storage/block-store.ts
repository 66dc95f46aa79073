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
}
