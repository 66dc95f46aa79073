import { fstatSync } from "node:fs";

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
/** What a file system or a device can't do: to any range, or to one that is not whole blocks. */
const NOT_POSSIBLE: readonly number[] = [ERRNO.EOPNOTSUPP, ERRNO.EINVAL];

/** How many runs one look at a file gives at most, so that it does not take long. */
const EXTENTS_MAX = 128;
/** Where zeros have to be written out, so many bytes at a time. */
const ZEROES_BYTES = 256 * 1024;

/** The space of an open file: given back, zeroed, looked at. */
export class FileSpace {
  readonly canTrim: boolean;
  readonly canTellHoles: boolean;
  readonly #libc: Libc;
  readonly #file: OpenFile;
  readonly #access: FileAccess;
  /** Holes begin and end at multiples of this: anywhere in a file, at sectors of a device. */
  readonly #unit: number;

  constructor(libc: Libc, file: OpenFile, access_: FileAccess) {
    this.#libc = libc;
    this.#file = file;
    this.#access = access_;
    const stat = fstatSync(file.fd);
    const isDevice = stat.isBlockDevice();
    const facts = isDevice ? blockDeviceFacts(stat) : undefined;
    const { discardMax = 0, writeZeroesMax = 0, logicalBlockSize = 512 } = facts ?? {};
    this.#unit = isDevice ? logicalBlockSize : 1;
    // Linux punches holes into a device by having it write zeros, as it can: without that command
    // they would be written out, and what was free take space.
    this.canTrim = isDevice ? discardMax > 0 && writeZeroesMax > 0 : this.#punchesHoles(stat.size);
    this.canTellHoles = !isDevice && this.#seekHole(0) >= 0;
  }

  /**
   * A hole, which reads as zeros: of a device too, where BLKDISCARD would promise nothing. What
   * can't be one is written as zeros.
   */
  trim(offset: number, length: number): Promise<void> {
    return this.writeZeroes(offset, length, true);
  }

  async writeZeroes(offset: number, length: number, mayTrim: boolean): Promise<void> {
    const what = () => access("zeroing", this.#file.name, offset, length);
    const from = Math.ceil(offset / this.#unit) * this.#unit;
    const to = Math.floor((offset + length) / this.#unit) * this.#unit;
    if (to <= from) return await this.#writeOut(offset, length);
    const punched =
      mayTrim &&
      this.canTrim &&
      (await this.#fallocate(FALLOC_FL_PUNCH_HOLE, from, to - from, what));
    if (!punched && !(await this.#fallocate(FALLOC_FL_ZERO_RANGE, from, to - from, what))) {
      await this.#writeOut(from, to - from);
    }
    // What the whole blocks of a device leave at both ends.
    await this.#writeOut(offset, from - offset);
    await this.#writeOut(to, offset + length - to);
  }

  async #writeOut(offset: number, length: number): Promise<void> {
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
}
