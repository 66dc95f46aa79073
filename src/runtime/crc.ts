import { createRequire } from "node:module";
import * as zlib from "node:zlib";

import { crc32c as crc32cByTable } from "../protocol/iscsi/digest.ts";
import { loadKoffi } from "./koffi.ts";

/** The sum of `bytes`, going on from that of what came before, 0 at the beginning. */
export type Sum = (bytes: Uint8Array, before: number) => number;

/** Both sums in native code. */
export interface NativeSums {
  readonly crc32: Sum;
  readonly crc32c: Sum;
  /** Below this many bytes the way into native code takes longer (docs/decisions/0006). */
  readonly lengthMin: number;
}

/** CRC-32 (IEEE 802.3) of `bytes`, as `zlib.crc32` has it. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const native = nativeSums();
  if (native === undefined || bytes.length < native.lengthMin) return zlib.crc32(bytes, before);
  return native.crc32(bytes, before);
}

/** CRC32C (Castagnoli) of `bytes[start..end)`, as iSCSI's digests and block protection have it. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  const native = nativeSums();
  if (native === undefined || end - start < native.lengthMin) {
    return crc32cByTable(bytes, start, end, before);
  }
  const isWhole = start === 0 && end === bytes.length;
  return native.crc32c(isWhole ? bytes : bytes.subarray(start, end), before);
}

let chosen: NativeSums | null | undefined;

/** The fastest there is: all give the same. */
function nativeSums(): NativeSums | undefined {
  chosen ??= isal() ?? nodeRs() ?? null;
  return chosen ?? undefined;
}

/** Intel's ISA-L, several streams at a time: a library of the system. */
export function isal(): NativeSums | undefined {
  try {
    const library = loadKoffi()?.load("libisal.so.2");
    if (library === undefined) return undefined;
    const bytes = "const uint8_t *";
    const gzip = library.func("crc32_gzip_refl", "uint32_t", ["uint32_t", bytes, "uint64_t"]);
    // Takes and gives the register itself, which begins and ends inverted.
    const iscsi = library.func("crc32_iscsi", "uint32_t", [bytes, "int", "uint32_t"]);
    return {
      crc32: (data, before) => gzip(before, data, data.length) as number,
      crc32c: (data, before) => ~(iscsi(data, data.length, ~before >>> 0) as number) >>> 0,
      lengthMin: 128,
    };
  } catch {
    return undefined;
  }
}

/** `@node-rs/crc32`, an optional dependency. */
export function nodeRs(): NativeSums | undefined {
  try {
    // Its types say Buffer, and a Uint8Array is as good.
    const library: unknown = createRequire(import.meta.url)("@node-rs/crc32");
    return { ...(library as { readonly crc32: Sum; readonly crc32c: Sum }), lengthMin: 256 };
  } catch {
    return undefined;
  }
}
