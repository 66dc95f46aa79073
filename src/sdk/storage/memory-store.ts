import type { BlockStore } from "./block-store.ts";
import { checkSize } from "./null-store.ts";
import { beyondEnd, readOnlyStore } from "./system-error.ts";

/** Memory is taken in pieces of this size, when they are first written to. */
const EXTENT_BYTES = 1024 * 1024;

export interface MemoryStoreOptions {
  readonly readOnly?: boolean;
}

/**
 * Bytes in memory, zeros at first. Memory is taken only for what was written, so that a store of
 * many terabytes costs nothing until it is used.
 */
export function memoryStore(sizeBytes: number, options: MemoryStoreOptions = {}): BlockStore {
  checkSize("a memory store", sizeBytes);
  return new MemoryStore(sizeBytes, options.readOnly ?? false);
}

class MemoryStore implements BlockStore {
  readonly name = "memory";
  readonly size: number;
  readonly readOnly: boolean;
  readonly #extents = new Map<number, Uint8Array>();

  constructor(size: number, readOnly: boolean) {
    this.size = size;
    this.readOnly = readOnly;
  }

  read(buffer: Uint8Array, offset: number): void {
    const length = buffer.length;
    if (offset < 0 || offset + length > this.size) {
      throw beyondEnd("read", this.name, offset, length);
    }
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / EXTENT_BYTES);
      const start = offset + done - index * EXTENT_BYTES;
      const count = Math.min(length - done, EXTENT_BYTES - start);
      const extent = this.#extents.get(index);
      if (extent === undefined) buffer.fill(0, done, done + count);
      else buffer.set(extent.subarray(start, start + count), done);
      done += count;
    }
  }

  write(buffer: Uint8Array, offset: number): void {
    const length = buffer.length;
    if (this.readOnly) throw readOnlyStore(this.name, offset, length);
    if (offset < 0 || offset + length > this.size) {
      throw beyondEnd("write", this.name, offset, length);
    }
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / EXTENT_BYTES);
      const start = offset + done - index * EXTENT_BYTES;
      const count = Math.min(length - done, EXTENT_BYTES - start);
      this.#extent(index).set(buffer.subarray(done, done + count), start);
      done += count;
    }
  }

  flush(): void {}

  close(): void {
    this.#extents.clear();
  }

  #extent(index: number): Uint8Array {
    let extent = this.#extents.get(index);
    if (extent === undefined) {
      extent = new Uint8Array(EXTENT_BYTES);
      this.#extents.set(index, extent);
    }
    return extent;
  }
}
