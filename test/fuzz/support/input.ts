/** The bytes of one execution, taken from the front. At the end there are zeros. */
export class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  /** Up to `length` bytes, less at the end. A copy. */
  take(length: number): Uint8Array {
    const part = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += part.length;
    return part;
  }
}
