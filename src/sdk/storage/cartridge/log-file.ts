import * as fs from "node:fs";

import { ERRNO } from "../../../protocol/errno.ts";
import { errnoError, systemError } from "../system-error.ts";

type FileHandle = fs.promises.FileHandle;

/** What O_DIRECT wants offsets, lengths and addresses to be multiples of, or a divisor of this. */
export const DIRECT_UNIT_BYTES = 4096;
/** Less than this is not worth waiting for the disk. */
const DIRECT_BYTES_MIN = 256 * 1024;

/**
 * A file that is read and written at offsets, on Node's thread pool. What is long and aligned is
 * written past the page cache where the file system allows that: to find a new page there for
 * what is written once takes the kernel longer than to give it to the disk from where it is.
 */
export class LogFile {
  readonly path: string;
  readonly readOnly: boolean;
  readonly #handle: FileHandle;
  /** The file opened again, with O_DIRECT; null where that does not work. */
  #direct: FileHandle | null | undefined;
  #syncError: unknown;

  /** Use {@link LogFile.open}. */
  constructor(path: string, readOnly: boolean, handle: FileHandle) {
    this.path = path;
    this.readOnly = readOnly;
    this.#handle = handle;
  }

  /** Opens a file, which is made where `create` says so. Throws SystemError. */
  static async open(
    path: string,
    options: { readonly create?: boolean; readonly readOnly?: boolean } = {},
  ): Promise<LogFile> {
    const flags = options.readOnly === true ? "r" : options.create === true ? "wx+" : "r+";
    try {
      return new LogFile(path, options.readOnly === true, await fs.promises.open(path, flags));
    } catch (cause) {
      throw systemError(cause, `opening ${path}`);
    }
  }

  async size(): Promise<number> {
    try {
      return (await this.#handle.stat()).size;
    } catch (cause) {
      throw systemError(cause, `looking at ${this.path}`);
    }
  }

  /** Reads as much as there is, up to the buffer's length. Gives how many bytes it got. */
  async read(buffer: Uint8Array, offset: number): Promise<number> {
    let done = 0;
    try {
      while (done < buffer.length) {
        const rest = buffer.length - done;
        const { bytesRead } = await this.#handle.read(buffer, done, rest, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (cause) {
      throw systemError(
        cause,
        `read of ${buffer.length} bytes at offset ${offset} of ${this.path}`,
      );
    }
    return done;
  }

  async write(buffer: Uint8Array, offset: number): Promise<void> {
    const what = `write of ${buffer.length} bytes at offset ${offset} of ${this.path}`;
    try {
      let done = await this.#writeDirect(buffer, offset);
      while (done < buffer.length) {
        const rest = buffer.length - done;
        const { bytesWritten } = await this.#handle.write(buffer, done, rest, offset + done);
        if (bytesWritten === 0) throw errnoError(ERRNO.EIO, what);
        done += bytesWritten;
      }
    } catch (cause) {
      throw systemError(cause, what);
    }
  }

  /** Gives how many bytes have been written, which may be none. */
  async #writeDirect(buffer: Uint8Array, offset: number): Promise<number> {
    const { length } = buffer;
    if (length < DIRECT_BYTES_MIN || length % DIRECT_UNIT_BYTES !== 0) return 0;
    if (offset % DIRECT_UNIT_BYTES !== 0) return 0;
    this.#direct ??= await openDirect(this.#handle);
    if (this.#direct === null) return 0;
    try {
      return (await this.#direct.write(buffer, 0, length, offset)).bytesWritten;
    } catch (error) {
      // The file system wants another alignment, or none of it, and has written nothing.
      const { errno } = error as NodeJS.ErrnoException;
      if (errno !== -ERRNO.EINVAL && errno !== -ERRNO.EOPNOTSUPP) throw error;
      await this.#direct.close();
      this.#direct = null;
      return 0;
    }
  }

  /** fdatasync. Linux tells of lost writes once; here every later sync fails as well. */
  async sync(): Promise<void> {
    try {
      if (this.#syncError === undefined) await this.#handle.datasync();
    } catch (cause) {
      this.#syncError = cause;
    }
    if (this.#syncError !== undefined) throw systemError(this.#syncError, `flush of ${this.path}`);
  }

  async truncate(length: number): Promise<void> {
    try {
      await this.#handle.truncate(length);
    } catch (cause) {
      throw systemError(cause, `cutting ${this.path} to ${length} bytes`);
    }
  }

  async close(): Promise<void> {
    await this.#direct?.close();
    await this.#handle.close();
  }
}

/** The same file once more, whatever its name is by now; null where that can't be had. */
async function openDirect({ fd }: FileHandle): Promise<FileHandle | null> {
  const { O_WRONLY, O_DIRECT } = fs.constants;
  try {
    return await fs.promises.open(`/proc/self/fd/${fd}`, O_WRONLY | O_DIRECT);
  } catch {
    return null;
  }
}
