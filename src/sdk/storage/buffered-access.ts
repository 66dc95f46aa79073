import { writeSync } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { threadPoolIo } from "./file-io.ts";
import type { OpenFile } from "./open-file.ts";
import { pageCacheReader, type ReadNow } from "./page-cache.ts";
import { access, errnoError, systemError } from "./system-error.ts";

/**
 * Up to this many bytes are written on the event loop: into the page cache, which takes less
 * time than to hand them to another thread.
 */
const WRITE_NOW_BYTES_MAX = 128 * 1024;

/**
 * Copies of so many bytes are left to other threads (io_uring would make them here) where several
 * are wanted at a time. Of half as many, handing them over costs what it saves.
 */
const LONG_READ_BYTES_MIN = 512 * 1024;
/** So soon after another no initiator can have asked because it was answered. */
const FOLLOWS_MS_MAX = 0.05;
/** What was seen of several at a time holds for so long. */
const SEVERAL_MS = 50;

/** What the page cache takes at once. A part of it is written only once the rest was read. */
const PAGE_BYTES = 4096;

/** A write on the event loop that took this long has waited for the disk … */
const STALL_MS = 2;
/** … and so many times as long none is tried there: the kernel holds back whoever fills memory. */
const STALL_BACKOFF = 20;
const STALL_BACKOFF_MS_MAX = 200;

/** How a store reads and writes its file, once it is known that it may. */
export interface FileAccess {
  read(buffer: Uint8Array, offset: number): void | Promise<void>;
  write(buffer: Uint8Array, offset: number, durable: boolean): void | Promise<void>;
  /** Does `change` (a hole punched, say) to a range while no write is half way through it. */
  change(offset: number, length: number, change: () => Promise<void>): Promise<void>;
}

export interface BufferedOptions {
  /** Reads wait for another thread even where the page cache has what they want. */
  readonly readLater: boolean;
  /** The descriptor is O_DSYNC. */
  readonly synchronous: boolean;
  /** Milliseconds, for how long a write took. */
  readonly now: () => number;
}

/** Through the page cache: what it has, or takes, is done at once; the event loop never waits. */
export class BufferedAccess implements FileAccess {
  readonly #file: OpenFile;
  readonly #synchronous: boolean;
  readonly #now: () => number;
  /** How reads that need not wait are done; all wait where there is none. */
  readonly #readNow: ReadNow | undefined;
  readonly #oneByte = new Uint8Array(1);
  /** Long reads that other threads have. */
  #longReadCount = 0;
  #longReadEndedMs = Number.NEGATIVE_INFINITY;
  #severalUntilMs = Number.NEGATIVE_INFINITY;
  readonly #longReadOver = () => {
    this.#longReadCount--;
  };
  #stalledUntilMs = Number.NEGATIVE_INFINITY;
  /** Writes and changes that other threads have: each holds the file's lock for a while. */
  #laterCount = 0;
  readonly #laterOver = () => {
    this.#laterCount--;
  };

  constructor(file: OpenFile, path: string, options: BufferedOptions) {
    this.#file = file;
    this.#synchronous = options.synchronous;
    this.#now = options.now;
    this.#readNow = options.readLater ? undefined : pageCacheReader(file.fd, path);
  }

  read(buffer: Uint8Array, offset: number): void | Promise<void> {
    const isLong = buffer.length >= LONG_READ_BYTES_MIN;
    if (isLong && this.#isOneOfSeveral()) return this.#readElsewhere(buffer, offset);
    const done = this.#readNow === undefined ? 0 : this.#readNow(this.#file.fd, buffer, offset);
    if (isLong) this.#longReadEndedMs = this.#now();
    if (done === buffer.length) return undefined;
    return this.#file.read(buffer, offset, done);
  }

  #isOneOfSeveral(): boolean {
    const now = this.#now();
    if (this.#longReadCount > 0 || now - this.#longReadEndedMs < FOLLOWS_MS_MAX) {
      this.#severalUntilMs = now + SEVERAL_MS;
    }
    return now < this.#severalUntilMs;
  }

  #readElsewhere(buffer: Uint8Array, offset: number): Promise<void> {
    this.#longReadCount++;
    const work = this.#file.read(buffer, offset, 0, threadPoolIo);
    work.then(this.#longReadOver, this.#longReadOver);
    return work;
  }

  write(buffer: Uint8Array, offset: number, durable: boolean): void | Promise<void> {
    const file = this.#file;
    if (this.#synchronous) return file.write(buffer, offset, true, true);
    const now = this.#now();
    if (this.#mustWait(buffer.length, offset, now)) {
      return this.#later(this.#writeLater(buffer, offset, durable));
    }
    this.#writeNow(buffer, offset, now);
    return durable ? file.sync() : undefined;
  }

  change(_offset: number, _length: number, change: () => Promise<void>): Promise<void> {
    return this.#later(change());
  }

  #later(work: Promise<void>): Promise<void> {
    this.#laterCount++;
    work.then(this.#laterOver, this.#laterOver);
    return work;
  }

  /**
   * Written first, then flushed, and not both by one call: so that no room for the data, which
   * the initiator may mend, is not taken for a flush that lost what others wrote.
   */
  #writeLater(buffer: Uint8Array, offset: number, durable: boolean): Promise<void> {
    const file = this.#file;
    if (!durable) return file.write(buffer, offset, false, false);
    return file.during(async () => {
      await file.write(buffer, offset, false, false);
      await file.sync();
    });
  }

  #mustWait(length: number, offset: number, now: number): boolean {
    if (length > WRITE_NOW_BYTES_MAX || now < this.#stalledUntilMs) return true;
    const end = offset + length;
    return (
      (offset % PAGE_BYTES !== 0 && !this.#isCached(offset)) ||
      (end % PAGE_BYTES !== 0 && !this.#isCached(end - 1))
    );
  }

  #isCached(offset: number): boolean {
    return this.#readNow !== undefined && this.#readNow(this.#file.fd, this.#oneByte, offset) === 1;
  }

  #writeNow(buffer: Uint8Array, offset: number, beganMs: number): void {
    const { fd, name } = this.#file;
    const { length } = buffer;
    try {
      for (let done = 0; done < length;) {
        const count = writeSync(fd, buffer, done, length - done, offset + done);
        if (count === 0) throw errnoError(ERRNO.EIO, "nothing was written");
        done += count;
      }
    } catch (error) {
      throw systemError(error, access("write", name, offset, length));
    }
    const endedMs = this.#now();
    const tookMs = endedMs - beganMs;
    // Behind the writes of other threads it has waited for those. To leave it to them for that
    // would make it the next one's reason to wait, for ever.
    if (tookMs < STALL_MS || this.#laterCount > 0) return;
    this.#stalledUntilMs = endedMs + Math.min(tookMs * STALL_BACKOFF, STALL_BACKOFF_MS_MAX);
  }
}
