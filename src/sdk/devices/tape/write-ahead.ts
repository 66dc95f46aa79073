import type { MaybePromise } from "../../handler.ts";
import type { CartridgePartition } from "../../storage/cartridge/cartridge.ts";
import { BLOCK_BYTES_MAX, RecordHeader, STORED_BYTES_MAX } from "../../storage/cartridge/layout.ts";
import type { StoredObject } from "../../storage/cartridge/partition-log.ts";
import { encodeBlock, type Encoding } from "./block-codec.ts";

/** So many blocks are under way at most: Node's thread pool has four threads … */
const COUNT_MAX = 4;
/** … and so many bytes, if it is more than one. */
const BYTES_MAX = 8 * 1024 * 1024;

/** What a block may take of the medium beyond its own length. */
const OVERHEAD_BYTES_MAX = STORED_BYTES_MAX - BLOCK_BYTES_MAX + RecordHeader.size;

/** A copy of a block, and room for what it becomes. */
interface Slot {
  readonly plain: Uint8Array;
  readonly encoded: Uint8Array;
}

/** What is called when a block is on the tape, as this. */
export type Stored = (object: StoredObject) => void;

/**
 * Blocks of buffered mode that have been answered and are compressed meanwhile, several at a time.
 * They get to the tape in their order, and nothing else may before {@link drain}.
 */
export class WriteAhead {
  readonly #underWay: Promise<void>[] = [];
  #bytesMax = 0;
  #error: { readonly cause: unknown } | undefined;
  readonly #spares: Slot[] = [];

  /** What the blocks under way take of the medium at most. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  get idle(): boolean {
    return this.#underWay.length === 0;
  }

  /** Why a block could not be stored; those behind it are dropped, until {@link reset}. */
  get error(): unknown {
    return this.#error?.cause;
  }

  /** What {@link add} counts for a block. */
  static bytesMaxOf(block: Uint8Array): number {
    return block.length + OVERHEAD_BYTES_MAX;
  }

  /** Takes a copy of `block`, at once where not too much is under way. */
  add(
    log: CartridgePartition,
    block: Uint8Array,
    encoding: Encoding,
    stored: Stored,
  ): MaybePromise<void> {
    const bytesMax = WriteAhead.bytesMaxOf(block);
    const isFull = this.#underWay.length === COUNT_MAX || this.#bytesMax + bytesMax > BYTES_MAX;
    const [oldest] = this.#underWay;
    if (isFull && oldest !== undefined) {
      return oldest.then(() => this.add(log, block, encoding, stored));
    }
    const before = this.#underWay.at(-1);
    this.#bytesMax += bytesMax;
    const slot = this.#slotFor(block.length);
    slot.plain.set(block);
    const whole = slot.plain.length === block.length;
    const copy = whole ? slot.plain : slot.plain.subarray(0, block.length);
    const storing = this.#store(log, encodeBlock(copy, encoding, slot.encoded), before, stored);
    this.#underWay.push(
      storing.then(() => {
        void this.#underWay.shift();
        this.#bytesMax -= bytesMax;
        if (this.#spares.length < COUNT_MAX) this.#spares.push(slot);
      }),
    );
  }

  /** Never rejects: the error waits for the next who asks. */
  async #store(
    log: CartridgePartition,
    encoded: MaybePromise<StoredObject>,
    before: Promise<void> | undefined,
    stored: Stored,
  ): Promise<void> {
    try {
      const object = await encoded;
      await before;
      if (this.#error !== undefined) return;
      await log.append(object);
      stored(object);
    } catch (cause) {
      this.#error ??= { cause };
    }
  }

  #slotFor(length: number): Slot {
    const spare = this.#spares.pop();
    if (spare !== undefined && spare.plain.length >= length) return spare;
    return { plain: new Uint8Array(length), encoded: new Uint8Array(length) };
  }

  /** Waits until nothing is under way. */
  async drain(): Promise<void> {
    while (!this.idle) await this.#underWay.at(-1);
  }

  /** The same, and throws what went wrong. */
  async finish(): Promise<void> {
    await this.drain();
    if (this.#error !== undefined) throw this.#error.cause;
  }

  /** Forgets the error, which has been told. Nothing may be under way. */
  reset(): void {
    this.#error = undefined;
  }
}
