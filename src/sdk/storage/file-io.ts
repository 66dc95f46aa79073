import * as fs from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { UsageError } from "../../protocol/errors.ts";
import { loadIoUring } from "../native/io-uring.ts";

/** What an operation gave: bytes, 0 for a flush, or a negative errno. */
export type IoDone = (result: number) => void;

/**
 * How what must wait for a disk is waited for. Descriptors stay open and buffers untouched until
 * `done`; reads and writes may be cut short.
 */
export interface FileIo {
  readonly name: "io_uring" | "thread-pool";
  /** Whether `write` with `durable` makes those bytes durable by itself. */
  readonly writesDurably: boolean;
  read(fd: number, buffer: Uint8Array, offset: number, done: IoDone): void;
  write(fd: number, buffer: Uint8Array, offset: number, durable: boolean, done: IoDone): void;
  /** fdatasync. */
  sync(fd: number, done: IoDone): void;
}

/** Node's own: UV_THREADPOOL_SIZE operations at a time, 4 by default. */
export const threadPoolIo: FileIo = {
  name: "thread-pool",
  writesDurably: false,
  read(fd, buffer, offset, done) {
    fs.read(fd, buffer, 0, buffer.length, offset, (error, count) => done(resultOf(error, count)));
  },
  write(fd, buffer, offset, _durable, done) {
    fs.write(fd, buffer, 0, buffer.length, offset, (error, count) => done(resultOf(error, count)));
  },
  sync(fd, done) {
    fs.fdatasync(fd, (error) => done(resultOf(error, 0)));
  },
};

/**
 * The way that is asked for, or the best that there is.
 *
 * @throws UsageError where io_uring is asked for and not to be had
 */
export function chooseFileIo(wanted: FileIo["name"] | undefined): FileIo {
  if (wanted === "thread-pool") return threadPoolIo;
  const ring = loadIoUring();
  if (ring !== undefined) {
    return {
      name: "io_uring",
      writesDurably: true,
      read: (fd, buffer, offset, done) => ring.read(fd, buffer, offset, done),
      write: (fd, buffer, offset, durable, done) => ring.write(fd, buffer, offset, durable, done),
      sync: (fd, done) => ring.sync(fd, done),
    };
  }
  if (wanted === undefined) return threadPoolIo;
  throw new UsageError(
    "FILE_STORE_IO",
    "io_uring is not to be had: it needs Linux 5.6, the package koffi, and a machine that allows " +
      "it (kernel.io_uring_disabled, a container's seccomp filter); leave the option out",
  );
}

function resultOf(error: NodeJS.ErrnoException | null, result: number): number {
  // Node's errnos are negative, as the kernel's results are.
  return error === null ? result : (error.errno ?? -ERRNO.EIO);
}
