import * as fs from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { SystemError, UsageError } from "../../protocol/errors.ts";
import type { BlockStore } from "./block-store.ts";
import { sizeOfFile } from "./file-size.ts";
import { pageCacheReader, type ReadNow } from "./page-cache.ts";
import { access, beyondEnd, errnoError, readOnlyStore, systemError } from "./system-error.ts";

/**
 * Up to this many bytes are written on the event loop: into the page cache, which takes less
 * time than to hand them to another thread.
 */
const WRITE_NOW_BYTES_MAX = 64 * 1024;

export interface FileStoreOptions {
  /** Opens the file for reading only. */
  readonly readOnly?: boolean;
  /** Every write is durable when it is done (O_DSYNC). */
  readonly writeThrough?: boolean;
  /**
   * `"buffered"` reads what is in the page cache at once and everything else on Node's thread
   * pool; `"thread-pool"` reads everything there.
   */
  readonly engine?: "buffered" | "thread-pool";
}

/**
 * A regular file or a block device, through the page cache. The event loop never waits for the
 * disk: misses, large writes, and everything that must be durable go to Node's thread pool
 * (UV_THREADPOOL_SIZE threads, 4 by default).
 *
 * Opens the file at once. Throws `SystemError` where that fails and `UsageError` where `path` is
 * no file.
 */
export function fileStore(path: string, options: FileStoreOptions = {}): FileStore {
  return new FileStore(path, options);
}

export class FileStore implements BlockStore {
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
  readonly writeThrough: boolean;
  /** How reads that need not wait are done; all wait where there is none. */
  readonly #readNow: ReadNow | undefined;
  #fd: number;
  #size: number;
  /** Operations on the thread pool: the descriptor stays open until they are done. */
  #waiting = 0;
  #whenIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  /** Linux tells of lost writes once and then forgets them. We don't. */
  #flushError: SystemError | undefined;

  /** Use {@link fileStore}. */
  constructor(path: string, options: FileStoreOptions) {
    this.path = path;
    this.name = `file ${path}`;
    this.readOnly = options.readOnly ?? false;
    this.writeThrough = options.writeThrough ?? false;
    this.#fd = open(path, this.readOnly, this.writeThrough);
    try {
      this.#size = sizeOfFile(this.#fd, path);
      this.#readNow =
        options.engine === "thread-pool" ? undefined : pageCacheReader(this.#fd, path);
    } catch (error) {
      fs.closeSync(this.#fd);
      throw error;
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Looks how large the file is now. Returns the size in bytes. */
  refreshSize(): number {
    this.#size = sizeOfFile(this.#fd, this.path);
    return this.#size;
  }

  read(buffer: Uint8Array, offset: number): void | Promise<void> {
    if (offset < 0) throw beyondEnd("read", this.name, offset, buffer.length);
    const done = this.#readNow === undefined ? 0 : this.#readNow(this.#fd, buffer, offset);
    if (done === buffer.length) return undefined;
    return this.#readLater(buffer, offset, done);
  }

  write(buffer: Uint8Array, offset: number, fua: boolean): void | Promise<void> {
    if (this.readOnly) throw readOnlyStore(this.name, offset, buffer.length);
    if (offset < 0 || offset + buffer.length > this.#size) {
      throw beyondEnd("write", this.name, offset, buffer.length);
    }
    if (this.writeThrough) return this.#writeLater(buffer, offset, false);
    if (buffer.length > WRITE_NOW_BYTES_MAX) return this.#writeLater(buffer, offset, fua);
    this.#writeNow(buffer, offset);
    return fua ? this.flush() : undefined;
  }

  flush(): void | Promise<void> {
    if (this.readOnly) return undefined;
    return this.#later((resolve, reject) => this.#sync(resolve, reject));
  }

  /** Waits for what is under way, then closes the file. It flushes nothing. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Reads on the thread pool what follows the first `done` bytes. */
  #readLater(buffer: Uint8Array, offset: number, done: number): Promise<void> {
    const length = buffer.length;
    const fail = (error: unknown) => systemError(error, access("read", this.name, offset, length));
    return this.#later((resolve, reject) => {
      const next = () => {
        fs.read(this.#fd, buffer, done, length - done, offset + done, (error, count) => {
          if (error !== null) return reject(fail(error));
          if (count === 0) return reject(beyondEnd("read", this.name, offset, length));
          done += count;
          if (done === length) resolve();
          else next();
        });
      };
      next();
    });
  }

