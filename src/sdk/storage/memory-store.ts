import type { BlockStore, Extent } from "./block-store.ts";
import { checkSize } from "./null-store.ts";
import { beyondEnd, readOnlyStore } from "./system-error.ts";

/** Memory is taken in pieces of this size, when they are first written to. */
const PIECE_BYTES = 64 * 1024;

/** Runs that one call of `allocated` gives. */
const RUNS_MAX = 1024;

export interface MemoryStoreOptions {
  readonly readOnly?: boolean;
}

/**
 * Bytes in memory, zeros at first. Memory is taken only for what was written, so that a store of
 * many terabytes costs nothing until it is used, and given back for what is trimmed.
 */
export function memoryStore(sizeBytes: number, options: MemoryStoreOptions = {}): MemoryStore {
  checkSize("a memory store", sizeBytes);
  return new MemoryStore(sizeBytes, options.readOnly ?? false);
}

/** Use {@link memoryStore}. */
export class MemoryStore implements BlockStore {
  readonly name = "memory";
  readonly readOnly: boolean;
  readonly rotational = false;
  /** A loss of power takes everything: no write is ever there in part. */
  readonly atomicBytes = 1024 * 1024;
  onResize: (() => void) | undefined;
  #size: number;
  readonly #pieces = new Map<number, Uint8Array>();

  constructor(size: number, readOnly: boolean) {
    this.#size = size;
    this.readOnly = readOnly;
  }

  get size(): number {
    return this.#size;
  }

  /** Makes it larger or smaller; what is beyond a new end is gone. */
  resize(sizeBytes: number): void {
    checkSize("a memory store", sizeBytes);
    if (sizeBytes < this.#size) this.#clear(sizeBytes, this.#size - sizeBytes);
    this.#size = sizeBytes;
    this.onResize?.();
  }

  read(buffer: Uint8Array, offset: number): void {
    this.#check("read", offset, buffer.length);
    this.#eachPiece(offset, buffer.length, (index, start, done, count) => {
      const piece = this.#pieces.get(index);
      if (piece === undefined) buffer.fill(0, done, done + count);
      else buffer.set(piece.subarray(start, start + count), done);
    });
  }

  write(buffer: Uint8Array, offset: number): void {
    this.#checkWrite("write", offset, buffer.length);
    this.#eachPiece(offset, buffer.length, (index, start, done, count) => {
      this.#piece(index).set(buffer.subarray(done, done + count), start);
    });
  }

  trim(offset: number, length: number): void {
    this.#checkWrite("trim", offset, length);
    this.#clear(offset, length);
  }

  writeZeroes(offset: number, length: number): void {
    this.#checkWrite("write zeroes", offset, length);
    this.#clear(offset, length);
  }

  allocated(offset: number, length: number): readonly Extent[] {
    this.#check("ask for the allocation", offset, length);
    const runs: { offset: number; length: number; allocated: boolean }[] = [];
    const end = offset + length;
    for (let at = offset; at < end;) {
      const index = Math.floor(at / PIECE_BYTES);
      const count = Math.min(end, (index + 1) * PIECE_BYTES) - at;
      const allocated = this.#pieces.has(index);
      const last = runs.at(-1);
      if (last?.allocated === allocated) last.length += count;
      else if (runs.length === RUNS_MAX) break;
      else runs.push({ offset: at, length: count, allocated });
      at += count;
    }
    return runs;
  }

  flush(): void {}

  close(): void {
    this.#pieces.clear();
  }

  #check(verb: string, offset: number, length: number): void {
    if (offset < 0 || offset + length > this.#size) {
      throw beyondEnd(verb, this.name, offset, length);
    }
  }

  #checkWrite(verb: string, offset: number, length: number): void {
    if (this.readOnly) throw readOnlyStore(this.name, offset, length);
    this.#check(verb, offset, length);
  }

  /** Makes a range zeros: whole pieces go. */
  #clear(offset: number, length: number): void {
    if (length >= this.#pieces.size * PIECE_BYTES) {
      // Of a huge range only the pieces that are there are looked at.
      for (const index of this.#pieces.keys()) this.#clearPiece(index, offset, length);
      return;
    }
    this.#eachPiece(offset, length, (index) => this.#clearPiece(index, offset, length));
  }

  #clearPiece(index: number, offset: number, length: number): void {
    const start = Math.max(0, offset - index * PIECE_BYTES);
    const end = Math.min(PIECE_BYTES, offset + length - index * PIECE_BYTES);
    if (start === 0 && end === PIECE_BYTES) this.#pieces.delete(index);
    else if (end > start) this.#pieces.get(index)?.fill(0, start, end);
  }

  #eachPiece(
    offset: number,
    length: number,
    use: (index: number, start: number, done: number, count: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / PIECE_BYTES);
      const start = offset + done - index * PIECE_BYTES;
      const count = Math.min(length - done, PIECE_BYTES - start);
      use(index, start, done, count);
      done += count;
    }
  }

  #piece(index: number): Uint8Array {
    let piece = this.#pieces.get(index);
    if (piece === undefined) {
      piece = new Uint8Array(PIECE_BYTES);
      this.#pieces.set(index, piece);
    }
    return piece;
  }
}
