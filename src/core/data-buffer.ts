import type { Registration } from "./buffer-registration.ts";
import type { MemorySegment } from "./user-memory.ts";

/** Whose memory a buffer is. */
export interface BufferOwner {
  /** It has closed its device: nobody may use its buffers for another command. */
  readonly gone: boolean;
  /** The pool does not keep the buffer any longer. */
  bufferReleased(buffer: DataBuffer): void;
}

/**
 * Memory of the handler that holds a command's data. It stands in the buffer pool while no
 * command has it, where the device lets the core reuse memory.
 */
export class DataBuffer {
  /** The handler's address of it. */
  readonly address: number;
  /** All bytes of it. */
  readonly bytes: Uint8Array;
  /** The pool's class; negative where it goes back to the handler after its command. */
  readonly sizeClass: number;
  readonly owner: BufferOwner | undefined;
  /** In which of the pool's rounds it was last given back. */
  freedRound = 0;
  /** Target drivers that have mapped it; undefined where none ever did. */
  registrations: Registration[] | undefined = undefined;
  #cut: Uint8Array;

  constructor(address: number, bytes: Uint8Array, sizeClass: number, owner?: BufferOwner) {
    this.address = address;
    this.bytes = bytes;
    this.sizeClass = sizeClass;
    this.owner = owner;
    this.#cut = bytes;
  }

  /** A buffer at `address` of a segment. */
  static of(
    segment: MemorySegment,
    address: number,
    length: number,
    sizeClass: number,
    owner?: BufferOwner,
  ): DataBuffer {
    const start = address - segment.base;
    const bytes = segment.bytes.subarray(start, start + length);
    return new DataBuffer(address, bytes, sizeClass, owner);
  }

  /** The first `length` bytes: the view is kept, since most commands have the same length. */
  first(length: number): Uint8Array {
    if (this.#cut.length !== length) this.#cut = this.bytes.subarray(0, length);
    return this.#cut;
  }
}
