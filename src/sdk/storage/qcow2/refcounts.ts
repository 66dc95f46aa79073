import { ERRNO } from "../../../protocol/errno.ts";
import type { MaybePromise } from "../../handler.ts";
import { errnoError } from "../system-error.ts";
import { damaged, type Geometry, REFCOUNT_TABLE_BYTES_MAX } from "./format.ts";
import type { HostFile } from "./host-file.ts";
import { refcountEntries, type RefcountEntries } from "./refcount-entries.ts";
import { type Table, TableCache } from "./table-cache.ts";

/** Clusters of the file that follow each other. */
export interface ClusterRun {
  readonly first: number;
  readonly count: number;
  /** They have never been written: they read as zeros. */
  readonly virgin: boolean;
}

const ENTRY_OFFSET_MASK_LOW = 0xffff_fe00;

/**
 * Who uses which cluster of the file ("Reference counts"). Changes are made in memory; the commit
 * writes them.
 */
export class Refcounts {
  readonly entries: RefcountEntries;
  readonly blocks: TableCache;
  readonly #host: HostFile;
  readonly #geometry: Geometry;
  /** Where the blocks are; 0 for none. Longer than the file's table where that has to grow. */
  offsets: Float64Array;
  /** Entries of the table that the file does not have yet. */
  readonly dirtyEntries = new Set<number>();
  /** Where the table is, and where it goes with the next commit. */
  tableOffset: number;
  tableClusters: number;
  moved: { readonly oldOffset: number; readonly oldClusters: number } | undefined;
  /** No cluster before this one is free. */
  #firstFree = 0;
  /** From here on nothing has been written. */
  #virgin: number;

  constructor(
    host: HostFile,
    geometry: Geometry,
    table: { readonly offset: number; readonly clusters: number; readonly bytes: Uint8Array },
    cacheBytesMax: number,
  ) {
    this.#host = host;
    this.#geometry = geometry;
    this.entries = refcountEntries(geometry);
    this.tableOffset = table.offset;
    this.tableClusters = table.clusters;
    this.offsets = readTable(host, table.bytes, geometry);
    const unchecked = () => undefined;
    this.blocks = new TableCache(host, geometry.clusterBytes, cacheBytesMax, unchecked);
    this.#virgin =
      host.store.resize === undefined ? Number.POSITIVE_INFINITY : host.end / geometry.clusterBytes;
  }

  get isDirty(): boolean {
    return this.blocks.dirty.size > 0 || this.dirtyEntries.size > 0 || this.moved !== undefined;
  }

  /** How many clusters the file has up to the last one that is used, as far as it is known. */
  async usedClusters(): Promise<number> {
    const { blockEntries } = this.#geometry;
    for (let index = this.offsets.length - 1; index >= 0; index--) {
      const block = await this.block(index);
      if (block === undefined) continue;
      for (let i = blockEntries - 1; i >= 0; i--) {
        if (this.entries.get(block.bytes, i) > 0) return index * blockEntries + i + 1;
      }
    }
    return 0;
  }

  /** The block with the refcounts from `index * blockEntries` on, where there is one. */
  block(index: number): MaybePromise<Table | undefined> {
    const offset = this.offsets[index] ?? 0;
    return offset === 0 ? undefined : this.blocks.load(offset);
  }

  async get(cluster: number): Promise<number> {
    const { blockEntries } = this.#geometry;
    const block = await this.block(Math.floor(cluster / blockEntries));
    return block === undefined ? 0 : this.entries.get(block.bytes, cluster % blockEntries);
  }

