import { type Koffi, loadKoffi } from "../../runtime/koffi.ts";
import { type Libc, loadLibc } from "./libc.ts";

/**
 * Brotli of whole blocks, quality 0, on Node's thread pool: from and to where they are, so that
 * nothing is left for the garbage collector. Both buffers stay untouched until it is done.
 */
export interface Brotli {
  /** Gives the length of what is in `target` then, or 0 where it does not fit. */
  compress(source: Uint8Array, target: Uint8Array): Promise<number>;
  /** Gives how many bytes there were, or -1 where `source` is damaged or has more than fit. */
  decompress(source: Uint8Array, target: Uint8Array): Promise<number>;
}

// brotli/encode.h.
const QUALITY_FASTEST = 0;
const WINDOW_BITS = 22;
const MODE_GENERIC = 0;

let loaded: Brotli | null | undefined;

/** The library that Node is linked against; undefined where its names or koffi are missing. */
export function loadBrotli(): Brotli | undefined {
  loaded ??= tryLoad();
  return loaded ?? undefined;
}

function tryLoad(): Brotli | null {
  const ffi = loadKoffi();
  const libc = loadLibc();
  if (ffi === undefined || libc === undefined) return null;
  try {
    return bind(ffi, libc);
  } catch {
    return null;
  }
}

function bind(ffi: Koffi, libc: Libc): Brotli {
  const library = ffi.load(null);
  const size = "size_t";
  const pointer = "uintptr_t";
  const encoding = ["int", "int", "int", size, pointer, pointer, pointer];
  const encode = library.func("BrotliEncoderCompress", "int", encoding);
  const decode = library.func("BrotliDecoderDecompress", "int", [size, pointer, pointer, pointer]);
  const call = (
    source: Uint8Array,
    target: Uint8Array,
    start: (lengthAddress: number, done: (error: unknown, result: number) => void) => void,
  ): Promise<number> => {
    // A size_t, on the little-endian machines that Node has Linux for: room, then length.
    const length = new Uint32Array(2);
    length[0] = target.length;
    return new Promise((resolve) => {
      start(libc.addressOf(new Uint8Array(length.buffer)), (error, result) => {
        // Mentioned here, so that both live until now.
        const isWhole = error === null && result === 1 && source.length > 0 && target.length > 0;
        resolve(isWhole ? (length[0] as number) : -1);
      });
    });
  };
  return {
    async compress(source, target) {
      const [from, to] = [libc.addressOf(source), libc.addressOf(target)];
      const how = [QUALITY_FASTEST, WINDOW_BITS, MODE_GENERIC, source.length, from];
      const length = await call(source, target, (at, done) => encode.async(...how, at, to, done));
      return Math.max(0, length);
    },
    decompress(source, target) {
      const [from, to] = [libc.addressOf(source), libc.addressOf(target)];
      return call(source, target, (at, done) => decode.async(source.length, from, at, to, done));
    },
  };
}
