import * as fs from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import type { SystemError } from "../../protocol/errors.ts";
import type { FileIo, IoDone } from "./file-io.ts";
import { access, beyondEnd, errnoError, systemError } from "./system-error.ts";

/** Failures of a durable write that lost nothing of what was written before. */
const REFUSALS: readonly number[] = [ERRNO.ENOSPC, ERRNO.EDQUOT, ERRNO.EROFS, ERRNO.EFBIG];

/** An open file: whole transfers, the memory of failed flushes, and its end in good order. */
export class OpenFile {
  readonly name: string;
  readonly io: FileIo;
  readonly #metEnd: () => void;
  /** Reads begin at multiples of this. */
  #unit = 1;
  #fd: number;
  /** Operations that the kernel or another thread has: the descriptor stays open for them. */
  #waiting = 0;
  #whenIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  /** Linux tells of lost writes once and then forgets them. We don't. */
  #flushError: SystemError | undefined;

  /** @param metEnd called when a read finds the file to end before what it wants */
  constructor(fd: number, name: string, io: FileIo, metEnd: () => void) {
    this.#fd = fd;
    this.name = name;
    this.io = io;
    this.#metEnd = metEnd;
  }

  /** The descriptor, for calls that are over before anything else happens. */
  get fd(): number {
    return this.#fd;
  }

  /** Has reads begin at multiples of `unit` only, as O_DIRECT demands. */
  set unit(unit: number) {
    this.#unit = unit;
  }

  /** Refuses what comes after {@link close}. */
  checkOpen(): void {
    if (this.#closed !== undefined) throw errnoError(ERRNO.EBADF, `${this.name} is closed`);
  }

  /** Fills `buffer` from `offset`, of which the first `done` bytes are there already. */
  read(buffer: Uint8Array, offset: number, done = 0, io = this.io): Promise<void> {
    const { length } = buffer;
    return this.#later((resolve, reject) => {
      const next = () => {
        const rest = done === 0 ? buffer : buffer.subarray(done);
        io.read(this.#fd, rest, offset + done, (count) => {
          if (count < 0) return reject(errnoError(-count, this.#what("read", offset, length)));
          done += count;
          if (done === length) return resolve();
          // With O_DIRECT a file ends where a read ends within a unit: no other may begin there.
          if (count > 0 && (offset + done) % this.#unit === 0) return next();
          this.#metEnd();
          reject(beyondEnd("read", this.name, offset, length));
        });
      };
      next();
    });
  }

  /**
   * Writes `buffer` at `offset`. `durable`: not without its being on the medium. `synchronous`:
   * the descriptor itself is (O_DSYNC), so that a write is durable and can fail as a flush does.
   */
  write(buffer: Uint8Array, offset: number, durable: boolean, synchronous: boolean): Promise<void> {
    const { length } = buffer;
    if (durable && this.#flushError !== undefined) return Promise.reject(this.#flushError);
    const atOnce = durable && !synchronous && this.io.writesDurably;
    return this.#later((resolve, reject) => {
      let done = 0;
      const fail = (errno: number) => {
        const error = errnoError(errno, this.#what("write", offset, length));
        if ((atOnce || synchronous) && !REFUSALS.includes(errno)) this.#flushError ??= error;
        reject(error);
      };
      const next = () => {
        const rest = done === 0 ? buffer : buffer.subarray(done);
        this.io.write(this.#fd, rest, offset + done, atOnce, (count) => {
          if (count < 0) return fail(-count);
          if (count === 0 && length > 0) return fail(ERRNO.EIO);
          done += count;
          if (done < length) next();
          else if (durable && !atOnce && !synchronous) this.#sync(resolve, reject);
          else resolve();
        });
      };
      next();
    });
  }

  /** fdatasync; once it has failed, every later one fails with the same error. */
  sync(): Promise<void> {
    return this.#later((resolve, reject) => this.#sync(resolve, reject));
  }

  /** A call of which `what` is said where it fails. */
  call(what: () => string, start: (fd: number, done: IoDone) => void): Promise<void> {
    return this.#later((resolve, reject) => {
      start(this.#fd, (result) => {
        if (result < 0) reject(errnoError(-result, what()));
        else resolve();
      });
    });
  }

  /** Keeps the file open for `work`, which has several steps. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    try {
      return await work();
    } finally {
      this.#over();
    }
  }

  /** Starts something that is done elsewhere, and counts it as long as it lasts. */
  #later(
    start: (resolve: () => void, reject: (error: SystemError) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting++;
      start(
        () => {
          resolve();
          this.#over();
        },
        (error) => {
          reject(error);
          this.#over();
        },
      );
    });
  }

  /** Waits for what is under way, then closes the descriptor. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #sync(resolve: () => void, reject: (error: SystemError) => void): void {
    this.io.sync(this.#fd, (result) => {
      if (result < 0) this.#flushError ??= errnoError(-result, `flush of ${this.name}`);
      if (this.#flushError === undefined) resolve();
      else reject(this.#flushError);
    });
  }

  #over(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.#whenIdle?.();
  }

  #what(verb: string, offset: number, length: number): string {
    return access(verb, this.name, offset, length);
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
