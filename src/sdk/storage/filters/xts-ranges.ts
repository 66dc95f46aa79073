import type { MaybePromise } from "../../handler.ts";
import type { SectorCipher, SectorRun } from "../../native/aes-xts.ts";

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
  readonly #sectors: SectorRun;
  /** A sector of which only a part is wanted. */
  readonly #scratch: Uint8Array;

  constructor(cipher: SectorCipher, geometry: XtsGeometry) {
    this.#cipher = cipher;
    this.#geometry = geometry;
    const { sectorSize: sectorBytes } = geometry;
    this.#sectors = { sectorBytes, tweakStep: sectorBytes / TWEAK_UNIT_BYTES };
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
    const { sectorSize, emptyIsZero } = this.#geometry;
    if (!encrypting && emptyIsZero && mayBeEmpty(source)) {
      return this.#decryptWritten(source, offset);
    }
    const { length } = source;
    const begin = Math.min(length, (sectorSize - (offset % sectorSize)) % sectorSize);
    const end = length - ((length - begin) % sectorSize);
    for (const [from, to] of [
      [0, begin],
      [begin, end],
      [end, length],
    ] as const) {
      if (to === from) continue;
      const isAll = to - from === length;
      const input = isAll ? source : source.subarray(from, to);
      const output = source === target ? input : isAll ? target : target.subarray(from, to);
      this.#piece(input, output, offset + from, encrypting);
    }
  }

  /** Whole sectors, or a part of one. */
  #piece(from: Uint8Array, to: Uint8Array, offset: number, encrypting: boolean): void {
    const { sectorSize, ivOffset } = this.#geometry;
    const at = offset % sectorSize;
    const tweak = (offset - at) / TWEAK_UNIT_BYTES + ivOffset;
    const isWhole = from.length % sectorSize === 0;
    if (!isWhole) this.#part(from, to, tweak, at, encrypting);
    else if (encrypting) this.#cipher.encrypt(from, to, tweak, this.#sectors);
    else this.#cipher.decrypt(from, to, tweak, this.#sectors);
  }

  /** Some bytes of one sector, `at` in it. Each block of them has its own place in the tweak. */
  #part(from: Uint8Array, to: Uint8Array, tweak: number, at: number, encrypting: boolean): void {
    const scratch = this.#scratch;
    scratch.set(from, at);
    if (encrypting) this.#cipher.encrypt(scratch, scratch, tweak);
    else this.#cipher.decrypt(scratch, scratch, tweak);
    to.set(scratch.subarray(at, at + to.length));
  }

  /** Blocks of zeros stay zeros; what is between them within a sector is decrypted. */
  #decryptWritten(bytes: Uint8Array, offset: number): void {
    const { sectorSize } = this.#geometry;
    let begin = 0;
    for (let block = 0; block <= bytes.length; block += XTS_BLOCK_BYTES) {
      const isEnd = block === bytes.length || isEmpty(bytes, block);
      const isNext = (offset + block) % sectorSize === 0;
      if (!isEnd && !isNext) continue;
      if (block > begin) {
        const written = bytes.subarray(begin, block);
        this.#piece(written, written, offset + begin, false);
      }
      begin = isEnd ? block + XTS_BLOCK_BYTES : block;
    }
  }
}

/** Whether a block of zeros can be among them: a quick look, since mostly there is none. */
function mayBeEmpty({ buffer, byteOffset, length }: Uint8Array): boolean {
  if (byteOffset % 4 !== 0) return true;
  const words = new Int32Array(buffer, byteOffset, length / 4);
  let i = 0;
  // Four blocks a turn: that takes half of the time.
  for (; i + 12 < words.length; i += 16) {
    if (words[i] === 0 || words[i + 4] === 0 || words[i + 8] === 0 || words[i + 12] === 0) {
      return true;
    }
  }
  for (; i < words.length; i += 4) if (words[i] === 0) return true;
  return false;
}

function isEmpty(bytes: Uint8Array, block: number): boolean {
  for (let i = block; i < block + XTS_BLOCK_BYTES; i++) if (bytes[i] !== 0) return false;
  return true;
}
