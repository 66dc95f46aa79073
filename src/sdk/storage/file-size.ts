import { fstatSync } from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { loadLibc, SEEK_END } from "../native/libc.ts";
import { blockDeviceFacts } from "./block-device.ts";
import { errnoError, systemError } from "./system-error.ts";

/** How many bytes an open regular file or block device has. */
export function sizeOfFile(fd: number, path: string): number {
  const what = `size of ${path}`;
  try {
    const stat = fstatSync(fd);
    if (!stat.isBlockDevice()) return stat.size;
    const end = loadLibc()?.lseek(fd, 0, SEEK_END) ?? -1;
    const size = end >= 0 ? end : blockDeviceFacts(stat).size;
    if (size === undefined) throw errnoError(ERRNO.EIO, what);
    return size;
  } catch (error) {
    throw systemError(error, what);
  }
}
