import type { MaybePromise } from "../../handler.ts";
import type { Committer } from "./commit.ts";
import { compressedRange, copiedIn, isEmpty, offsetIn, setEntry, zeroIn } from "./entries.ts";
import { allOf, type ImageParts, kindOf, type Mapping } from "./mapping.ts";
import type { ClusterRun, Refcounts } from "./refcounts.ts";
import type { Table } from "./table-cache.ts";

/** Clusters of the disk that get another place, by one write. */
interface Allocation {
  readonly table: Table;
  /** The first one's entry. */
  readonly index: number;
  readonly run: ClusterRun;
  /** The place was the cluster's before, without data. */
  readonly reused: boolean;
}

/** Changes the disk of now: in place where it has the cluster alone, else by another cluster. */
export class Writer {
  readonly #parts: ImageParts;
  readonly #mapping: Mapping;
  readonly #refcounts: Refcounts;
  readonly #committer: Committer;
  /** By the number of the disk's cluster: until it has its new place. */
  readonly #allocating = new Map<number, Promise<void>>();
  readonly #makingTables = new Map<number, Promise<Table>>();

  constructor(parts: ImageParts, mapping: Mapping, refcounts: Refcounts, committer: Committer) {
    this.#parts = parts;
    this.#mapping = mapping;
    this.#refcounts = refcounts;
    this.#committer = committer;
  }

  /** Where in the host a range is that can be written in place; -1 where that takes more. */
  placeOf(offset: number, length: number): number {
    const { geometry, l2 } = this.#parts;
    const { clusterBytes, l2Bytes } = geometry;
    const within = offset % clusterBytes;
    if (within + length > clusterBytes) return -1;
    const l1Index = Math.floor(offset / l2Bytes);
    const { l1 } = this.#mapping;
    const l2Offset = l1.offsetOf(l1Index);
    if (l2Offset === 0 || !l1.isOwn(l1Index)) return -1;
    const table = l2.get(l2Offset);
    if (table === undefined) return -1;
    const index = Math.floor((offset % l2Bytes) / clusterBytes);
    return isInPlace(table, index) ? offsetIn(table.entries, index) + within : -1;
  }

