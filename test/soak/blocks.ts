/** What a reader may find in the blocks that one initiator alone writes. */

export const BLOCK_BYTES = 512;

interface Block {
  /** Values that a read may give: one, but for writes that failed and may have happened. */
  readonly possible: Set<number>;
  busy: boolean;
}

/** Blocks with one command at a time on each. */
export class Blocks {
  readonly #blocks: Block[];
  #stamps = 0;

  constructor(count: number) {
    this.#blocks = Array.from({ length: count }, () => ({ possible: new Set([0]), busy: false }));
  }

  /** Takes the block at or behind `from` that no command is on; undefined where there is none. */
  take(from: number): number | undefined {
    for (let i = 0; i < this.#blocks.length; i++) {
      const index = (from + i) % this.#blocks.length;
      const block = this.#at(index);
      if (block.busy) continue;
      block.busy = true;
      return index;
    }
    return undefined;
  }

  release(index: number): void {
    this.#at(index).busy = false;
  }

  /** A write begins: gives what it is known by and fills `bytes` with it. */
  stamp(index: number, bytes: Uint8Array): number {
    this.#stamps++;
    new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).fill(this.#stamps);
    this.#at(index).possible.add(this.#stamps);
    return this.#stamps;
  }

  /** The write that began with `stamp` has succeeded: nothing else is in the block. */
  written(index: number, stamp: number): void {
    const { possible } = this.#at(index);
    possible.clear();
    possible.add(stamp);
  }

  /** What is wrong with what a read found. */
  faultOf(index: number, bytes: Uint8Array): string | undefined {
    const words = new Uint32Array(bytes.slice().buffer);
    const [stamp = -1] = words;
    if (words.length !== BLOCK_BYTES / 4 || words.some((word) => word !== stamp)) {
      return `block ${index}, ${bytes.length} bytes, is torn: ${[...new Set(words)].join(", ")}`;
    }
    const { possible } = this.#at(index);
    if (possible.has(stamp)) return undefined;
    return `block ${index} has ${stamp}, not one of ${[...possible].join(", ")}`;
  }

  #at(index: number): Block {
    return this.#blocks[index] as Block;
  }
}
