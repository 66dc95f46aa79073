import { createRequire } from "node:module";

import type * as koffi from "koffi";

/** `preadv2` flag: read only what is in the page cache, and wait for nothing (linux/fs.h). */
export const RWF_NOWAIT = 0x8;

export const SEEK_END = 2;

/**
 * The C library, called through koffi. Pointers are numbers: user addresses are below 2^47.
 * A call that fails gives -1 and leaves its reason in `errno()`, which is right until the next
 * call of any kind.
 */
export interface Libc {
  preadv2(fd: number, iovecAddress: number, count: number, offset: number, flags: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  errno(): number;
  /** Where `bytes` are in memory. They stay there as long as their ArrayBuffer lives. */
  addressOf(bytes: Uint8Array): number;
}

let loaded: Libc | null | undefined;

/**
 * The C library, or undefined where koffi (an optional dependency) or the library can't be
 * loaded: everything built on it has a way to do without.
 */
export function loadLibc(): Libc | undefined {
  loaded ??= tryLoad();
  return loaded ?? undefined;
}

function tryLoad(): Libc | null {
  // The prototypes below are those of 64-bit Linux.
  if (process.platform !== "linux") return null;
  if (process.arch !== "x64" && process.arch !== "arm64") return null;
  try {
    const require = createRequire(import.meta.url);
    const ffi = require("koffi") as typeof koffi;
    // Names of the process itself: Node is linked against the C library.
    const library = ffi.load(null);
    const preadv2 = library.func("preadv2", "intptr_t", [
      "int",
      "uintptr_t",
      "int",
      "int64_t",
      "int",
    ]);
    const lseek = library.func("lseek", "int64_t", ["int", "int64_t", "int"]);
    return {
      preadv2: preadv2 as unknown as Libc["preadv2"],
      lseek: lseek as unknown as Libc["lseek"],
      errno: () => ffi.errno(),
      addressOf: addressCache((bytes) => Number(ffi.address(bytes))),
    };
  } catch {
    return null;
  }
}

/** Asks koffi (43 ns) once an ArrayBuffer, which never moves, and adds the view's offset. */
function addressCache(ask: (bytes: Uint8Array) => number): (bytes: Uint8Array) => number {
  const bases = new WeakMap<ArrayBufferLike, number>();
  return (bytes) => {
    const memory = bytes.buffer;
    let base = bases.get(memory);
    if (base === undefined) {
      base = ask(bytes) - bytes.byteOffset;
      bases.set(memory, base);
    }
    return base + bytes.byteOffset;
  };
}
