import { readSync } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { UsageError } from "../../protocol/errors.ts";
import { alignedBytes } from "../native/aligned-bytes.ts";
import { type Libc, loadLibc } from "../native/libc.ts";
import { dioAlignOf } from "../native/statx.ts";
import { systemError } from "./system-error.ts";

/** What O_DIRECT demands of a file: both are powers of two, in bytes. */
export interface DirectAlignment {
  /** Of buffers' addresses. */
  readonly memory: number;
  /** Of offsets and lengths. */
  readonly unit: number;
}

/** The smallest and the largest unit that a file system may want. */
const UNIT_MIN = 512;
const UNIT_MAX = 64 * 1024;

/**
 * Asks the file system (statx, from Linux 6.1), or tries it out.
 *
 * @throws UsageError where the file can't be read past the page cache, or koffi is missing
 */
export function directAlignment(fd: number, path: string): DirectAlignment {
  const libc = loadLibc();
  if (libc === undefined) {
    throw new UsageError(
      "FILE_STORE_DIRECT",
      `${path}: the engine "direct" needs the package koffi, without which nobody can tell where ` +
        `a buffer is in memory; take "buffered"`,
    );
  }
  return askedOf(libc, fd, path) ?? triedOut(fd, path);
}

function askedOf(libc: Libc, fd: number, path: string): DirectAlignment | undefined {
  const told = dioAlignOf(libc, fd);
  if (told === undefined) return undefined;
  if (told.offset === 0) throw notDirect(path);
  // Never less than a sector: smaller requests gain nothing, and a file may grow by whole ones.
  return { memory: Math.max(told.memory, 8), unit: Math.max(told.offset, UNIT_MIN) };
}

/** Reads with every alignment until one is taken: a wrong one is EINVAL before anything is read. */
export function triedOut(fd: number, path: string): DirectAlignment {
  const buffer = alignedBytes(UNIT_MAX, UNIT_MAX);
  for (let unit = UNIT_MIN; unit <= UNIT_MAX; unit *= 2) {
    try {
      readSync(fd, buffer, 0, unit, unit);
      return { memory: unit, unit };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno !== -ERRNO.EINVAL) {
        throw systemError(error, `reading ${path}`);
      }
    }
  }
  throw notDirect(path);
}

export function notDirect(path: string): UsageError {
  return new UsageError(
    "FILE_STORE_DIRECT",
    `${path}: its file system has no O_DIRECT for it; take the engine "buffered"`,
  );
}
