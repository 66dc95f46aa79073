import { UsageError } from "../../protocol/errors.ts";
import { alignedBytes, hugeBytes } from "../native/aligned-bytes.ts";

export const PAGE_SIZE = 4096;

/** Where the memory of an arena comes from. */
export interface ArenaSource {
  /**
   * At least `length` bytes whose address is a multiple of the page size. `large`: for blocks of
   * many pages, for which huge pages are worth having.
   */
  map(length: number, large: boolean): ArenaSegment;
  /** Takes a segment back that nobody will touch any more. */
  unmap?(segment: ArenaSegment): void;
}

export interface ArenaSegment {
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** A piece of an arena. */
export class Block {
  readonly address: number;
  readonly bytes: Uint8Array;
  #cut: Uint8Array;

  constructor(address: number, bytes: Uint8Array) {
    this.address = address;
    this.bytes = bytes;
    this.#cut = bytes;
  }

  /** The first `length` bytes: the view is kept, since most commands have the same length. */
  first(length: number): Uint8Array {
    if (this.#cut.length !== length) this.#cut = this.bytes.subarray(0, length);
    return this.#cut;
  }
}

/** Segments are made this long, or as long as one block needs. */
const SEGMENT_LENGTH = 4 * 1024 * 1024;

/**
 * Blocks from this length on lie in segments of their own: those may be in huge pages, which take
 * memory that a device with small commands would never use.
 */
const LARGE_LENGTH = 256 * 1024;

/** The segment that new blocks are cut from, and how many of its bytes are. */
interface Growth {
  segment: ArenaSegment | undefined;
  used: number;
}

/** How much memory an arena hands out at most, in bytes, unless told otherwise. */
const ARENA_LENGTH_DEFAULT_MAX = 4 * 1024 * 1024 * 1024;

/** Blocks are powers of two from a page up, so that a freed one fits the next wish. */
export function blockSizeFor(length: number): number {
  return length <= PAGE_SIZE ? PAGE_SIZE : 2 ** Math.ceil(Math.log2(length));
}

/**
 * Page-aligned memory at stable addresses, in blocks. An address leads to its bytes by
 * arithmetic.
 */
export class Arena {
  readonly #source: ArenaSource;
  readonly #lengthMax: number;
  readonly #segments: ArenaSegment[] = [];
  readonly #free = new Map<number, Block[]>();
  /** Blocks that are in use or were: an address is told from a guess by being here. */
  readonly #blocks = new Map<number, Block>();
  readonly #small: Growth = { segment: undefined, used: 0 };
  readonly #large: Growth = { segment: undefined, used: 0 };
  #mapped = 0;

  constructor(source: ArenaSource, lengthMax = ARENA_LENGTH_DEFAULT_MAX) {
    this.#source = source;
    this.#lengthMax = lengthMax;
  }

  /** Bytes that the arena has got from its source. */
  get mappedLength(): number {
    return this.#mapped;
  }

  /** A block of at least `length` bytes, or undefined where the arena is at its limit. */
  allocate(length: number): Block | undefined {
    const size = blockSizeFor(length);
    return this.#free.get(size)?.pop() ?? this.#carve(size);
  }

  /** Gives a block back, by its address. */
  release(address: number): void {
    const block = this.#blocks.get(address);
    if (block === undefined) {
      throw new UsageError("ARENA_ADDRESS", `no block begins at 0x${address.toString(16)}`);
    }
    const size = block.bytes.length;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [block]);
    else free.push(block);
  }

  /** Gives all memory back to the source: nobody uses any of it, nor asks for more. */
  close(): void {
    for (const segment of this.#segments.splice(0)) this.#source.unmap?.(segment);
    this.#small.segment = undefined;
    this.#large.segment = undefined;
    this.#blocks.clear();
    this.#free.clear();
  }

  /** The block that begins at `address`. */
  blockAt(address: number): Block | undefined {
    return this.#blocks.get(address);
  }

  /** The segment that holds all of `[address, address + length)`. */
  find(address: number, length: number): ArenaSegment | undefined {
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const segment = this.#segments[i] as ArenaSegment;
      const offset = address - segment.base;
      if (offset >= 0 && offset + length <= segment.bytes.length) return segment;
    }
    return undefined;
  }

  #carve(size: number): Block | undefined {
    const large = size >= LARGE_LENGTH;
    const growth = large ? this.#large : this.#small;
    let { segment } = growth;
    if (segment === undefined || growth.used + size > segment.bytes.length) {
      const length = Math.max(size, SEGMENT_LENGTH);
      if (this.#mapped + length > this.#lengthMax) return undefined;
      segment = this.#source.map(length, large);
      this.#segments.push(segment);
      this.#mapped += length;
      growth.segment = segment;
      growth.used = 0;
    }
    const { used } = growth;
    const address = segment.base + used;
    const block = new Block(address, segment.bytes.subarray(used, used + size));
    growth.used += size;
    this.#blocks.set(address, block);
    return block;
  }
}

/**
 * Addresses of loopback memory begin here: not at 0, which means "none", and low, since numbers
 * below 2^31 are the ones that V8 passes around without allocating.
 */
const LOOPBACK_BASE = 0x10_0000;

/**
 * Memory of this process under addresses of its own making. Where koffi is there it begins at a
 * page in truth too, so that files without page cache (O_DIRECT) read into it without a copy.
 */
export class LoopbackSource implements ArenaSource {
  #next = LOOPBACK_BASE;

  map(length: number, large: boolean): ArenaSegment {
    const base = this.#next;
    // A gap behind each segment: a run over its end is an error, not another's data.
    this.#next += Math.ceil(length / PAGE_SIZE) * PAGE_SIZE + PAGE_SIZE;
    return { base, bytes: large ? hugeBytes(length) : alignedBytes(length, PAGE_SIZE) };
  }
}
