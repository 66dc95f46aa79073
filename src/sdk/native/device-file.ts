import { closeSync, constants, openSync } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import { loadKoffi, type Koffi } from "../../runtime/koffi.ts";
import { type OpenPollHandle, openPollHandle, Readiness } from "./readiness.ts";

/** An open character device that is driven by ioctls. */
export interface DeviceFile {
  readonly path: string;
  readonly fd: number;
  /** ioctl(2): 0 or more, or a negative errno. */
  ioctl(request: number, argument: number): number;
  /** The same on another thread. */
  ioctlAside(request: number, argument: number): Promise<number>;
  /**
   * Calls `readable` from the event loop as long as poll(2) says that there is something. Resolves
   * when nothing can be missed any more.
   */
  whenReadable(readable: () => void): Promise<void>;
  close(): void;
}

/**
 * Opens the device.
 *
 * @param blocking whether an ioctl that has nothing to get waits; with O_NONBLOCK it says so
 * @throws SystemError with the errno of open(2), or ENOSYS where koffi can't be loaded
 */
export function openDeviceFile(path: string, blocking = false): DeviceFile {
  const ffi = loadKoffi();
  if (ffi === undefined) {
    throw new SystemError(
      "ENOSYS",
      ERRNO.ENOSYS,
      `${path} needs the package koffi on 64-bit Linux (npm install koffi)`,
    );
  }
  const fd = openSync(path, constants.O_RDWR | (blocking ? 0 : constants.O_NONBLOCK));
  return new OpenDeviceFile(ffi, path, fd);
}

/** The device that another thread of this process has open, which closes it. */
export function shareDeviceFile(path: string, fd: number): DeviceFile {
  const ffi = loadKoffi();
  if (ffi === undefined) throw new SystemError("ENOSYS", ERRNO.ENOSYS, `${path} needs koffi`);
  return new OpenDeviceFile(ffi, path, fd, false);
}

interface Ioctl {
  (fd: number, request: number, argument: number): number;
  async(
    fd: number,
    request: number,
    argument: number,
    done: (error: unknown, result: number) => void,
  ): void;
}

/**
 * Calls on the thread pool go one after the other: each may wait for commands to end, whose files
 * are read and written by threads of that same pool.
 */
let lastAside: Promise<unknown> = Promise.resolve();

class OpenDeviceFile implements DeviceFile {
  readonly path: string;
  readonly fd: number;
  readonly #isOwner: boolean;
  readonly #ffi: Koffi;
  readonly #ioctl: Ioctl;
  readonly #openPollHandle: OpenPollHandle;
  #readiness: Readiness | undefined;
  /** Calls on other threads: the descriptor's number must not become another file's under them. */
  #aside = 0;
  #closed = false;

  constructor(ffi: Koffi, path: string, fd: number, isOwner = true) {
    this.#isOwner = isOwner;
    this.#ffi = ffi;
    this.path = path;
    this.fd = fd;
    this.#openPollHandle = openPollHandle(ffi);
    // Fixed, though C declares it variadic: the calling conventions of Linux are the same.
    const prototype = ["int", "ulong", "uintptr_t"];
    this.#ioctl = ffi.load(null).func("ioctl", "int", prototype) as Ioctl;
  }

  ioctl(request: number, argument: number): number {
    if (this.#closed) return -ERRNO.EBADF;
    const result = this.#ioctl(this.fd, request, argument);
    return result < 0 ? -this.#ffi.errno() : result;
  }

  ioctlAside(request: number, argument: number): Promise<number> {
    const turn = lastAside.then(() => this.#callAside(request, argument));
    lastAside = turn.catch(() => undefined);
    return turn;
  }

  #callAside(request: number, argument: number): Promise<number> {
    if (this.#closed) return Promise.resolve(-ERRNO.EBADF);
    this.#aside++;
    return new Promise((resolve, reject) => {
      this.#ioctl.async(this.fd, request, argument, (error, result) => {
        // Only here errno is still that of the call.
        const outcome = result < 0 ? -this.#ffi.errno() : result;
        this.#aside--;
        if (this.#closed) this.#closeFile();
        // oxlint-disable-next-line prefer-promise-reject-errors -- what koffi gives is an Error
        if (error) reject(error);
        else resolve(outcome);
      });
    });
  }

  whenReadable(readable: () => void): Promise<void> {
    this.#readiness?.close();
    this.#readiness = new Readiness(this.#openPollHandle, this.fd, readable);
    return this.#readiness.noted();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness?.close();
    this.#closeFile();
  }

  #closeFile(): void {
    if (this.#aside === 0 && this.#isOwner) closeSync(this.fd);
  }
}
