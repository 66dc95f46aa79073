import {
  BasicHeaderSegment,
  BHS_LENGTH,
  crc32c,
  DIGEST_LENGTH,
  digestAt,
  padded,
} from "../../../src/protocol/iscsi/index.ts";

/** So many PDUs of a connection have their digests checked. */
const CHECKED_COUNT = 64;

const NO_DATA = new Uint8Array(0);

const basic = BasicHeaderSegment.view();

/**
 * Cuts what a target sends into PDUs. Only the text of a login and the digests of the first PDUs
 * are looked at: it is not the client that is to be measured.
 */
export class PduStream {
  digests = false;
  /** Whether data segments are given to whoever receives the PDUs. */
  keepsData = true;
  readonly #header = new Uint8Array(BHS_LENGTH + DIGEST_LENGTH);
  readonly #received: (header: Uint8Array, data: Uint8Array) => void;
  #headerLength = 0;
  #dataLength = 0;
  /** Bytes of data, padding and digest that are still to come. */
  #left = 0;
  #data: Uint8Array | undefined;
  #checked = 0;

  constructor(received: (header: Uint8Array, data: Uint8Array) => void) {
    this.#received = received;
  }

  receive(bytes: Uint8Array, length: number): void {
    let at = 0;
    while (at < length) {
      at = this.#left > 0 ? this.#body(bytes, at, length) : this.#head(bytes, at, length);
    }
  }

  #head(bytes: Uint8Array, at: number, length: number): number {
    const needed = BHS_LENGTH + (this.digests ? DIGEST_LENGTH : 0);
    const count = Math.min(needed - this.#headerLength, length - at);
    for (let i = 0; i < count; i++) this.#header[this.#headerLength + i] = bytes[at + i] as number;
    this.#headerLength += count;
    if (this.#headerLength < needed) return at + count;
    this.#headerLength = 0;
    this.#dataLength = basic.at(0, this.#header).dataSegmentLength;
    const tail = this.#dataLength > 0 && this.digests ? DIGEST_LENGTH : 0;
    this.#left = padded(this.#dataLength) + tail;
    const checked = this.digests && this.#checked < CHECKED_COUNT;
    if (checked) this.#expect(this.#header, BHS_LENGTH, "header");
    this.#data = checked || this.keepsData ? new Uint8Array(this.#left) : undefined;
    if (this.#left === 0) this.#over();
    return at + count;
  }

  #body(bytes: Uint8Array, at: number, length: number): number {
    const count = Math.min(this.#left, length - at);
    this.#data?.set(bytes.subarray(at, at + count), this.#data.length - this.#left);
    this.#left -= count;
    if (this.#left === 0) this.#over();
    return at + count;
  }

  #over(): void {
    const data = this.#data;
    this.#data = undefined;
    if (this.digests && data !== undefined) {
      this.#checked++;
      if (data.length > 0) this.#expect(data, data.length - DIGEST_LENGTH, "data");
    }
    this.#received(this.#header, data?.subarray(0, this.#dataLength) ?? NO_DATA);
  }

  #expect(bytes: Uint8Array, at: number, what: string): void {
    if (crc32c(bytes, 0, at) !== digestAt(bytes, at)) throw new Error(`a ${what} digest is wrong`);
  }
}
