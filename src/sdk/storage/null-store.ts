import { UsageError } from "../../protocol/errors.ts";
import type { BlockStore } from "./block-store.ts";
import { beyondEnd } from "./system-error.ts";

export interface NullStoreOptions {
  /**
   * Whether reads give zeros. Without, they give what the buffer had in it: an initiator sees what
   * others have written, to whatever device has the same buffers. Default: true.
   */
  readonly zeroes?: boolean;
}

/**
 * Nothing at all: writes vanish, reads give zeros. For measuring everything but the disk.
 *
 * @param sizeBytes what it pretends to hold
 */
export function nullStore(sizeBytes: number, options: NullStoreOptions = {}): BlockStore {
  checkSize("a null store", sizeBytes);
  const { zeroes = true } = options;
  const name = "null";
  const check = (verb: string, offset: number, length: number) => {
    if (offset < 0 || offset + length > sizeBytes) throw beyondEnd(verb, name, offset, length);
  };
  return {
    name,
    size: sizeBytes,
    readOnly: false,
    read(buffer, offset) {
      check("read", offset, buffer.length);
      if (zeroes) buffer.fill(0);
    },
    write(buffer, offset) {
      check("write", offset, buffer.length);
    },
    trim(offset, length) {
      check("trim", offset, length);
    },
    writeZeroes(offset, length) {
      check("zeroing", offset, length);
    },
    flush() {},
    close() {},
  };
}

/** Throws unless `sizeBytes` can be the size of a store. */
export function checkSize(what: string, sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new UsageError(
      "STORE_SIZE",
      `${what} of ${sizeBytes} bytes: the size must be a whole number from 0 to 2^53 - 1`,
    );
  }
}
