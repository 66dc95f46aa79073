import { crc32c } from "../../protocol/iscsi/index.ts";

/** The sum of `bytes`, going on from that of what came before. */
type Crc32c = (bytes: Uint8Array, before: number) => number;

/** Below this the table is faster than the way into native code (docs/decisions/0006). */
const NATIVE_LENGTH_MIN = 256;

let native: Crc32c | undefined;

/** Looks for the native library, which is optional: what it gives is the same. */
export async function loadNativeDigest(): Promise<boolean> {
  if (native !== undefined) return true;
  try {
    const library = await import("@node-rs/crc32");
    // Its types say Buffer, and a Uint8Array is as good.
    native = library.crc32c as unknown as Crc32c;
  } catch {
    return false;
  }
  return true;
}

/** The CRC32C of `bytes[start..end)`, going on from `before`: of data segments, which are long. */
export function dataDigest(bytes: Uint8Array, start: number, end: number, before = 0): number {
  if (native === undefined || end - start < NATIVE_LENGTH_MIN) {
    return crc32c(bytes, start, end, before);
  }
  return native(bytes.subarray(start, end), before);
}