  /** Takes one reference away from each of some clusters. Gives those that are free now. */
  async release(first: number, count: number): Promise<void> {
    const { blockEntries } = this.#geometry;
    for (let cluster = first; cluster < first + count; cluster++) {
      const found = this.block(Math.floor(cluster / blockEntries));
      const block = found instanceof Promise ? await found : found;
      if (block === undefined) throw damaged(this.#host.name, `cluster ${cluster} has no refcount`);
      const now = this.entries.get(block.bytes, cluster % blockEntries);
      if (now === 0)
        throw damaged(this.#host.name, `cluster ${cluster} is used and has refcount 0`);
      this.#set(block, cluster, now - 1);
      if (now === 1 && cluster < this.#firstFree) this.#firstFree = cluster;
    }
  }

  /**
   * Takes up to `count` free clusters that follow each other.
   *
   * @throws SystemError ENOSPC where the host cannot grow
   */
  allocate(count: number): MaybePromise<ClusterRun> {
    const found = this.#find(count);
    return found instanceof Promise ? found.then(() => this.allocate(count)) : found;
  }

  /** What {@link adopt} begins with: where free clusters may be. */
  get firstFree(): number {
    return this.#firstFree;
  }

  /** Other tables are in force: those that a change of the snapshots has written. */
  adopt(offset: number, clusters: number, offsets: Float64Array): void {
    this.tableOffset = offset;
    this.tableClusters = clusters;
    this.offsets = offsets;
    this.blocks.clear();
    this.#firstFree = 0;
    this.#virgin = Math.max(this.#virgin, this.#host.end / this.#geometry.clusterBytes);
    if (this.#host.store.resize === undefined) this.#virgin = Number.POSITIVE_INFINITY;
  }

  /** A run, or the wait for what is needed to find one. Nothing happens between find and take. */
  #find(count: number): ClusterRun | Promise<unknown> {
    const { blockEntries, clusterBytes } = this.#geometry;
    for (let cluster = this.#firstFree; ;) {
      const index = Math.floor(cluster / blockEntries);
      const block = this.#blockToTakeFrom(index);
      if (block instanceof Promise) return block;
      const last = (index + 1) * blockEntries;
      while (cluster < last && this.entries.get(block.bytes, cluster % blockEntries) > 0) cluster++;
      this.#firstFree = cluster;
      if (cluster === last) continue;
      let end = cluster + 1;
      const endMax = Math.min(cluster + count, last);
      while (end < endMax && this.entries.get(block.bytes, end % blockEntries) === 0) end++;
      const grown = this.#host.grow(end * clusterBytes);
      if (grown !== undefined) return grown;
      for (let i = cluster; i < end; i++) this.#set(block, i, 1);
      this.#firstFree = end;
      const virgin = cluster >= this.#virgin;
      if (end > this.#virgin) this.#virgin = end;
      return { first: cluster, count: end - cluster, virgin };
    }
  }

  #blockToTakeFrom(index: number): Table | Promise<unknown> {
    if (index >= this.offsets.length) {
      const grown = this.#growTable(index);
      if (grown !== undefined) return grown;
    }
    const offset = this.offsets[index] as number;
    if (offset !== 0) return this.blocks.load(offset);
    return this.#createBlock(index) ?? (this.blocks.get(this.offsets[index] as number) as Table);
  }

  /** A block has its place at the begin of the clusters that it counts: none of them is used. */
  #createBlock(index: number): Promise<unknown> | undefined {
    const { blockEntries, clusterBytes } = this.#geometry;
    const cluster = index * blockEntries;
    const grown = this.#host.grow((cluster + 1) * clusterBytes);
    if (grown !== undefined) return grown;
    const bytes = new Uint8Array(clusterBytes);
    this.entries.set(bytes, 0, 1);
    this.offsets[index] = cluster * clusterBytes;
    this.blocks.create(cluster * clusterBytes, bytes);
    this.dirtyEntries.add(index);
    if (cluster >= this.#virgin) this.#virgin = cluster + 1;
    return undefined;
  }

  /** A longer table, behind the new block. The commit writes it and has the header lead to it. */
  #growTable(index: number): Promise<unknown> | undefined {
    const { blockEntries, clusterBytes } = this.#geometry;
    const perCluster = clusterBytes / 8;
    const clusters = Math.ceil(Math.max(index + 1, this.offsets.length * 1.5) / perCluster);
    const bytes = clusters * clusterBytes;
    const bytesMax = Math.max(REFCOUNT_TABLE_BYTES_MAX, clusterBytes);
    if (bytes > bytesMax || clusters >= blockEntries || this.moved !== undefined) {
      throw errnoError(ERRNO.ENOSPC, `${this.#host.name}: no room for more refcounts`);
    }
    const first = index * blockEntries;
    const grown = this.#host.grow((first + 1 + clusters) * clusterBytes);
    if (grown !== undefined) return grown;
    const offsets = new Float64Array(clusters * perCluster);
    offsets.set(this.offsets);
    this.offsets = offsets;
    this.moved = { oldOffset: this.tableOffset, oldClusters: this.tableClusters };
    void this.#createBlock(index);
    const block = this.blocks.get(first * clusterBytes) as Table;
    for (let i = 1; i <= clusters; i++) this.#set(block, first + i, 1);
    this.tableOffset = (first + 1) * clusterBytes;
    this.tableClusters = clusters;
    this.#virgin = Math.max(this.#virgin, first + 1 + clusters);
    return undefined;
  }

  #set(block: Table, cluster: number, value: number): void {
    const index = cluster % this.#geometry.blockEntries;
    this.entries.set(block.bytes, index, value);
    this.blocks.touch(block, this.entries.from(index), this.entries.to(index));
  }
}

/** @throws ProtocolError QCOW2_FORMAT where an entry leads nowhere */
function readTable(host: HostFile, bytes: Uint8Array, { clusterBytes }: Geometry): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.length / 8 }, (_, index) => {
    const low = (view.getUint32(index * 8 + 4) & ENTRY_OFFSET_MASK_LOW) >>> 0;
    const offset = view.getUint32(index * 8) * 0x1_0000_0000 + low;
    if (offset % clusterBytes !== 0 || offset >= host.end) {
      throw damaged(host.name, `refcount block ${index} is at ${offset}`);
    }
    return offset;
  });
}

/** The table as the file has it. */
export function writeTable(offsets: Float64Array): Uint8Array {
  const bytes = new Uint8Array(offsets.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, offset] of offsets.entries()) {
    view.setUint32(index * 8, Math.floor(offset / 0x1_0000_0000));
    view.setUint32(index * 8 + 4, offset);
  }
  return bytes;
}
