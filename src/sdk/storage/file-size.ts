import { fstatSync, readFileSync } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { loadLibc, SEEK_END } from "../native/libc.ts";
import { errnoError, systemError } from "./system-error.ts";

/** Linux counts block devices in /sys in these units, whatever their block size is. */
const SYSFS_SECTOR_BYTES = 512;

/** How many bytes an open regular file or block device has. */
export function sizeOfFile(fd: number, path: string): number {
  const what = `size of ${path}`;
  try {
    const stat = fstatSync(fd);
    if (!stat.isBlockDevice()) return stat.size;
    const end = loadLibc()?.lseek(fd, 0, SEEK_END) ?? -1;
    return end >= 0 ? end : sizeInSysfs(stat.rdev);
  } catch (error) {
    throw systemError(error, what);
  }
}

function sizeInSysfs(device: number): number {
  const text = readFileSync(`/sys/dev/block/${majorMinor(device)}/size`, "latin1");
  const sectors = Number.parseInt(text, 10);
  if (!Number.isSafeInteger(sectors)) throw errnoError(ERRNO.EIO, `sysfs says ${text.trim()}`);
  return sectors * SYSFS_SECTOR_BYTES;
}

/** As gnu_dev_major and gnu_dev_minor take a dev_t apart: both numbers have two parts. */
function majorMinor(device: number): string {
  const wide = BigInt(device);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn & 0xffff_ffffn);
  return `${major}:${minor}`;
}