  #writeLater(buffer: Uint8Array, offset: number, durable: boolean): Promise<void> {
    const length = buffer.length;
    const what = () => access("write", this.name, offset, length);
    return this.#later((resolve, reject) => {
      let done = 0;
      const next = () => {
        fs.write(this.#fd, buffer, done, length - done, offset + done, (error, count) => {
          if (error !== null) return reject(systemError(error, what()));
          if (count === 0 && length > 0) return reject(errnoError(ERRNO.EIO, what()));
          done += count;
          if (done < length) next();
          else if (durable) this.#sync(resolve, reject);
          else resolve();
        });
      };
      next();
    });
  }

  #writeNow(buffer: Uint8Array, offset: number): void {
    this.#checkOpen();
    const length = buffer.length;
    try {
      for (let done = 0; done < length;) {
        const count = fs.writeSync(this.#fd, buffer, done, length - done, offset + done);
        if (count === 0) throw errnoError(ERRNO.EIO, "nothing was written");
        done += count;
      }
    } catch (error) {
      throw systemError(error, access("write", this.name, offset, length));
    }
  }

  /** fdatasync; once it has failed, every later one fails with the same error. */
  #sync(resolve: () => void, reject: (error: SystemError) => void): void {
    fs.fdatasync(this.#fd, (error) => {
      if (error !== null) this.#flushError ??= systemError(error, `flush of ${this.name}`);
      if (this.#flushError === undefined) resolve();
      else reject(this.#flushError);
    });
  }

  /** Starts something on the thread pool, and counts it as long as it lasts. */
  #later(
    start: (resolve: () => void, reject: (error: SystemError) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#waiting++;
      const over = () => {
        this.#waiting--;
        if (this.#waiting === 0) this.#whenIdle?.();
      };
      start(
        () => {
          resolve();
          over();
        },
        (error) => {
          reject(error);
          over();
        },
      );
    });
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw errnoError(ERRNO.EBADF, `${this.name} is closed`);
  }

  async #close(): Promise<void> {
    if (this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    const fd = this.#fd;
    this.#fd = -1;
    await new Promise<void>((resolve, reject) => {
      fs.close(fd, (error) => {
        if (error) reject(systemError(error, `close of ${this.name}`));
        else resolve();
      });
    });
  }
}

function open(path: string, readOnly: boolean, writeThrough: boolean): number {
  const { O_RDONLY, O_RDWR, O_DSYNC } = fs.constants;
  const flags = (readOnly ? O_RDONLY : O_RDWR) | (writeThrough ? O_DSYNC : 0);
  let stat: fs.Stats;
  try {
    // Asked before opening: to open a pipe or a terminal line may wait for ever.
    stat = fs.statSync(path);
  } catch (error) {
    throw systemError(error, `opening ${path}`);
  }
  if (!stat.isFile() && !stat.isBlockDevice()) {
    throw new UsageError(
      "FILE_STORE_PATH",
      `${path} is ${kindOf(stat)}: a file store needs a regular file or a block device`,
    );
  }
  try {
    return fs.openSync(path, flags);
  } catch (error) {
    throw systemError(error, `opening ${path}`);
  }
}

function kindOf(stat: fs.Stats): string {
  if (stat.isDirectory()) return "a directory";
  if (stat.isCharacterDevice()) return "a character device";
  if (stat.isFIFO()) return "a pipe";
  return "no file";
}
