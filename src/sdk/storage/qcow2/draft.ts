import { ERRNO } from "../../../protocol/errno.ts";
import { SystemError } from "../../../protocol/errors.ts";
import type { MaybePromise } from "../../handler.ts";
import { errnoError } from "../system-error.ts";
import { compressedRange, type Entries, offsetIn } from "./entries.ts";
import { damaged, type Geometry, REFCOUNT_TABLE_BYTES_MAX } from "./format.ts";
import type { HostFile } from "./host-file.ts";
import type { L1Table } from "./l1-table.ts";
import { kindOf } from "./mapping.ts";
import { type Refcounts, writeTable } from "./refcounts.ts";
import type { Table, TableCache } from "./table-cache.ts";

/** A refcount block as it is in force, and as it is to be. */
interface DraftBlock {
  readonly was: Uint8Array;
  readonly now: Uint8Array;
  /** Where the new one goes. */
  offset: number;
  changed: boolean;
}

export interface NewTable {
  readonly offset: number;
  readonly clusters: number;
  readonly offsets: Float64Array;
}

/** After so many tables others get their turn of the event loop. */
const TABLES_WITHOUT_TURN_MAX = 64;

/**
 * Refcounts as they shall be after a change that one write of the header puts in force. New
 * clusters are taken only from those that are free before it and after it.
 */
export class Draft {
  readonly #host: HostFile;
  readonly #geometry: Geometry;
  readonly #refcounts: Refcounts;
  readonly #l2: TableCache;
  readonly #blocks = new Map<number, DraftBlock>();
  readonly #held = new Set<number>();
  #next: number;
  #tables = 0;

  constructor(host: HostFile, geometry: Geometry, refcounts: Refcounts, l2: TableCache) {
    this.#host = host;
    this.#geometry = geometry;
    this.#refcounts = refcounts;
    this.#l2 = l2;
    this.#next = refcounts.firstFree;
  }

  get(cluster: number): MaybePromise<number> {
    const { blockEntries } = this.#geometry;
    const block = this.#block(Math.floor(cluster / blockEntries));
    const read = ({ now }: DraftBlock) => this.#refcounts.entries.get(now, cluster % blockEntries);
    return block instanceof Promise ? block.then(read) : read(block);
  }

  set(cluster: number, value: number): MaybePromise<void> {
    return this.#change(cluster, () => value);
  }

  add(cluster: number, delta: number): MaybePromise<void> {
    return this.#change(cluster, (value) => value + delta);
  }

  async addRun(offset: number, bytes: number, delta: number): Promise<void> {
    const { clusterBytes } = this.#geometry;
    const last = Math.floor((offset + bytes - 1) / clusterBytes);
    for (let cluster = Math.floor(offset / clusterBytes); cluster <= last; cluster++) {
      await this.add(cluster, delta);
    }
  }

  /** Bytes that are in use until the change is in force, whatever the refcounts say. */
  hold(offset: number, bytes: number): void {
    const { clusterBytes } = this.#geometry;
    for (let at = offset; at < offset + bytes; at += clusterBytes)
      this.#held.add(at / clusterBytes);
  }

  /** Adds to everything that an L1 table leads to; itself is not meant. */
  async addTree(l1: L1Table, delta: number): Promise<void> {
    await this.eachCluster(l1, (cluster) => this.add(cluster, delta));
  }

  /** Calls `use` for each cluster that an L1 table leads to, as often as it does. */
  async eachCluster(l1: L1Table, use: (cluster: number) => MaybePromise<void>): Promise<void> {
    const { clusterBytes, l2Entries } = this.#geometry;
    for (let l1Index = 0; l1Index < l1.length; l1Index++) {
      const offset = l1.offsetOf(l1Index);
      if (offset === 0) continue;
      await use(offset / clusterBytes);
      const { entries } = await this.#l2.load(offset);
      for (let index = 0; index < l2Entries; index++) {
        const used = this.#useEntry(entries, index, use);
        if (used !== undefined) await used;
      }
      await this.turn();
    }
  }

