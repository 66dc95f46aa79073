import { s64, struct, u16, u32, u64 } from "../../protocol/layout/index.ts";
import type { Libc } from "./libc.ts";

/** linux/stat.h, from Linux 6.1: the alignment that O_DIRECT wants. */
const STATX_DIOALIGN = 0x2000;
const AT_EMPTY_PATH = 0x1000;

const timestamp = (name: string) => ({
  [`${name}Sec`]: s64,
  [`${name}Nsec`]: u32,
  [`${name}Reserved`]: u32,
});

const Statx = struct("statx", {
  stxMask: u32,
  stxBlksize: u32,
  stxAttributes: u64,
  stxNlink: u32,
  stxUid: u32,
  stxGid: u32,
  stxMode: u16,
  spare0: u16,
  stxIno: u64,
  stxSize: u64,
  stxBlocks: u64,
  stxAttributesMask: u64,
  ...timestamp("atime"),
  ...timestamp("btime"),
  ...timestamp("ctime"),
  ...timestamp("mtime"),
  stxRdevMajor: u32,
  stxRdevMinor: u32,
  stxDevMajor: u32,
  stxDevMinor: u32,
  stxMntId: u64,
  stxDioMemAlign: u32,
  stxDioOffsetAlign: u32,
});

/** The kernel writes this many bytes, of which the last ones are not used here. */
const STATX_BYTES = 256;

/**
 * What O_DIRECT on an open file must be aligned to, in bytes: an `offset` of 0 where it can't be
 * done. Undefined where the kernel or the file system does not say.
 */
export function dioAlignOf(
  libc: Libc,
  fd: number,
): { readonly memory: number; readonly offset: number } | undefined {
  const bytes = new Uint8Array(STATX_BYTES + 1);
  const address = libc.addressOf(bytes);
  // The path is the empty string: the zero behind the struct.
  const path = address + STATX_BYTES;
  if (libc.statx(fd, path, AT_EMPTY_PATH, STATX_DIOALIGN, address) !== 0) return undefined;
  const view = Statx.view(bytes);
  if ((view.stxMask & STATX_DIOALIGN) === 0) return undefined;
  return { memory: view.stxDioMemAlign, offset: view.stxDioOffsetAlign };
}
