import { ERRNO } from "../../../protocol/errno.ts";
import { UsageError } from "../../../protocol/errors.ts";
import type { SectorCipher } from "../../native/aes-xts.ts";
import type { BlockStore, Extent } from "../block-store.ts";
import { BouncePool } from "../bounce-pool.ts";
import { type HeldRange, RangeLock } from "../range-lock.ts";
import { beyondEnd, errnoError, readOnlyStore } from "../system-error.ts";
import { aesXts, type AesXtsImplementation } from "./aes-xts.ts";
import { XTS_BLOCK_BYTES, XtsRanges } from "./xts-ranges.ts";

export interface EncryptedStoreOptions {
  /** Bytes that are encrypted as one: 512 (the default), 1024, 2048 or 4096. */
  readonly sectorSize?: number;
  /** Where in the store below the first sector lies, in bytes. 0. */
  readonly offset?: number;
  /** Bytes from there on; all that there are, in whole sectors, by default. */
  readonly size?: number;
  /** Added to every sector's number, in units of 512 bytes ("iv_tweak", "--skip"). 0. */
  readonly ivOffset?: number;
  /**
   * Whether trims reach the store below, which shows everybody which parts are in use. What has
   * been trimmed (or never written) reads as zeros here, and as noise through dm-crypt.
   * By default nothing is trimmed: the store is not thinly provisioned.
   */
  readonly discards?: boolean;
  /** What encrypts; the best that there is by default. */
  readonly implementation?: AesXtsImplementation;
}

/** The bytes of dm-crypt's aes-xts-plain64: sectors are counted in 512 bytes whatever they have. */
const IV_UNIT_BYTES = 512;
const SECTOR_BYTES_MAX = 4096;
/** Memory of buffers is aligned for O_DIRECT. */
const PAGE_BYTES = 4096;

/**
 * Encrypts what is written to `below` as dm-crypt does with the cipher aes-xts-plain64.
 *
 * XTS enciphers each 16 bytes of a sector by themselves, so that reads and writes of a part of a
 * sector move only that part; what is no multiple of 16 is read, changed and written under a lock.
 *
 * @param key 64 bytes for AES-256, 32 for AES-128; the caller may wipe it afterwards
 * @throws UsageError XTS_KEY, ENCRYPTED_STORE
 */
export function encryptedStore(
  below: BlockStore,
  key: Uint8Array,
  options: EncryptedStoreOptions = {},
): BlockStore {
  const settings = checkOptions(below, options);
  return new EncryptedStore(below, aesXts(key, options.implementation), settings);
}

type Settings = Required<Omit<EncryptedStoreOptions, "implementation" | "size">> & {
  readonly size: number | undefined;
};

class EncryptedStore implements BlockStore {
  readonly name: string;
  readonly rotational?: boolean;
  readonly physicalBlockSize: number;
  readonly trim?: (offset: number, length: number) => Promise<void>;
  readonly allocated?: (offset: number, length: number) => Promise<readonly Extent[]>;
  readonly #below: BlockStore;
  readonly #settings: Settings;
  readonly #cipher: SectorCipher;
  readonly #ranges: XtsRanges;
  readonly #lock = new RangeLock();
  readonly #bounce = new BouncePool(PAGE_BYTES);
  #closed = false;

  constructor(below: BlockStore, cipher: SectorCipher, settings: Settings) {
    this.#below = below;
    this.#settings = settings;
    this.#cipher = cipher;
    const { sectorSize, ivOffset, discards } = settings;
    this.#ranges = new XtsRanges(cipher, { sectorSize, ivOffset, emptyIsZero: discards });
    this.name = `encrypted ${below.name}`;
    this.physicalBlockSize = Math.max(below.physicalBlockSize ?? 0, sectorSize);
    if (below.rotational !== undefined) this.rotational = below.rotational;
    if (!discards) return;
    if (below.trim !== undefined) this.trim = (from, length) => this.#trim(from, length);
    if (below.allocated !== undefined) this.allocated = (from, length) => this.#holes(from, length);
  }

  get size(): number {
    const { size, offset, sectorSize } = this.#settings;
    const there = Math.max(0, this.#below.size - offset);
    return size ?? there - (there % sectorSize);
  }

  get readOnly(): boolean {
    return this.#below.readOnly;
  }

  get onResize(): (() => void) | undefined {
    return this.#below.onResize;
  }

  set onResize(resized: (() => void) | undefined) {
    this.#below.onResize = resized;
  }

  read(buffer: Uint8Array, offset: number): void | Promise<void> {
    this.#check("read", offset, buffer.length);
    if (!isWhole(offset, buffer.length)) return this.#readPart(buffer, offset);
    const read = this.#below.read(buffer, this.#settings.offset + offset);
    if (read === undefined) return this.#ranges.decrypt(buffer, offset);
    return read.then(() => this.#ranges.decrypt(buffer, offset));
  }

  write(buffer: Uint8Array, offset: number, fua: boolean): void | Promise<void> {
    this.#checkChange("write", offset, buffer.length);
    if (buffer.length === 0) return this.#below.write(buffer, this.#settings.offset + offset, fua);
    if (!isWhole(offset, buffer.length)) return this.#writePart(buffer, offset, fua);
    const range = this.#lock.tryShare(offset, offset + buffer.length);
    if (range === undefined) return this.#writeLater(buffer, offset, fua);
    return this.#writeWhole(buffer, offset, fua, range);
  }

  flush(): void | Promise<void> {
    return this.#below.flush();
  }

  close(): void | Promise<void> {
    this.#closed = true;
    this.#cipher.close();
    return this.#below.close();
  }

  #check(verb: string, offset: number, length: number): void {
    if (this.#closed) throw errnoError(ERRNO.EBADF, `${this.name} is closed`);
    if (offset < 0 || offset + length > this.size) {
      throw beyondEnd(verb, this.name, offset, length);
    }
  }

  #checkChange(verb: string, offset: number, length: number): void {
    if (this.readOnly) throw readOnlyStore(this.name, offset, length, verb);
    this.#check(verb, offset, length);
  }

  /** Encrypts into a buffer of ours, since the caller's stays as it is, and writes that. */
  #writeWhole(
    buffer: Uint8Array,
    offset: number,
    fua: boolean,
    range: HeldRange,
  ): void | Promise<void> {
    const bounce = this.#bounce.take(buffer.length);
    const over = () => {
      this.#lock.release(range);
      this.#bounce.give(bounce);
    };
    let written: void | Promise<void>;
    try {
      const at = this.#settings.offset + offset;
      const encrypted = this.#ranges.encrypt(buffer, bounce, offset);
      written =
        encrypted === undefined
          ? this.#below.write(bounce, at, fua)
          : encrypted.then(() => this.#below.write(bounce, at, fua));
    } catch (error) {
      over();
      throw error;
    }
    if (written === undefined) return over();
    return written.finally(over);
  }

  async #writeLater(buffer: Uint8Array, offset: number, fua: boolean): Promise<void> {
    const range = await this.#lock.share(offset, offset + buffer.length);
    await this.#writeWhole(buffer, offset, fua, range);
  }

