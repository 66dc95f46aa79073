import type { BlockStore, Extent } from "./block-store.ts";
import { checkSize } from "./null-store.ts";
import { beyondEnd, readOnlyStore } from "./system-error.ts";

/** Memory is taken in pieces of this size, when they are first written to. */
const EXTENT_BYTES = 1024 * 1024;

/** How many runs one answer about holes has at most. */
const RUNS_MAX = 128;

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
  readonly trimReadsZeroes = true;
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

  /** Whole extents are let go of, parts of them become zeros. */
  trim(offset: number, length: number): void {
    if (this.readOnly) throw readOnlyStore(this.name, offset, length, "trim");
    if (offset < 0 || offset + length > this.size) {
      throw beyondEnd("trim", this.name, offset, length);
    }
    const end = offset + length;
    for (const [index, extent] of this.#extents) {
      const from = Math.max(offset - index * EXTENT_BYTES, 0);
      const to = Math.min(end - index * EXTENT_BYTES, EXTENT_BYTES);
      if (from >= to) continue;
      if (to - from === EXTENT_BYTES) this.#extents.delete(index);
      else extent.fill(0, from, to);
    }
  }

  writeZeroes(offset: number, length: number): void {
    this.trim(offset, length);
  }

  allocated(offset: number, length: number): Extent[] {
    if (offset < 0 || offset + length > this.size) {
      throw beyondEnd("look for holes", this.name, offset, length);
    }
    const end = offset + length;
    const runs: Extent[] = [];
    for (let at = offset; at < end && runs.length < RUNS_MAX;) {
      const first = Math.floor(at / EXTENT_BYTES);
      const allocated = this.#extents.has(first);
      const next = this.#nextOther(first, Math.ceil(end / EXTENT_BYTES), allocated);
      const to = Math.min(end, next * EXTENT_BYTES);
      runs.push({ offset: at, length: to - at, allocated });
      at = to;
    }
    return runs;
  }

  flush(): void {}

  close(): void {
    this.#extents.clear();
  }

  /** The first extent from `index` up to `end` that is not as `index` is. */
  #nextOther(index: number, end: number, allocated: boolean): number {
    if (allocated) {
      let next = index + 1;
      while (next < end && this.#extents.has(next)) next++;
      return next;
    }
    let next = end;
    for (const other of this.#extents.keys()) if (other > index) next = Math.min(next, other);
    return next;
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