  async write(buffer: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < buffer.length;) {
      done += await this.#writeSome(done === 0 ? buffer : buffer.subarray(done), offset + done);
    }
  }

  /**
   * Makes a range zeros; whole clusters lose their place, unless they shall `keep` it. `atEnd`:
   * the disk ends with the range, and what its last cluster has behind it is nobody's.
   */
  async clear(offset: number, length: number, keep: boolean, atEnd: boolean): Promise<void> {
    const { clusterBytes, l2Bytes } = this.#parts.geometry;
    const end = offset + length;
    const from = Math.min(end, Math.ceil(offset / clusterBytes) * clusterBytes);
    const to = atEnd ? end : Math.max(from, end - (end % clusterBytes));
    if (from > offset) await this.#clearPart(offset, from - offset);
    for (let at = from; at < to;) {
      const l1Index = Math.floor(at / l2Bytes);
      const tableEnd = Math.min(to, (l1Index + 1) * l2Bytes);
      await this.#clearInTable(l1Index, at, tableEnd, keep);
      at = tableEnd;
    }
    if (end > to) await this.#clearPart(to, end - to);
  }

  /** Writes a part of `buffer`, from its begin on. Gives how many bytes; 0 after a wait. */
  async #writeSome(buffer: Uint8Array, offset: number): Promise<number> {
    const { clusterBytes, l2Bytes, l2Entries } = this.#parts.geometry;
    const made = this.#ownTable(Math.floor(offset / l2Bytes));
    const table = made instanceof Promise ? await made : made;
    const index = Math.floor((offset % l2Bytes) / clusterBytes);
    const within = offset % clusterBytes;
    const clusters = Math.min(
      Math.ceil((within + buffer.length) / clusterBytes),
      l2Entries - index,
    );
    table.pins++;
    try {
      if (isInPlace(table, index)) {
        const count = Math.min(
          buffer.length,
          inPlaceRun(table, index, clusters, clusterBytes) - within,
        );
        const place = offsetIn(table.entries, index) + within;
        await this.#parts.host.write(buffer.subarray(0, count), place);
        return count;
      }
      const busy = this.#allocating.get(Math.floor(offset / clusterBytes));
      if (busy === undefined) return await this.#writeElsewhere(table, clusters, buffer, offset);
      await busy;
      return 0;
    } finally {
      table.pins--;
    }
  }

  /** Writes to clusters that nobody has, and then has the table lead to them. */
  async #writeElsewhere(
    table: Table,
    clusters: number,
    buffer: Uint8Array,
    offset: number,
  ): Promise<number> {
    const { clusterBytes, l2Bytes } = this.#parts.geometry;
    const index = Math.floor((offset % l2Bytes) / clusterBytes);
    const first = Math.floor(offset / clusterBytes);
    const hasPlace = isOwnZero(table, index);
    const count = hasPlace ? 1 : this.#elsewhereRun(table, index, clusters, first);
    let over: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      over = resolve;
    });
    for (let i = 0; i < count; i++) this.#allocating.set(first + i, done);
    try {
      const run = hasPlace
        ? { first: offsetIn(table.entries, index) / clusterBytes, count: 1, virgin: false }
        : await this.#refcounts.allocate(count);
      const within = offset % clusterBytes;
      const length = Math.min(buffer.length, run.count * clusterBytes - within);
      const allocation = { table, index, run, reused: hasPlace };
      await this.#fill(allocation, buffer.subarray(0, length), offset);
      this.#point(allocation);
      return length;
    } finally {
      for (let i = 0; i < count; i++) this.#allocating.delete(first + i);
      over();
    }
  }

  /** How many clusters from the entry on need another place and are not being given one. */
  #elsewhereRun(table: Table, index: number, max: number, first: number): number {
    let count = 1;
    while (
      count < max &&
      !isInPlace(table, index + count) &&
      !isOwnZero(table, index + count) &&
      !this.#allocating.has(first + count)
    ) {
      count++;
    }
    return count;
  }

  /** The data, and around it what the first and the last cluster had before. */
  async #fill(allocation: Allocation, data: Uint8Array, offset: number): Promise<void> {
    const { host, geometry } = this.#parts;
    const { clusterBytes } = geometry;
    const { run, reused } = allocation;
    const from = offset - (offset % clusterBytes);
    const end = offset + data.length;
    const to = Math.ceil(end / clusterBytes) * clusterBytes;
    const writes: Promise<void>[] = [];
    const write = (bytes: Uint8Array, at: number) => {
      const written = host.write(bytes, run.first * clusterBytes + at - from);
      if (written !== undefined) writes.push(written);
    };
    try {
      for (const [start, length] of [
        [from, offset - from],
        [end, to - end],
      ] as const) {
        const isZero = length === 0 || this.#readsAsZeros(allocation, start);
        if (length === 0 || (isZero && run.virgin)) continue;
        const around = new Uint8Array(length);
        if (!isZero) await this.#mapping.read(around, start);
        write(around, start);
      }
      write(data, offset);
      if (writes.length > 0) await allOf(writes);
    } catch (error) {
      await Promise.allSettled(writes);
      if (!reused) await this.#refcounts.release(run.first, run.count);
      throw error;
    }
  }

  #readsAsZeros({ table, index }: Allocation, offset: number): boolean {
    const { geometry } = this.#parts;
    const at = Math.floor((offset % geometry.l2Bytes) / geometry.clusterBytes);
    const kind = kindOf(table.entries, Math.max(index, at));
    return kind === "zero" || (kind === "empty" && !this.#isBacked(offset));
  }

  #point({ table, index, run, reused }: Allocation): void {
    const { clusterBytes } = this.#parts.geometry;
    for (let i = 0; i < run.count; i++) {
      if (!reused) this.#forget(table, index + i);
      setEntry(table.entries, index + i, (run.first + i) * clusterBytes, { copied: true });
    }
    this.#parts.l2.touch(table, index * 8, (index + run.count) * 8);
  }

  /** The entry will lead elsewhere. */
  #forget(table: Table, index: number): void {
    const { clusterBits, clusterBytes } = this.#parts.geometry;
    if (kindOf(table.entries, index) === "compressed") {
      const { offset, length } = compressedRange(table.entries, index, clusterBits);
      const first = Math.floor(offset / clusterBytes);
      this.#committer.free(first, Math.floor((offset + length - 1) / clusterBytes) - first + 1);
      return;
    }
    const offset = offsetIn(table.entries, index);
    if (offset !== 0) this.#committer.free(offset / clusterBytes);
  }

  /** An L2 table that only the disk of now has: a new one, or a copy of a shared one. */
  #ownTable(l1Index: number): MaybePromise<Table> {
    const { l1 } = this.#mapping;
    const making = this.#makingTables.get(l1Index);
    if (making !== undefined) return making;
    const offset = l1.offsetOf(l1Index);
    if (offset !== 0 && l1.isOwn(l1Index)) return this.#parts.l2.load(offset);
    const made = this.#makeTable(l1Index, offset).finally(() => {
      this.#makingTables.delete(l1Index);
    });
    this.#makingTables.set(l1Index, made);
    return made;
  }

  async #makeTable(l1Index: number, shared: number): Promise<Table> {
    const { geometry, l2 } = this.#parts;
    const { clusterBytes } = geometry;
    const { first } = await this.#refcounts.allocate(1);
    let bytes: Uint8Array;
    try {
      bytes = shared === 0 ? new Uint8Array(clusterBytes) : (await l2.load(shared)).bytes.slice();
    } catch (error) {
      await this.#refcounts.release(first, 1);
      throw error;
    }
    const table = l2.create(first * clusterBytes, bytes);
    this.#mapping.l1.point(l1Index, table.offset);
    if (shared !== 0) this.#committer.free(shared / clusterBytes);
    return table;
  }

  /** A part of a cluster: zeros are written, unless it has them. */
  async #clearPart(offset: number, length: number): Promise<void> {
    const { geometry, l2 } = this.#parts;
    const { clusterBytes, l2Bytes } = geometry;
    for (let at = offset; at < offset + length;) {
      const count = Math.min(offset + length - at, clusterBytes - (at % clusterBytes));
      const l2Offset = this.#mapping.l1.offsetOf(Math.floor(at / l2Bytes));
      const index = Math.floor((at % l2Bytes) / clusterBytes);
      await this.#allocating.get(Math.floor(at / clusterBytes));
      const kind = l2Offset === 0 ? "empty" : kindOf((await l2.load(l2Offset)).entries, index);
      const isZero = kind === "zero" || (kind === "empty" && !this.#isBacked(at));
      if (!isZero) await this.write(new Uint8Array(count), at);
      at += count;
    }
  }

  async #clearInTable(l1Index: number, from: number, to: number, keep: boolean): Promise<void> {
    const { geometry } = this.#parts;
    const { clusterBytes, l2Bytes } = geometry;
    await this.#makingTables.get(l1Index);
    if (this.#mapping.l1.offsetOf(l1Index) === 0 && !this.#isBacked(from)) return;
    const table = await this.#ownTable(l1Index);
    table.pins++;
    try {
      for (let at = from; at < to;) {
        const busy = this.#allocating.get(Math.floor(at / clusterBytes));
        if (busy !== undefined) {
          await busy;
          continue;
        }
        this.#clearEntry(table, Math.floor((at % l2Bytes) / clusterBytes), at, keep);
        at += clusterBytes;
        if (this.#committer.isOverfull) await this.#committer.commit();
      }
    } finally {
      table.pins--;
    }
  }

  #clearEntry(table: Table, index: number, offset: number, keep: boolean): void {
    const { entries } = table;
    const kind = kindOf(entries, index);
    const place = kind === "compressed" ? 0 : offsetIn(entries, index);
    if (place === 0 && kind === "zero") return;
    if (kind === "empty" && !this.#isBacked(offset)) return;
    if (keep && place !== 0 && copiedIn(entries, index)) {
      setEntry(entries, index, place, { copied: true, zero: true });
    } else {
      this.#forget(table, index);
      setEntry(entries, index, 0, { zero: this.#isBacked(offset) });
    }
    this.#parts.l2.touch(table, index * 8, index * 8 + 8);
  }

  #isBacked(offset: number): boolean {
    const { backing, geometry } = this.#parts;
    const start = offset - (offset % geometry.clusterBytes);
    return backing !== undefined && start < backing.size;
  }
}

function isInPlace({ entries }: Table, index: number): boolean {
  return copiedIn(entries, index) && kindOf(entries, index) === "data";
}

/** A place that is the disk's alone, kept for zeros. */
function isOwnZero({ entries }: Table, index: number): boolean {
  return (
    !isEmpty(entries, index) &&
    zeroIn(entries, index) &&
    copiedIn(entries, index) &&
    kindOf(entries, index) === "zero" &&
    offsetIn(entries, index) !== 0
  );
}

/** Bytes from the entry on that can be written in place at once, at most `max` clusters. */
function inPlaceRun(table: Table, index: number, max: number, clusterBytes: number): number {
  const first = offsetIn(table.entries, index);
  let count = 1;
  while (
    count < max &&
    isInPlace(table, index + count) &&
    offsetIn(table.entries, index + count) === first + count * clusterBytes
  ) {
    count++;
  }
  return count * clusterBytes;
}
