import * as fs from "node:fs";

import { ERRNO } from "../../../protocol/errno.ts";
import { errnoError, systemError } from "../system-error.ts";

/** A file that is read and written at offsets, on Node's thread pool. */
export class LogFile {
  readonly path: string;
  readonly readOnly: boolean;
  #handle: fs.promises.FileHandle;
  #syncError: unknown;

  /** Use {@link LogFile.open}. */
  constructor(path: string, readOnly: boolean, handle: fs.promises.FileHandle) {
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
      for (let done = 0; done < buffer.length;) {
        const rest = buffer.length - done;
        const { bytesWritten } = await this.#handle.write(buffer, done, rest, offset + done);
        if (bytesWritten === 0) throw errnoError(ERRNO.EIO, what);
        done += bytesWritten;
      }
    } catch (cause) {
      throw systemError(cause, what);
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
    await this.#handle.close();
  }
}
