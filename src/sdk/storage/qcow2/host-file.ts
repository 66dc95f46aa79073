import { ERRNO } from "../../../protocol/errno.ts";
import type { MaybePromise } from "../../handler.ts";
import type { BlockStore } from "../block-store.ts";
import { errnoError } from "../system-error.ts";

/** What an image is in: a store that can be made longer, or one that is as long as it will be. */
export interface ImageHost extends BlockStore {
  /** Makes it longer (by zeros) or shorter. */
  resize?(sizeBytes: number): MaybePromise<void>;
}

/** A file grows by at least so much. */
const GROWTH_BYTES = 4 * 1024 * 1024;

/** The store below an image: it grows, and reads as zeros behind its end. */
export class HostFile {
  readonly store: ImageHost;
  readonly #clusterBytes: number;
  #hasGrown = false;

  constructor(store: ImageHost, clusterBytes: number) {
    this.store = store;
    this.#clusterBytes = clusterBytes;
  }

  get name(): string {
    return this.store.name;
  }

  /** Where the last cluster of the file ends, which may be there in part only. */
  get end(): number {
    return Math.ceil(this.store.size / this.#clusterBytes) * this.#clusterBytes;
  }

  read(buffer: Uint8Array, offset: number): MaybePromise<void> {
    const { size } = this.store;
    if (offset + buffer.length <= size) return this.store.read(buffer, offset);
    const there = Math.max(0, size - offset);
    buffer.fill(0, there);
    return there === 0 ? undefined : this.store.read(buffer.subarray(0, there), offset);
  }

  write(buffer: Uint8Array, offset: number): MaybePromise<void> {
    return this.store.write(buffer, offset, false);
  }

  /** Makes room for bytes up to `end`. */
  grow(end: number): MaybePromise<void> {
    if (end <= this.store.size) return undefined;
    if (this.store.resize === undefined) {
      throw errnoError(ERRNO.ENOSPC, `${this.name} cannot be made longer for an image`);
    }
    this.#hasGrown = true;
    return this.store.resize(Math.max(end, this.store.size + GROWTH_BYTES));
  }

  /** Gives back what is behind `end`, where it was made for the image. */
  shrink(end: number): MaybePromise<void> {
    return this.#hasGrown && end < this.store.size ? this.store.resize?.(end) : undefined;
  }

  /** Gives back the space of clusters that nothing leads to. */
  punch(offset: number, length: number): MaybePromise<void> {
    const there = Math.min(length, this.store.size - offset);
    return there > 0 ? this.store.trim?.(offset, there) : undefined;
  }
}
