import type { MaybePromise } from "../../handler.ts";
import type { HostFile } from "./host-file.ts";
import type { ImageHeader } from "./image-header.ts";
import type { InFlight } from "./in-flight.ts";
import type { L1Table } from "./l1-table.ts";
import type { Mapping } from "./mapping.ts";
import { type Refcounts, writeTable } from "./refcounts.ts";
import type { Piece, TableCache } from "./table-cache.ts";

/** What an image that can be written has beside its mapping. */
export interface CommitParts {
  readonly host: HostFile;
  readonly clusterBytes: number;
  readonly l2: TableCache;
  readonly refcounts: Refcounts;
  readonly mapping: Mapping;
  readonly header: ImageHeader;
  readonly inFlight: InFlight;
}

/** So many runs of clusters may wait for the commit that frees them. */
const FREED_RUNS_MAX = 65_536;

const SECTOR_BYTES = 512;

interface Freed {
  readonly first: number;
  count: number;
}

interface Bytes {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** What is written by one commit. */
interface Batch {
  readonly blocks: readonly Piece[];
  readonly l2: readonly Piece[];
  readonly l1: L1Table;
  readonly l1Indexes: readonly number[];
  readonly l1Sectors: readonly Bytes[];
  readonly tableEntries: readonly number[];
  /** The refcount table, where it differs. */
  readonly table: RefcountTable | undefined;
  readonly freed: readonly Freed[];
}

interface RefcountTable {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly clusters: number;
  readonly moved: Refcounts["moved"];
}

/**
 * Writes changed tables, in the order that keeps the image whole at every moment:
 *
 * 1. refcounts that went up, and tables that nothing leads to yet; then the host is flushed, which
 *    covers the data, too
 * 2. what leads to them: L2 tables in place, L1 entries; then the host is flushed
 * 3. what nothing leads to any more is given back, once nobody reads it: its refcounts go down
 *    with the next commit
 *
 * A loss of power between two steps leaves clusters that nobody uses, and nothing else.
 */
export class Committer {
  readonly #parts: CommitParts;
  #freed: Freed[] = [];
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #freeing: Promise<void> | undefined;
  #freeError: Error | undefined;

  constructor(parts: CommitParts) {
    this.#parts = parts;
  }

  /** Nothing waits for a commit, and none is under way. */
  get isClean(): boolean {
    return this.#running === undefined && !this.#isDirty;
  }

  get isOverfull(): boolean {
    const { l2, refcounts } = this.#parts;
    return l2.isOverfull || refcounts.blocks.isOverfull || this.#freed.length > FREED_RUNS_MAX;
  }

  /** Nothing will lead to these clusters of the file: a reference to each of them goes. */
  free(first: number, count = 1): void {
    const last = this.#freed.at(-1);
    if (last !== undefined && last.first + last.count === first) last.count += count;
    else this.#freed.push({ first, count });
  }

  /** Makes everything durable that has been done before the call. */
  flush(): MaybePromise<void> {
    if (this.#freeError !== undefined) throw this.#freeError;
    return this.isClean ? this.#parts.host.store.flush() : this.commit();
  }

  /** Those that come while one is under way share the next. */
  commit(): Promise<void> {
    this.#next ??= this.#commitAfter(this.#running);
    return this.#next;
  }

  /** Commits until there is nothing left to write or to free. */
  async settle(): Promise<void> {
    while (!this.isClean || this.#freeing !== undefined) {
      await this.commit();
      await this.#freeing;
    }
    if (this.#freeError !== undefined) throw this.#freeError;
  }

  get #isDirty(): boolean {
    const { l2, refcounts, mapping } = this.#parts;
    return (
      l2.dirty.size > 0 || refcounts.isDirty || mapping.l1.dirty.size > 0 || this.#freed.length > 0
    );
  }

  async #commitAfter(running: Promise<void> | undefined): Promise<void> {
    await running?.catch(() => undefined);
    const commit = this.#write();
    this.#running = commit;
    this.#next = undefined;
    try {
      await commit;
    } finally {
      if (this.#running === commit) this.#running = undefined;
    }
  }

  async #write(): Promise<void> {
    const { host, header } = this.#parts;
    const batch = this.#take();
    try {
      await header.markDirty(true);
      await this.#writeAll([...batch.blocks, ...batch.l2.filter(({ fresh }) => fresh)]);
      await this.#writeRefcountTable(batch);
      await host.store.flush();
      const references = [...batch.l2.filter(({ fresh }) => !fresh), ...batch.l1Sectors];
      if (references.length > 0) {
        await this.#writeAll(references);
        await host.store.flush();
      }
    } catch (error) {
      this.#putBack(batch);
      throw error;
    }
    this.#parts.l2.done(batch.l2, true);
    this.#parts.refcounts.blocks.done(batch.blocks, true);
    if (batch.freed.length > 0) this.#giveBack(batch.freed);
  }

