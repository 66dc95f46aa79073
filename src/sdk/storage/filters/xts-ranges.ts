import type { MaybePromise } from "../../handler.ts";
import type { SectorCipher } from "../../native/aes-xts.ts";

/** XTS enciphers so many bytes by themselves, as long as a sector is a multiple of them. */
export const XTS_BLOCK_BYTES = 16;

/** So much is done in one go, some 50 µs of work; then others get their turn. */
const TURN_BYTES = 256 * 1024;

/** What plain64 counts, whatever a sector has. */
const TWEAK_UNIT_BYTES = 512;

export interface XtsGeometry {
  readonly sectorSize: number;
  /** Added to every tweak. */
  readonly ivOffset: number;
  /** Ciphertext that is all zeros has never been written, and stands for zeros. */
  readonly emptyIsZero: boolean;
}

/** Encrypts and decrypts ranges that begin and end at multiples of 16 bytes. */
export class XtsRanges {
  readonly #cipher: SectorCipher;
  readonly #geometry: XtsGeometry;
  /** A sector of which only a part is wanted. */
  readonly #scratch: Uint8Array;

  constructor(cipher: SectorCipher, geometry: XtsGeometry) {
    this.#cipher = cipher;
    this.#geometry = geometry;
    this.#scratch = new Uint8Array(geometry.sectorSize);
  }

  /** `source` belongs at `offset`; its ciphertext goes to `target`, as long as `source`. */
  encrypt(source: Uint8Array, target: Uint8Array, offset: number): MaybePromise<void> {
    return this.#inTurns(source, target, offset, true);
  }

  /** Ciphertext from `offset` becomes plaintext where it is. */
  decrypt(bytes: Uint8Array, offset: number): MaybePromise<void> {
    return this.#inTurns(bytes, bytes, offset, false);
  }

  #inTurns(
    source: Uint8Array,
    target: Uint8Array,
    offset: number,
    encrypting: boolean,
  ): MaybePromise<void> {
    if (source.length <= TURN_BYTES) return this.#run(source, target, offset, encrypting);
    return this.#turns(source, target, offset, encrypting);
  }

  async #turns(
    source: Uint8Array,
    target: Uint8Array,
    offset: number,
    encrypting: boolean,
  ): Promise<void> {
    for (let done = 0; done < source.length; done += TURN_BYTES) {
      if (done > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      const end = done + TURN_BYTES;
      const part = source.subarray(done, end);
      this.#run(part, target.subarray(done, end), offset + done, encrypting);
    }
  }

  #run(source: Uint8Array, target: Uint8Array, offset: number, encrypting: boolean): void {
    const { sectorSize } = this.#geometry;
    for (let done = 0; done < source.length;) {
      const at = (offset + done) % sectorSize;
      const count = Math.min(sectorSize - at, source.length - done);
      const from = source.subarray(done, done + count);
      const to = source === target ? from : target.subarray(done, done + count);
      const tweak = (offset + done - at) / TWEAK_UNIT_BYTES + this.#geometry.ivOffset;
      if (!encrypting && this.#geometry.emptyIsZero) this.#decryptWritten(from, tweak, at);
      else this.#part(from, to, tweak, at, encrypting);
      done += count;
    }
  }

  /** Some bytes of one sector, `at` in it. Each block of them has its own place in the tweak. */
  #part(from: Uint8Array, to: Uint8Array, tweak: number, at: number, encrypting: boolean): void {
    const cipher = this.#cipher;
    const isWhole = from.length === this.#scratch.length;
    const input = isWhole ? from : this.#scratch;
    const output = isWhole ? to : this.#scratch;
    if (!isWhole) input.set(from, at);
    if (encrypting) cipher.encrypt(input, output, tweak);
    else cipher.decrypt(input, output, tweak);
    if (!isWhole) to.set(output.subarray(at, at + to.length));
  }

  /** Blocks of zeros stay zeros. Mostly there are none, and then it is one look a sector. */
  #decryptWritten(bytes: Uint8Array, tweak: number, at: number): void {
    let begin = 0;
    for (let block = 0; block <= bytes.length; block += XTS_BLOCK_BYTES) {
      if (block < bytes.length && !isEmpty(bytes, block)) continue;
      if (block > begin) {
        const part = bytes.subarray(begin, block);
        this.#part(part, part, tweak, at + begin, false);
      }
      begin = block + XTS_BLOCK_BYTES;
    }
  }
}

function isEmpty(bytes: Uint8Array, block: number): boolean {
  for (let i = block; i < block + XTS_BLOCK_BYTES; i++) if (bytes[i] !== 0) return false;
  return true;
}
