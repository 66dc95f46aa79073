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
