import type { MemorySegment } from "./user-memory.ts";

/**
 * Memory of the handler that holds a command's data. It stands in the buffer pool while no
 * command has it, where the device lets the core reuse memory.
 */
export class DataBuffer {
  /** The handler's address of it. */
  readonly address: number;
  /** All bytes of it. */
  readonly bytes: Uint8Array;
  /** The pool's class, or -1 where it goes back to the handler after each command. */
  readonly sizeClass: number;
  /** In which of the pool's rounds it was last given back. */
  freedRound = 0;
  #cut: Uint8Array;

  constructor(address: number, bytes: Uint8Array, sizeClass: number) {
    this.address = address;
    this.bytes = bytes;
    this.sizeClass = sizeClass;
    this.#cut = bytes;
  }

  /** A buffer at `address` of a segment. */
  static of(segment: MemorySegment, address: number, length: number, sizeClass: number) {
    const start = address - segment.base;
    return new DataBuffer(address, segment.bytes.subarray(start, start + length), sizeClass);
  }

  /** The first `length` bytes: the view is kept, since most commands have the same length. */
  first(length: number): Uint8Array {
    if (this.#cut.length !== length) this.#cut = this.bytes.subarray(0, length);
    return this.#cut;
  }
}
