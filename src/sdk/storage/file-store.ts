import * as fs from "node:fs";

import { loadLibc } from "../native/libc.ts";
import { blockDeviceFacts } from "./block-device.ts";
import type { BlockStore, Extent, WriteZeroesOptions } from "./block-store.ts";
import { BufferedAccess, type FileAccess } from "./buffered-access.ts";
import { DirectAccess } from "./direct-access.ts";
import { directAlignment } from "./direct-alignment.ts";
import { chooseFileIo } from "./file-io.ts";
import { sizeOfFile } from "./file-size.ts";
import { FileSpace } from "./file-space.ts";
import { OpenFile } from "./open-file.ts";
import { openPath } from "./open-path.ts";
import { beyondEnd, cutShort, readOnlyStore, systemError } from "./system-error.ts";

export interface FileStoreOptions {
  /** Opens the file for reading only. */
  readonly readOnly?: boolean;
  /** Every write is durable when it is done (O_DSYNC). */
  readonly writeThrough?: boolean;
  /**
   * `"buffered"`, the default: through the page cache; what it has is read at once.
   * `"direct"`: past it (O_DIRECT), for files that are larger than memory or that others cache.
   * `"thread-pool"`: through the page cache, and every read on Node's thread pool.
   */
  readonly engine?: "buffered" | "direct" | "thread-pool";
  /**
   * How what must wait for the disk is waited for: by io_uring where it is to be had, by Node's
   * thread pool (UV_THREADPOOL_SIZE threads, 4 by default) otherwise. To have io_uring or nothing,
   * say so: opening throws where there is none.
   */
  readonly io?: "io_uring" | "thread-pool";
}

/**
 * A regular file or a block device. The event loop never waits for the disk.
 *
 * With `"direct"` the size is cut to whole units of what the file system demands, mostly 512
 * bytes. What koffi is needed for (holes, io_uring, O_DIRECT) is absent without it.
 *
 * Opens the file at once. Throws `SystemError` where that fails and `UsageError` where `path` is
 * no file, or the engine can't be had for it.
 */
export function fileStore(path: string, options: FileStoreOptions = {}): FileStore {
  return new FileStore(path, options);
}

export class FileStore implements BlockStore {
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
  readonly writeThrough: boolean;
  readonly engine: "buffered" | "direct" | "thread-pool";
  readonly rotational?: boolean;
  readonly physicalBlockSize?: number;
  readonly trim?: (offset: number, length: number) => Promise<void>;
  readonly writeZeroes?: (
    offset: number,
    length: number,
    options: WriteZeroesOptions,
  ) => Promise<void>;
  readonly allocated?: (offset: number, length: number) => readonly Extent[];
  /** Called when {@link refreshSize} finds another size than before. */
  onResize: (() => void) | undefined;
  readonly #file: OpenFile;
  readonly #access: FileAccess;
  /** The size is a multiple of this. */
  readonly #unit: number;
  #size: number;
  /** Where the file ends as far as we know: before `size` where somebody has cut it short. */
  #end: number;

