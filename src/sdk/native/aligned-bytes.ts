import { loadLibc } from "./libc.ts";

/**
 * `length` new bytes whose address is a multiple of `alignment` (a power of two). Without koffi
 * nobody knows addresses, and they are where they are.
 */
export function alignedBytes(length: number, alignment: number): Uint8Array {
  const libc = loadLibc();
  // Not a Buffer: its slice() gives no copy.
  if (libc === undefined) return new Uint8Array(length);
  const bytes = new Uint8Array(length + alignment);
  const skip = (alignment - (libc.addressOf(bytes) % alignment)) % alignment;
  return bytes.subarray(skip, skip + length);
}

/** Bytes of a huge page, on x64 and on arm64 with pages of 4 KiB. */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
// asm-generic/mman-common.h.
const MADV_HUGEPAGE = 14;

/**
 * `length` new bytes in huge pages, as far as the system has any: the kernel, which looks up
 * every page of a buffer that a disk writes to, has 512 times fewer of them to look up.
 */
export function hugeBytes(length: number): Uint8Array {
  const bytes = alignedBytes(length, HUGE_PAGE_BYTES);
  const libc = loadLibc();
  // It may be refused, and is advice in any case.
  libc?.madvise(libc.addressOf(bytes), length, MADV_HUGEPAGE);
  return bytes;
}
