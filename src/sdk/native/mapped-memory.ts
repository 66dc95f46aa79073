import { ERRNO, errnoName } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import type { ArenaSegment, ArenaSource } from "../memory/arena.ts";
import { PAGE_SIZE } from "../memory/arena.ts";
import { type Koffi, loadKoffi } from "../../runtime/koffi.ts";

const PROT_READ_WRITE = 0x3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_DONTFORK = 10;
const MADV_HUGEPAGE = 14;

type Mmap = (
  address: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number | bigint;
type Madvise = (address: number, length: number, advice: number) => number;

/** Segments that no device uses, by length. */
const spare = new Map<number, ArenaSegment[]>();

/**
 * Memory of this process under its real addresses, which the kernel understands. It stays mapped
 * until the process ends, since nothing can take a view of it away, and serves the next device.
 */
export class MappedSource implements ArenaSource {
  readonly #ffi: Koffi;
  readonly #mmap: Mmap;
  readonly #madvise: Madvise;

  constructor() {
    const ffi = loadKoffi();
    if (ffi === undefined) {
      throw new SystemError("ENOSYS", ERRNO.ENOSYS, "mapping memory needs the package koffi");
    }
    this.#ffi = ffi;
    const library = ffi.load(null);
    this.#mmap = library.func("mmap", "intptr_t", [
      "uintptr_t",
      "size_t",
      "int",
      "int",
      "int",
      "int64_t",
    ]) as Mmap;
    this.#madvise = library.func("madvise", "int", ["uintptr_t", "size_t", "int"]) as Madvise;
  }

  map(length: number): ArenaSegment {
    const whole = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const used = spare.get(whole)?.pop();
    if (used !== undefined) return used;
    const base = Number(this.#mmap(0, whole, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
    if (base === -1) {
      const errno = this.#ffi.errno();
      const code = errnoName(errno);
      throw new SystemError(code, errno, `mapping ${whole} bytes of memory: ${code}`);
    }
    // The kernel pins pages of buffers that are kept: a fork would copy them under its feet.
    this.#madvise(base, whole, MADV_DONTFORK);
    // Where it can't be done, pages are small.
    this.#madvise(base, whole, MADV_HUGEPAGE);
    return { base, bytes: this.view(base, whole) };
  }

  /** What is mapped already, for a thread that has not seen it. */
  view(base: number, length: number): Uint8Array {
    return new Uint8Array(this.#ffi.view(base, length));
  }

  unmap(segment: ArenaSegment): void {
    const { length } = segment.bytes;
    const others = spare.get(length);
    if (others === undefined) spare.set(length, [segment]);
    else others.push(segment);
  }
}