  /** Use {@link fileStore}. */
  constructor(path: string, options: FileStoreOptions) {
    const { readOnly = false, writeThrough = false, engine = "buffered" } = options;
    this.path = path;
    this.name = `file ${path}`;
    this.readOnly = readOnly;
    this.writeThrough = writeThrough;
    this.engine = engine;
    const direct = engine === "direct";
    const io = chooseFileIo(engine === "thread-pool" ? "thread-pool" : options.io);
    const fd = openPath(path, { readOnly, synchronous: writeThrough, direct });
    try {
      this.#file = new OpenFile(fd, this.name, io, () => this.#lookForEnd());
      const alignment = direct ? directAlignment(fd, path) : undefined;
      this.#unit = alignment?.unit ?? 1;
      this.#file.unit = this.#unit;
      this.#access =
        alignment === undefined
          ? new BufferedAccess(this.#file, path, {
              readLater: engine === "thread-pool",
              synchronous: writeThrough,
              now: () => performance.now(),
            })
          : new DirectAccess(this.#file, alignment, writeThrough);
      this.#size = this.#sizeNow();
      this.#end = this.#size;
      Object.assign(this, mediumOf(fd), this.#spaceMethods());
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** What koffi is needed for, and the file or its file system may not have. */
  #spaceMethods(): Pick<BlockStore, "trim" | "writeZeroes" | "allocated"> {
    const libc = loadLibc();
    if (libc === undefined) return {};
    const space = new FileSpace(libc, this.#file, this.#access);
    const trim = (offset: number, length: number) => this.#trim(space, offset, length);
    return {
      ...(space.canTellHoles
        ? { allocated: (offset, length) => this.#allocated(space, offset, length) }
        : {}),
      ...(this.readOnly
        ? {}
        : { writeZeroes: (offset, length, how) => this.#zero(space, offset, length, how) }),
      ...(space.canTrim && !this.readOnly ? { trim } : {}),
    };
  }

  get size(): number {
    return this.#size;
  }

  /** What waits for the disk: `"io_uring"` or `"thread-pool"`. */
  get io(): "io_uring" | "thread-pool" {
    return this.#file.io.name;
  }

  /** Looks how large the file is now, and tells who wants to know. Returns the size in bytes. */
  refreshSize(): number {
    this.#file.checkOpen();
    const size = this.#sizeNow();
    this.#end = size;
    if (size !== this.#size) {
      this.#size = size;
      this.onResize?.();
    }
    return size;
  }

  /** Makes the file longer, by zeros without space, or shorter. */
  resize(sizeBytes: number): void {
    this.#file.checkOpen();
    if (this.readOnly) throw readOnlyStore(this.name, 0, sizeBytes, "resize");
    try {
      fs.ftruncateSync(this.#file.fd, sizeBytes);
    } catch (error) {
      throw systemError(error, `resizing ${this.name} to ${sizeBytes} bytes`);
    }
    this.refreshSize();
  }

  read(buffer: Uint8Array, offset: number): void | Promise<void> {
    this.#file.checkOpen();
    if (offset < 0 || offset + buffer.length > this.#size) {
      throw beyondEnd("read", this.name, offset, buffer.length);
    }
    if (buffer.length === 0) return undefined;
    return this.#access.read(buffer, offset);
  }

  write(buffer: Uint8Array, offset: number, fua: boolean): void | Promise<void> {
    this.#checkChange("write", offset, buffer.length);
    if (buffer.length === 0) return fua ? this.flush() : undefined;
    return this.#access.write(buffer, offset, fua);
  }

  flush(): void | Promise<void> {
    this.#file.checkOpen();
    if (this.readOnly) return undefined;
    this.#lookForEnd();
    if (this.#end < this.#size) throw cutShort("flush", this.name, this.#end);
    return this.#file.sync();
  }

  /** Waits for what is under way, then closes the file. It flushes nothing. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #sizeNow(): number {
    const size = sizeOfFile(this.#file.fd, this.path);
    return size - (size % this.#unit);
  }

  /** A file that somebody made smaller: what is written behind its end would hide the loss. */
  #lookForEnd(): void {
    this.#end = Math.min(this.#end, this.#sizeNow());
  }

  #checkChange(verb: string, offset: number, length: number): void {
    this.#file.checkOpen();
    if (this.readOnly) throw readOnlyStore(this.name, offset, length, verb);
    if (offset < 0 || offset + length > this.#size) {
      throw beyondEnd(verb, this.name, offset, length);
    }
    if (offset + length > this.#end) throw cutShort(verb, this.name, this.#end);
  }

  #trim(space: FileSpace, offset: number, length: number): Promise<void> {
    this.#checkChange("trim", offset, length);
    return this.#file.during(async () => {
      if (length > 0) await space.trim(offset, length);
      if (this.writeThrough) await this.#file.sync();
    });
  }

  #zero(
    space: FileSpace,
    offset: number,
    length: number,
    { mayTrim, fua }: WriteZeroesOptions,
  ): Promise<void> {
    this.#checkChange("zeroing", offset, length);
    return this.#file.during(async () => {
      if (length > 0) await space.writeZeroes(offset, length, mayTrim);
      if (fua || this.writeThrough) await this.#file.sync();
    });
  }

  #allocated(space: FileSpace, offset: number, length: number): readonly Extent[] {
    this.#file.checkOpen();
    if (offset < 0 || offset + length > this.#size) {
      throw beyondEnd("look for holes", this.name, offset, length);
    }
    return space.allocated(offset, length);
  }
}

/** What the device under the file is like, as far as the system says. */
function mediumOf(fd: number): { rotational?: boolean; physicalBlockSize?: number } {
  const stat = fs.fstatSync(fd);
  const { rotational, physicalBlockSize } = blockDeviceFacts(stat);
  return {
    ...(rotational === undefined ? {} : { rotational }),
    // A file's blocks are its file system's business, which hides those of the device.
    ...(physicalBlockSize === undefined || !stat.isBlockDevice() ? {} : { physicalBlockSize }),
  };
}