  /** Lets others have the event loop now and then. */
  async turn(): Promise<void> {
    this.#tables++;
    if (this.#tables % TABLES_WITHOUT_TURN_MAX !== 0) return;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }

  /** Clusters that follow each other. */
  async allocate(count: number): Promise<number> {
    let found = 0;
    for (let cluster = this.#next; ; cluster++) {
      found = (await this.#isFree(cluster)) ? found + 1 : 0;
      if (found < count) continue;
      const first = cluster - count + 1;
      await this.#host.grow((cluster + 1) * this.#geometry.clusterBytes);
      for (let i = first; i <= cluster; i++) await this.set(i, 1);
      if (count === 1) this.#next = cluster + 1;
      return first * this.#geometry.clusterBytes;
    }
  }

  /** Writes the blocks that differ, and a new table that leads to them. */
  async writeTables(): Promise<NewTable> {
    const { clusterBytes } = this.#geometry;
    let table = { offset: 0, clusters: 0 };
    for (;;) {
      await this.#placeBlocks();
      const last = Math.max(this.#refcounts.offsets.length - 1, ...this.#blocks.keys());
      const clusters = Math.ceil(((last + 1) * 8) / clusterBytes);
      if (table.clusters >= clusters) break;
      if (clusters * clusterBytes > Math.max(REFCOUNT_TABLE_BYTES_MAX, clusterBytes)) {
        throw errnoError(ERRNO.ENOSPC, `${this.#host.name}: no room for more refcounts`);
      }
      if (table.clusters > 0) await this.addRun(table.offset, table.clusters * clusterBytes, -1);
      table = { offset: await this.allocate(clusters), clusters };
    }
    const offsets = new Float64Array((table.clusters * clusterBytes) / 8);
    offsets.set(this.#refcounts.offsets);
    for (const [index, { now, offset, changed }] of this.#blocks) {
      if (!changed) continue;
      offsets[index] = offset;
      await this.#host.write(now, offset);
    }
    await this.#host.write(writeTable(offsets), table.offset);
    return { ...table, offsets };
  }

  /** Gives back the space of what was used and is not any more. The change is in force. */
  async punch(): Promise<void> {
    const { blockEntries, clusterBytes } = this.#geometry;
    const { entries } = this.#refcounts;
    for (const [index, { was, now, changed }] of this.#blocks) {
      if (!changed) continue;
      const isGone = (i: number) => entries.get(was, i) > 0 && entries.get(now, i) === 0;
      for (let i = 0; i < blockEntries; i++) {
        const first = i;
        while (i < blockEntries && isGone(i)) i++;
        if (i === first) continue;
        const at = (index * blockEntries + first) * clusterBytes;
        await this.#host.punch(at, (i - first) * clusterBytes);
      }
    }
  }

  /** New places for all blocks that differ; which makes others differ. */
  async #placeBlocks(): Promise<void> {
    const { clusterBytes } = this.#geometry;
    for (const [index, block] of this.#blocks) {
      if (!block.changed || block.offset !== 0) continue;
      block.offset = await this.allocate(1);
      const old = this.#refcounts.offsets[index] ?? 0;
      if (old !== 0) await this.add(old / clusterBytes, -1);
    }
  }

  #useEntry(
    entries: Entries,
    index: number,
    use: (cluster: number) => MaybePromise<void>,
  ): MaybePromise<void> {
    const { clusterBits, clusterBytes } = this.#geometry;
    if (kindOf(entries, index) === "compressed") {
      const { offset, length } = compressedRange(entries, index, clusterBits);
      return useRun(
        Math.floor(offset / clusterBytes),
        Math.floor((offset + length - 1) / clusterBytes),
        use,
      );
    }
    const offset = offsetIn(entries, index);
    return offset === 0 ? undefined : use(offset / clusterBytes);
  }

  #isFree(cluster: number): MaybePromise<boolean> {
    if (this.#held.has(cluster)) return false;
    const { blockEntries } = this.#geometry;
    const block = this.#block(Math.floor(cluster / blockEntries));
    const look = ({ was, now }: DraftBlock) => {
      const { entries } = this.#refcounts;
      const i = cluster % blockEntries;
      return entries.get(was, i) === 0 && entries.get(now, i) === 0;
    };
    return block instanceof Promise ? block.then(look) : look(block);
  }

  #change(cluster: number, change: (value: number) => number): MaybePromise<void> {
    const { blockEntries, refcountMax } = this.#geometry;
    const block = this.#block(Math.floor(cluster / blockEntries));
    const apply = (draft: DraftBlock) => {
      const { entries } = this.#refcounts;
      const { now } = draft;
      const value = change(entries.get(now, cluster % blockEntries));
      if (value < 0)
        throw damaged(this.#host.name, `cluster ${cluster} is used and has refcount 0`);
      if (value > refcountMax) {
        const what = `a cluster can be used ${refcountMax} times at most (refcount_bits)`;
        throw new SystemError("EOVERFLOW", ERRNO.EOVERFLOW, `${this.#host.name}: ${what}`);
      }
      entries.set(now, cluster % blockEntries, value);
      draft.changed = true;
    };
    return block instanceof Promise ? block.then(apply) : apply(block);
  }

  #block(index: number): MaybePromise<DraftBlock> {
    const there = this.#blocks.get(index);
    if (there !== undefined) return there;
    const add = (was: Uint8Array) => {
      const block = { was, now: Uint8Array.from(was), offset: 0, changed: false };
      this.#blocks.set(index, block);
      return block;
    };
    const found = this.#refcounts.block(index);
    if (found === undefined) return add(new Uint8Array(this.#geometry.clusterBytes));
    if (!(found instanceof Promise)) return add(found.bytes);
    return found.then((table) => {
      return this.#blocks.get(index) ?? add((table as Table).bytes);
    });
  }
}

async function useRun(
  first: number,
  last: number,
  use: (cluster: number) => MaybePromise<void>,
): Promise<void> {
  for (let cluster = first; cluster <= last; cluster++) await use(cluster);
}
