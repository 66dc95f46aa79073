import { Arena, type ArenaSegment, Block, blockSizeFor, PAGE_SIZE } from "../memory/arena.ts";
import { UsageError } from "../../protocol/errors.ts";

/** Where memory comes from that every thread of the process can see under the same address. */
export interface SharedSource {
  map(length: number): ArenaSegment;
  unmap(segment: ArenaSegment): void;
  /** This thread's view of what another one has mapped. */
  view(base: number, length: number): Uint8Array;
}

const SEGMENT_LENGTH = 4 * 1024 * 1024;
const SEGMENTS_MAX = 1024;
/** Sizes of blocks, as powers of two. */
const SIZES_MAX = 48;

/** Numbers in the directory: how many segments, bytes used of the last one, bytes mapped. */
const COUNT = 0;
const USED = 1;
const MAPPED = 2;
const FREE = 3;
const SEGMENTS = FREE + SIZES_MAX;

/** What the threads that use one arena share besides its memory. */
export interface ArenaDirectory {
  readonly lock: Int32Array;
  readonly numbers: Float64Array;
}

export function arenaDirectory(): ArenaDirectory {
  const length = SEGMENTS + 2 * SEGMENTS_MAX;
  return {
    lock: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    numbers: new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT)),
  };
}

/**
 * An arena that several threads allocate from: a block that one of them has given to the core may
 * come back to another. The first page of a segment tells the size of the block that begins at
 * each of its pages; a block that is free begins with the address of the next one.
 */
export class SharedArena extends Arena {
  readonly #shared: SharedSource;
  readonly #lock: Int32Array;
  readonly #numbers: Float64Array;
  /** This thread's views. */
  readonly #seen: Segment[] = [];
  readonly #found = new Map<number, Block>();

  constructor(source: SharedSource, { lock, numbers }: ArenaDirectory) {
    super(source);
    this.#shared = source;
    this.#lock = lock;
    this.#numbers = numbers;
  }

  override get mappedLength(): number {
    return this.#numbers[MAPPED] as number;
  }

  override allocate(length: number): Block | undefined {
    const size = blockSizeFor(length);
    const at = FREE + Math.log2(size);
    this.#acquire();
    try {
      const address = this.#numbers[at] as number;
      if (address === 0) return this.#carve(size);
      const segment = this.#segmentOf(address) as Segment;
      this.#numbers[at] = segment.view.getFloat64(address - segment.base);
      return this.blockAt(address);
    } finally {
      this.#free();
    }
  }

  override release(address: number): void {
    const block = this.blockAt(address);
    const segment = this.#segmentOf(address);
    if (block === undefined || segment === undefined) {
      throw new UsageError("ARENA_ADDRESS", `no block begins at 0x${address.toString(16)}`);
    }
    const at = FREE + Math.log2(block.bytes.length);
    this.#acquire();
    segment.view.setFloat64(address - segment.base, this.#numbers[at] as number);
    this.#numbers[at] = address;
    this.#free();
  }

  override blockAt(address: number): Block | undefined {
    let block = this.#found.get(address);
    if (block !== undefined) return block;
    const segment = this.#segmentOf(address);
    if (segment === undefined) return undefined;
    const offset = address - segment.base;
    const tag = offset % PAGE_SIZE === 0 ? (segment.bytes[offset / PAGE_SIZE] as number) : 0;
    if (tag === 0) return undefined;
    block = new Block(address, segment.bytes.subarray(offset, offset + 2 ** tag));
    this.#found.set(address, block);
    return block;
  }

  override find(address: number, length: number): ArenaSegment | undefined {
    const segment = this.#segmentOf(address);
    if (segment === undefined) return undefined;
    return address - segment.base + length <= segment.bytes.length ? segment : undefined;
  }

  /** The last thread that uses the arena gives its memory back. */
  override close(): void {
    this.#look();
    this.#found.clear();
    for (const { base, bytes } of this.#seen.splice(0)) {
      bytes.fill(0, 0, PAGE_SIZE);
      this.#shared.unmap({ base, bytes });
    }
    this.#numbers.fill(0);
  }

  #carve(size: number): Block | undefined {
    let used = this.#numbers[USED] as number;
    this.#look();
    let segment = this.#seen.at(-1);
    if (segment === undefined || used + size > segment.bytes.length) {
      const count = this.#numbers[COUNT] as number;
      if (count === SEGMENTS_MAX) return undefined;
      const { base, bytes } = this.#shared.map(Math.max(PAGE_SIZE + size, SEGMENT_LENGTH));
      const at = SEGMENTS + 2 * count;
      this.#numbers[at] = base;
      this.#numbers[at + 1] = bytes.length;
      this.#numbers[COUNT] = count + 1;
      this.#numbers[MAPPED] = this.mappedLength + bytes.length;
      segment = new Segment(base, bytes);
      this.#seen.push(segment);
      used = PAGE_SIZE;
    }
    segment.bytes[used / PAGE_SIZE] = Math.log2(size);
    this.#numbers[USED] = used + size;
    return this.blockAt(segment.base + used);
  }

  #segmentOf(address: number): Segment | undefined {
    return this.#seenWith(address) ?? (this.#look() ? this.#seenWith(address) : undefined);
  }

  #seenWith(address: number): Segment | undefined {
    for (let i = this.#seen.length - 1; i >= 0; i--) {
      const segment = this.#seen[i] as Segment;
      const offset = address - segment.base;
      if (offset >= 0 && offset < segment.bytes.length) return segment;
    }
    return undefined;
  }

  /** Takes notice of segments that other threads have mapped: whether there were any. */
  #look(): boolean {
    const known = this.#seen.length;
    for (let i = known; i < (this.#numbers[COUNT] as number); i++) {
      const base = this.#numbers[SEGMENTS + 2 * i] as number;
      const length = this.#numbers[SEGMENTS + 2 * i + 1] as number;
      this.#seen.push(new Segment(base, this.#shared.view(base, length)));
    }
    return this.#seen.length > known;
  }

  #acquire(): void {
    while (Atomics.compareExchange(this.#lock, 0, 0, 1) !== 0) Atomics.wait(this.#lock, 0, 1);
  }

  #free(): void {
    Atomics.store(this.#lock, 0, 0);
    Atomics.notify(this.#lock, 0);
  }
}

class Segment implements ArenaSegment {
  readonly base: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(base: number, bytes: Uint8Array) {
    this.base = base;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
