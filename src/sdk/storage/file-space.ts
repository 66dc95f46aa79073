import { fstatSync, type Stats } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import type { Libc } from "../native/libc.ts";
import { SEEK_DATA, SEEK_HOLE } from "../native/libc.ts";
import type { Extent } from "./block-store.ts";
import { blockDeviceFacts } from "./block-device.ts";
import type { FileAccess } from "./buffered-access.ts";
import type { OpenFile } from "./open-file.ts";
import { access, errnoError } from "./system-error.ts";

// linux/falloc.h.
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;
const FALLOC_FL_ZERO_RANGE = 0x10;
/** linux/fs.h: the argument is two 64-bit numbers, offset and length in bytes. */
const BLKDISCARD = 0x1277;

/** What a file system or a block device can't do at all, as opposed to what failed. */
const NOT_POSSIBLE: readonly number[] = [ERRNO.EOPNOTSUPP, ERRNO.ENOTTY, ERRNO.EINVAL];

/** How many runs one look at a file gives at most, so that it does not take long. */
const EXTENTS_MAX = 128;
/** Where zeros have to be written out, so many bytes at a time. */
const ZEROES_BYTES = 256 * 1024;

/** The space of an open file: given back, zeroed, looked at. */
export class FileSpace {
  /** Whether what was trimmed reads as zeros: holes do, discarded blocks may. */
  readonly trimReadsZeroes: boolean;
  readonly canTrim: boolean;
  readonly canTellHoles: boolean;
  readonly #libc: Libc;
  readonly #file: OpenFile;
  readonly #access: FileAccess;
  /** Discards are about whole blocks of the device; undefined for a regular file. */
  readonly #discardUnit: number | undefined;

  constructor(libc: Libc, file: OpenFile, access_: FileAccess) {
    this.#libc = libc;
    this.#file = file;
    this.#access = access_;
    const stat = fstatSync(file.fd);
    this.#discardUnit = discardUnitOf(stat);
    this.trimReadsZeroes = this.#discardUnit === undefined;
    this.canTrim =
      this.#discardUnit === undefined ? this.#punchesHoles(stat.size) : this.#discardUnit > 0;
    this.canTellHoles = this.trimReadsZeroes && this.#seekHole(0) >= 0;
  }

  async trim(offset: number, length: number): Promise<void> {
    const what = () => access("trim", this.#file.name, offset, length);
    if (this.#discardUnit !== undefined) {
      await this.#discard(offset, length, this.#discardUnit, what);
      return;
    }
    await this.#fallocate(FALLOC_FL_PUNCH_HOLE, offset, length, what);
  }

  async writeZeroes(offset: number, length: number, mayTrim: boolean): Promise<void> {
    const what = () => access("zeroing", this.#file.name, offset, length);
    const punched =
      mayTrim && this.trimReadsZeroes
        ? await this.#fallocate(FALLOC_FL_PUNCH_HOLE, offset, length, what)
        : false;
    if (punched) return;
    if (await this.#fallocate(FALLOC_FL_ZERO_RANGE, offset, length, what)) return;
    const zeroes = new Uint8Array(Math.min(length, ZEROES_BYTES));
    for (let done = 0; done < length; done += zeroes.length) {
      const part = zeroes.subarray(0, Math.min(zeroes.length, length - done));
      await this.#access.write(part, offset + done, false);
    }
  }

  /** Runs from `offset` on: all of the range, or its first {@link EXTENTS_MAX}. */
  allocated(offset: number, length: number): Extent[] {
    const extents: Extent[] = [];
    const end = offset + length;
    for (let at = offset; at < end && extents.length < EXTENTS_MAX;) {
      const data = Math.min(this.#seekData(at), end);
      if (data > at) extents.push({ offset: at, length: data - at, allocated: false });
      if (data === end) break;
      const hole = Math.min(this.#seekHole(data), end);
      if (hole <= data) throw errnoError(ERRNO.EIO, `looking for holes in ${this.#file.name}`);
      extents.push({ offset: data, length: hole - data, allocated: true });
      at = hole;
    }
    return extents;
  }

  /** A hole behind the end changes nothing, and a file system without holes refuses it. */
  #punchesHoles(size: number): boolean {
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const behind = Math.ceil(size / ZEROES_BYTES) * ZEROES_BYTES;
    return this.#libc.fallocateNow(this.#file.fd, mode, behind, ZEROES_BYTES) === 0;
  }

  /** Where the next data is at or behind `at`; no more data is told as ENXIO. */
  #seekData(at: number): number {
    const data = this.#libc.lseek(this.#file.fd, at, SEEK_DATA);
    if (data >= 0) return data;
    const errno = this.#libc.errno();
    if (errno === ERRNO.ENXIO) return Number.POSITIVE_INFINITY;
    throw errnoError(errno, `looking for data in ${this.#file.name}`);
  }

  #seekHole(at: number): number {
    return this.#libc.lseek(this.#file.fd, at, SEEK_HOLE);
  }

  /** False where it can't be done to this file. */
  async #fallocate(
    mode: number,
    offset: number,
    length: number,
    what: () => string,
  ): Promise<boolean> {
    let possible = true;
    await this.#access.change(offset, length, () =>
      this.#file.call(what, (fd, done) => {
        this.#libc.fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, offset, length, (result) => {
          possible = !NOT_POSSIBLE.includes(-result);
          done(possible ? result : 0);
        });
      }),
    );
    return possible;
  }

  /** The whole blocks within the range: what is left of it at both ends stays. */
  async #discard(offset: number, length: number, unit: number, what: () => string): Promise<void> {
    const from = Math.ceil(offset / unit) * unit;
    const to = Math.floor((offset + length) / unit) * unit;
    if (to <= from) return;
    const range = BigUint64Array.of(BigInt(from), BigInt(to - from));
    const address = this.#libc.addressOf(new Uint8Array(range.buffer));
    await this.#access.change(from, to - from, () =>
      this.#file.call(what, (fd, done) => {
        this.#libc.ioctl(fd, BLKDISCARD, address, (result) => {
          // Read here, so that the memory is still there during the call.
          const possible = range[1] === 0n || !NOT_POSSIBLE.includes(-result);
          done(possible ? result : 0);
        });
      }),
    );
  }
}

/** Undefined for a regular file, 0 for a device without discard. */
function discardUnitOf(stat: Stats): number | undefined {
  if (!stat.isBlockDevice()) return undefined;
  const { discardMax, logicalBlockSize } = blockDeviceFacts(stat);
  return (discardMax ?? 0) > 0 ? (logicalBlockSize ?? 512) : 0;
}
