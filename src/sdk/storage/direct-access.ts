import { type Libc, loadLibc } from "../native/libc.ts";
import type { FileAccess } from "./buffered-access.ts";
import { BouncePool } from "./bounce-pool.ts";
import type { DirectAlignment } from "./direct-alignment.ts";
import type { OpenFile } from "./open-file.ts";
import { type HeldRange, RangeLock } from "./range-lock.ts";

/**
 * Past the page cache (O_DIRECT): whole units between the disk and the caller's buffer, without a
 * copy. Where a buffer is not aligned its bytes are copied; where a write is less than a unit, the
 * rest of the unit is read first, and no other write may touch it meanwhile.
 */
export class DirectAccess implements FileAccess {
  readonly #file: OpenFile;
  readonly #synchronous: boolean;
  readonly #unit: number;
  readonly #memory: number;
  readonly #bounce: BouncePool;
  readonly #lock = new RangeLock();
  readonly #libc: Libc | undefined;

  /** @param synchronous the descriptor is O_DSYNC */
  constructor(file: OpenFile, alignment: DirectAlignment, synchronous: boolean) {
    this.#file = file;
    this.#synchronous = synchronous;
    this.#unit = alignment.unit;
    this.#memory = alignment.memory;
    this.#bounce = new BouncePool(alignment.memory);
    this.#libc = loadLibc();
  }

  read(buffer: Uint8Array, offset: number): Promise<void> {
    if (this.#isWhole(offset, buffer.length) && this.#isAligned(buffer)) {
      return this.#file.read(buffer, offset);
    }
    return this.#readThrough(buffer, offset);
  }

  write(buffer: Uint8Array, offset: number, durable: boolean): Promise<void> {
    const must = durable || this.#synchronous;
    const { length } = buffer;
    if (!this.#isWhole(offset, length)) return this.#changeUnits(buffer, offset, must);
    if (!this.#isAligned(buffer)) return this.#writeThrough(buffer, offset, must);
    const range = this.#lock.tryShare(offset, offset + length);
    if (range === undefined) return this.#writeThrough(buffer, offset, must);
    return this.#released(range, this.#file.write(buffer, offset, must, this.#synchronous));
  }

  change(offset: number, length: number, change: () => Promise<void>): Promise<void> {
    return this.#file.during(async () => {
      const [from, to] = this.#unitsOf(offset, length);
      const range = this.#isWhole(offset, length)
        ? await this.#lock.share(from, to)
        : await this.#lock.exclude(from, to);
      await this.#released(range, change());
    });
  }

  #isWhole(offset: number, length: number): boolean {
    return offset % this.#unit === 0 && length % this.#unit === 0;
  }

  #isAligned(buffer: Uint8Array): boolean {
    return this.#libc !== undefined && this.#libc.addressOf(buffer) % this.#memory === 0;
  }

  #unitsOf(offset: number, length: number): [from: number, to: number] {
    const unit = this.#unit;
    return [offset - (offset % unit), Math.ceil((offset + length) / unit) * unit];
  }

  #readThrough(buffer: Uint8Array, offset: number): Promise<void> {
    const [from, to] = this.#unitsOf(offset, buffer.length);
    return this.#borrowed(to - from, async (bounce) => {
      await this.#file.read(bounce, from);
      buffer.set(bounce.subarray(offset - from, offset - from + buffer.length));
    });
  }

  /** Whole units from a buffer that is not aligned, or that have to wait for others. */
  #writeThrough(buffer: Uint8Array, offset: number, durable: boolean): Promise<void> {
    return this.#borrowed(buffer.length, async (bounce) => {
      bounce.set(buffer);
      const range = await this.#lock.share(offset, offset + buffer.length);
      await this.#released(range, this.#file.write(bounce, offset, durable, this.#synchronous));
    });
  }

  /** Reads the units at both ends, puts the new bytes over them, and writes it all. */
  #changeUnits(buffer: Uint8Array, offset: number, durable: boolean): Promise<void> {
    const [from, to] = this.#unitsOf(offset, buffer.length);
    const unit = this.#unit;
    return this.#borrowed(to - from, async (bounce) => {
      const range = await this.#lock.exclude(from, to);
      const work = async () => {
        const startsInside = offset > from;
        if (startsInside) await this.#file.read(bounce.subarray(0, unit), from);
        if (offset + buffer.length < to && !(startsInside && to - from === unit)) {
          await this.#file.read(bounce.subarray(to - from - unit), to - unit);
        }
        bounce.set(buffer, offset - from);
        await this.#file.write(bounce, from, durable, this.#synchronous);
      };
      await this.#released(range, work());
    });
  }

  /** Has `use` done with a buffer of the pool, and the file stay open. */
  #borrowed(length: number, use: (bounce: Uint8Array) => Promise<void>): Promise<void> {
    return this.#file.during(async () => {
      const bounce = this.#bounce.take(length);
      try {
        await use(bounce);
      } finally {
        // Every step is over by now, failed or not: nothing writes to it any more.
        this.#bounce.give(bounce);
      }
    });
  }

  #released(range: HeldRange, work: Promise<void>): Promise<void> {
    const release = () => this.#lock.release(range);
    work.then(release, release);
    return work;
  }
}
