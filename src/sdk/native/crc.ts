import { createRequire } from "node:module";
import * as zlib from "node:zlib";

import { crc32c as crc32cByTable } from "../../protocol/iscsi/digest.ts";

type Sum = (bytes: Uint8Array) => number;

/** Below this the way into native code takes longer (docs/decisions/0006). */
const NATIVE_LENGTH_MIN = 256;

let loaded: { readonly crc32: Sum; readonly crc32c: Sum } | null | undefined;

/** `@node-rs/crc32`, an optional dependency: what it gives is the same. */
function library() {
  if (loaded !== undefined) return loaded;
  try {
    const found: unknown = createRequire(import.meta.url)("@node-rs/crc32");
    // Its types say Buffer, and a Uint8Array is as good.
    loaded = found as { readonly crc32: Sum; readonly crc32c: Sum };
  } catch {
    loaded = null;
  }
  return loaded;
}

/** CRC-32 (IEEE 802.3), as `zlib.crc32` has it. */
export function crc32(bytes: Uint8Array): number {
  if (bytes.length < NATIVE_LENGTH_MIN) return zlib.crc32(bytes);
  return library()?.crc32(bytes) ?? zlib.crc32(bytes);
}

/** CRC32C (Castagnoli), as iSCSI's digests and logical block protection have it. */
export function crc32c(bytes: Uint8Array): number {
  if (bytes.length < NATIVE_LENGTH_MIN) return crc32cByTable(bytes);
  return library()?.crc32c(bytes) ?? crc32cByTable(bytes);
}