  /** Blocks that somebody is changing in part must not be read in between. */
  async #readPart(buffer: Uint8Array, offset: number): Promise<void> {
    const [from, to] = blocksOf(offset, buffer.length);
    const range = await this.#lock.share(from, to);
    try {
      const blocks = await this.#plain(from, to);
      buffer.set(blocks.subarray(offset - from, offset - from + buffer.length));
    } finally {
      this.#lock.release(range);
    }
  }

  async #writePart(buffer: Uint8Array, offset: number, fua: boolean): Promise<void> {
    const [from, to] = blocksOf(offset, buffer.length);
    const range = await this.#lock.exclude(from, to);
    try {
      const blocks = new Uint8Array(to - from);
      blocks.set(await this.#plain(from, from + XTS_BLOCK_BYTES));
      blocks.set(await this.#plain(to - XTS_BLOCK_BYTES, to), to - from - XTS_BLOCK_BYTES);
      blocks.set(buffer, offset - from);
      await this.#ranges.encrypt(blocks, blocks, from);
      await this.#below.write(blocks, this.#settings.offset + from, fua);
    } finally {
      this.#lock.release(range);
    }
  }

  async #plain(from: number, to: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(to - from);
    await this.#below.read(bytes, this.#settings.offset + from);
    await this.#ranges.decrypt(bytes, from);
    return bytes;
  }

  /** Ciphertext of zeros only is what has no content, and reads as zeros. */
  async #trim(offset: number, length: number): Promise<void> {
    this.#checkChange("trim", offset, length);
    const from = Math.ceil(offset / XTS_BLOCK_BYTES) * XTS_BLOCK_BYTES;
    const end = offset + length;
    const to = end - (end % XTS_BLOCK_BYTES);
    if (to <= from) return await this.write(new Uint8Array(length), offset, false);
    const range = await this.#lock.share(from, to);
    try {
      await this.#below.trim?.(this.#settings.offset + from, to - from);
    } finally {
      this.#lock.release(range);
    }
    if (from > offset) await this.write(new Uint8Array(from - offset), offset, false);
    if (end > to) await this.write(new Uint8Array(end - to), to, false);
  }

  async #holes(offset: number, length: number): Promise<readonly Extent[]> {
    this.#check("ask for the allocation", offset, length);
    const base = this.#settings.offset;
    const extents = (await this.#below.allocated?.(base + offset, length)) ?? [];
    return extents.map(({ offset: at, length: bytes, allocated }) => {
      return { offset: at - base, length: bytes, allocated };
    });
  }
}

function isWhole(offset: number, length: number): boolean {
  return offset % XTS_BLOCK_BYTES === 0 && length % XTS_BLOCK_BYTES === 0;
}

function blocksOf(offset: number, length: number): readonly [from: number, to: number] {
  const from = offset - (offset % XTS_BLOCK_BYTES);
  return [from, Math.ceil((offset + length) / XTS_BLOCK_BYTES) * XTS_BLOCK_BYTES];
}

function checkOptions(below: BlockStore, options: EncryptedStoreOptions): Settings {
  const { sectorSize = IV_UNIT_BYTES, offset = 0, size, ivOffset = 0, discards = false } = options;
  if (
    !Number.isInteger(Math.log2(sectorSize)) ||
    sectorSize < IV_UNIT_BYTES ||
    sectorSize > SECTOR_BYTES_MAX
  ) {
    throw wrong(`sectorSize ${sectorSize}: it must be 512, 1024, 2048 or 4096`);
  }
  for (const [name, value, unit] of [
    ["offset", offset, IV_UNIT_BYTES],
    ["size", size ?? 0, sectorSize],
    ["ivOffset", ivOffset, 1],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 0 || value % unit !== 0) {
      throw wrong(`${name} ${value}: it must be a whole number from 0 up, a multiple of ${unit}`);
    }
  }
  if (offset + (size ?? 0) > below.size) {
    throw wrong(
      `${below.name} has ${below.size} bytes, and the encrypted ones are to be ` +
        `${offset} to ${offset + (size ?? 0)}`,
    );
  }
  return { sectorSize, offset, size, ivOffset, discards };
}

function wrong(message: string): UsageError {
  return new UsageError("ENCRYPTED_STORE", message);
}
