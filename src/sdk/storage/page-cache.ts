import { readSync, statfsSync } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { type Libc, loadLibc, RWF_NOWAIT } from "../native/libc.ts";

/**
 * Reads what can be had without waiting for a disk, at once: into `buffer` from `offset`, and
 * gives how many bytes it got. Fewer than asked for (0, for none) means that the rest must be
 * read where waiting is allowed; it may be an error, which that read will tell.
 */
export type ReadNow = (fd: number, buffer: Uint8Array, offset: number) => number;

/**
 * More than this is read elsewhere even if it is cached: copying it takes the event loop longer
 * (0.15 ms a MiB) than the detour costs.
 */
const NOWAIT_BYTES_MAX = 1024 * 1024;

/** The same for files in memory, where reads that are not small gain from another thread. */
const IN_MEMORY_BYTES_MAX = 64 * 1024;

// statfs(2), f_type: file systems whose files are memory, where no read waits for a disk.
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x0102_1994 /* tmpfs */, 0x8584_58f6 /* ramfs */];

/** The fastest way to read cached bytes of an open file, or undefined where there is none. */
export function pageCacheReader(fd: number, path: string): ReadNow | undefined {
  const libc = loadLibc();
  if (libc !== undefined && takesNowait(libc, fd)) return nowaitReader(libc);
  return isInMemory(path) ? readInMemory : undefined;
}

/** RWF_NOWAIT is a matter of kernel and file system: ext4, XFS and block devices take it. */
function takesNowait(libc: Libc, fd: number): boolean {
  const probe = preadNowait(libc);
  return probe(fd, new Uint8Array(1), 0) >= 0 || libc.errno() === ERRNO.EAGAIN;
}

function nowaitReader(libc: Libc): ReadNow {
  const read = preadNowait(libc);
  return (fd, buffer, offset) =>
    buffer.length > NOWAIT_BYTES_MAX ? 0 : Math.max(0, read(fd, buffer, offset));
}

/** One `preadv2`, as it is: -1 for an error, EAGAIN where nothing was cached. */
function preadNowait(libc: Libc): ReadNow {
  // struct iovec { void *iov_base; size_t iov_len; }, as words: little-endian as in `struct`.
  const iovec = new Uint32Array(4);
  const iovecAddress = libc.addressOf(new Uint8Array(iovec.buffer));
  return (fd, buffer, offset) => {
    const address = libc.addressOf(buffer);
    iovec[0] = address;
    iovec[1] = address / 0x1_0000_0000;
    iovec[2] = buffer.length;
    return libc.preadv2(fd, iovecAddress, 1, offset, RWF_NOWAIT);
  };
}

function readInMemory(fd: number, buffer: Uint8Array, offset: number): number {
  if (buffer.length > IN_MEMORY_BYTES_MAX) return 0;
  try {
    return readSync(fd, buffer, 0, buffer.length, offset);
  } catch {
    return 0;
  }
}

function isInMemory(path: string): boolean {
  try {
    return MEMORY_FILE_SYSTEMS.includes(statfsSync(path).type);
  } catch {
    return false;
  }
}