  /** Everything as it is at this moment: what leads to a cluster never without its refcount. */
  #take(): Batch {
    const { l2, refcounts, mapping } = this.#parts;
    const { l1 } = mapping;
    const l1Indexes = [...l1.dirty];
    l1.dirty.clear();
    const tableEntries = [...refcounts.dirtyEntries];
    refcounts.dirtyEntries.clear();
    const freed = this.#freed;
    this.#freed = [];
    return {
      blocks: refcounts.blocks.take(),
      l2: l2.take(),
      l1,
      l1Indexes,
      l1Sectors: sectorsOf(l1.bytes, l1Indexes, l1.offset),
      tableEntries,
      table: this.#takeTable(tableEntries),
      freed,
    };
  }

  #takeTable(dirtyEntries: readonly number[]): RefcountTable | undefined {
    const { moved, offsets, tableOffset, tableClusters } = this.#parts.refcounts;
    if (dirtyEntries.length === 0 && moved === undefined) return undefined;
    return { bytes: writeTable(offsets), offset: tableOffset, clusters: tableClusters, moved };
  }

  #putBack(batch: Batch): void {
    const { l2, refcounts } = this.#parts;
    l2.done(batch.l2, false);
    refcounts.blocks.done(batch.blocks, false);
    for (const index of batch.l1Indexes) batch.l1.dirty.add(index);
    for (const index of batch.tableEntries) refcounts.dirtyEntries.add(index);
    this.#freed = [...batch.freed, ...this.#freed];
  }

  /** The blocks must be there before the table leads to them. */
  async #writeRefcountTable({ table, tableEntries }: Batch): Promise<void> {
    if (table === undefined) return;
    const { host, header, refcounts, clusterBytes } = this.#parts;
    const { bytes, offset, clusters, moved } = table;
    if (moved === undefined) {
      await host.store.flush();
      await this.#writeAll(sectorsOf(bytes, tableEntries, offset));
      return;
    }
    await host.write(bytes, offset);
    await host.store.flush();
    await header.write({ refcountTableOffset: offset, refcountTableClusters: clusters });
    refcounts.moved = undefined;
    this.free(moved.oldOffset / clusterBytes, moved.oldClusters);
  }

  async #writeAll(parts: readonly Bytes[]): Promise<void> {
    const { host } = this.#parts;
    for (const { bytes, offset } of parts) await host.write(bytes, offset);
  }

  /** Reads and writes that began before may still be at these clusters. */
  #giveBack(freed: readonly Freed[]): void {
    const before = this.#freeing;
    const idle = this.#parts.inFlight.drain();
    const freeing = (async () => {
      await before;
      await idle;
      for (const run of freed) await this.#release(run);
    })().catch((error: unknown) => {
      this.#freeError ??= error as Error;
    });
    this.#freeing = freeing;
    void freeing.then(() => {
      if (this.#freeing === freeing) this.#freeing = undefined;
    });
  }

  /** The space goes before the cluster can be somebody else's. */
  async #release({ first, count }: Freed): Promise<void> {
    const { refcounts } = this.#parts;
    for (let cluster = first; cluster < first + count;) {
      let end = cluster;
      while (end < first + count && (await refcounts.get(end)) === 1) end++;
      if (end > cluster) {
        await this.#punch(cluster, end - cluster);
      }
      const next = Math.max(end, cluster + 1);
      await refcounts.release(cluster, next - cluster);
      cluster = next;
    }
  }

  /** Space that cannot be given back is no error: the cluster is free all the same. */
  async #punch(first: number, count: number): Promise<void> {
    const { host, clusterBytes } = this.#parts;
    try {
      await host.punch(first * clusterBytes, count * clusterBytes);
    } catch {
      // Nothing depends on it.
    }
  }
}

/** The sectors that have the entries, as they are now. */
function sectorsOf(bytes: Uint8Array, indexes: readonly number[], offset: number): Bytes[] {
  const starts = new Set(indexes.map((index) => index * 8 - ((index * 8) % SECTOR_BYTES)));
  return [...starts].map((start) => ({
    bytes: bytes.slice(start, start + SECTOR_BYTES),
    offset: offset + start,
  }));
}
