import { type Entries, compressedIn, copiedIn, entriesOf, offsetIn, setCopied } from "./entries.ts";
import { Draft } from "./draft.ts";
import type { Geometry } from "./format.ts";
import type { HostFile } from "./host-file.ts";
import type { ImageHeader } from "./image-header.ts";
import { L1Table } from "./l1-table.ts";
import { kindOf } from "./mapping.ts";
import type { Refcounts } from "./refcounts.ts";
import { type Snapshot, writeSnapshots } from "./snapshot-table.ts";
import type { TableCache } from "./table-cache.ts";

/** An image of which nothing is being changed: no write is under way, everything is committed. */
export interface StillImage {
  readonly host: HostFile;
  readonly geometry: Geometry;
  readonly refcounts: Refcounts;
  readonly l2: TableCache;
  readonly header: ImageHeader;
}

/** What the image shall be. */
export interface NewState {
  /** The disk's L1 table: a copy that may be changed. */
  readonly l1: Uint8Array;
  readonly size: number;
  readonly snapshots: readonly Snapshot[];
}

/**
 * Brings another state of disk and snapshots in force by a single write of the header, so that
 * after a loss of power one or the other is there: every table that changes is written to clusters
 * that were free before. What was used only before is free afterwards.
 *
 * `draft` has the refcounts of all that the new state leads to, except for tables that are made
 * here, and none for those that go.
 */
export async function putInForce(
  image: StillImage,
  draft: Draft,
  state: NewState,
): Promise<{ l1: L1Table; snapshotBytes: number }> {
  const { host, geometry, refcounts, l2, header } = image;
  const { clusterBytes } = geometry;
  const entries = entriesOf(state.l1);
  await markCopied(image, draft, new L1Table(0, state.l1), entries);
  const l1Offset = await draft.allocate(Math.max(1, Math.ceil(state.l1.length / clusterBytes)));
  await host.write(state.l1, l1Offset);
  const snapshots = writeSnapshots(state.snapshots);
  let snapshotsOffset = 0;
  if (snapshots.length > 0) {
    snapshotsOffset = await draft.allocate(Math.ceil(snapshots.length / clusterBytes));
    await host.write(snapshots, snapshotsOffset);
  }
  const { tableOffset, tableClusters } = refcounts;
  await draft.addRun(tableOffset, tableClusters * clusterBytes, -1);
  const table = await draft.writeTables();
  await host.store.flush();
  await header.write({
    size: state.size,
    l1Size: state.l1.length / 8,
    l1TableOffset: l1Offset,
    refcountTableOffset: table.offset,
    refcountTableClusters: table.clusters,
    nbSnapshots: state.snapshots.length,
    snapshotsOffset,
  });
  await host.store.flush();
  refcounts.adopt(table.offset, table.clusters, table.offsets);
  l2.clear();
  return { l1: new L1Table(l1Offset, state.l1), snapshotBytes: snapshots.length };
}

/**
 * Has the disk's tables say which clusters are its alone ("Cluster mapping", bit 63). A table of
 * which that is wrong is written anew elsewhere: a snapshot may have it, and until the header is
 * written it is in force.
 */
async function markCopied(
  { host, geometry, l2 }: StillImage,
  draft: Draft,
  l1: L1Table,
  l1Entries: Entries,
): Promise<void> {
  const { clusterBytes } = geometry;
  for (let l1Index = 0; l1Index < l1.length; l1Index++) {
    const offset = l1.offsetOf(l1Index);
    if (offset === 0) continue;
    const bytes = (await l2.load(offset)).bytes.slice();
    let isOwn = (await draft.get(offset / clusterBytes)) === 1;
    if (await markEntries(draft, geometry, entriesOf(bytes))) {
      const place = await draft.allocate(1);
      await host.write(bytes, place);
      await draft.add(offset / clusterBytes, -1);
      l1.point(l1Index, place);
      isOwn = true;
    }
    setCopied(l1Entries, l1Index, isOwn);
    await draft.turn();
  }
}

/** Whether any entry had to be changed. */
async function markEntries(
  draft: Draft,
  { l2Entries, clusterBytes }: Geometry,
  entries: Entries,
): Promise<boolean> {
  let changed = false;
  for (let index = 0; index < l2Entries; index++) {
    const offset = compressedIn(entries, index) ? 0 : offsetIn(entries, index);
    if (offset === 0 && kindOf(entries, index) === "compressed") continue;
    let isOwn = false;
    if (offset !== 0) {
      const count = draft.get(offset / clusterBytes);
      isOwn = (count instanceof Promise ? await count : count) === 1;
    }
    if (isOwn === copiedIn(entries, index)) continue;
    setCopied(entries, index, isOwn);
    changed = true;
  }
  return changed;
}
