import { alignedBytes } from "../native/aligned-bytes.ts";

/** Smaller ones are not worth having a size of their own. */
const LENGTH_MIN = 4096;
/** How many bytes are kept for the next one. */
const IDLE_BYTES_MAX = 16 * 1024 * 1024;

/** Aligned buffers to copy through, for those that are not. */
export class BouncePool {
  readonly #alignment: number;
  readonly #idle = new Map<number, Uint8Array[]>();
  #idleBytes = 0;

  constructor(alignment: number) {
    this.#alignment = Math.max(alignment, LENGTH_MIN);
  }

  /** `length` bytes, whatever is in them. */
  take(length: number): Uint8Array {
    const size = sizeFor(length);
    let whole = this.#idle.get(size)?.pop();
    if (whole === undefined) whole = alignedBytes(size, this.#alignment);
    else this.#idleBytes -= size;
    return whole.length === length ? whole : whole.subarray(0, length);
  }

  /** Gives back what {@link take} gave, once nobody writes to it any more. */
  give(bytes: Uint8Array): void {
    const size = sizeFor(bytes.length);
    if (this.#idleBytes + size > IDLE_BYTES_MAX) return;
    this.#idleBytes += size;
    const whole = new Uint8Array(bytes.buffer, bytes.byteOffset, size);
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [whole]);
    else idle.push(whole);
  }
}

function sizeFor(length: number): number {
  return length <= LENGTH_MIN ? LENGTH_MIN : 2 ** Math.ceil(Math.log2(length));
}
