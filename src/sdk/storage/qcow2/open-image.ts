import type { BlockStore } from "../block-store.ts";
import { INCOMPATIBLE, type Geometry, unsupported } from "./format.ts";
import { incompatibleOf, readHeader, type BackingName } from "./header.ts";
import { HostFile, type ImageHost } from "./host-file.ts";
import { ImageHeader } from "./image-header.ts";
import { type L1Table, readL1 } from "./l1-table.ts";
import { checkL2 } from "./mapping.ts";
import { Qcow2Store } from "./qcow2-store.ts";
import { Refcounts } from "./refcounts.ts";
import { repair } from "./repair.ts";
import { readSnapshots, type Snapshot } from "./snapshot-table.ts";
import { TableCache } from "./table-cache.ts";

/** An image that has been read as far as it is kept in memory. */
export interface OpenImage {
  readonly host: HostFile;
  readonly geometry: Geometry;
  readonly header: ImageHeader;
  readonly l2: TableCache;
  readonly refcounts: Refcounts;
  readonly backing: BlockStore | undefined;
  readonly l1: L1Table;
  readonly size: number;
  readonly snapshots: readonly Snapshot[];
  /** Of their table. */
  readonly snapshotBytes: number;
  readonly readOnly: boolean;
}

export interface OpenQcow2Options {
  readonly readOnly?: boolean;
  /** Memory for L2 tables; 16 MiB by default, which is enough for 128 GiB in 64 KiB clusters. */
  readonly l2CacheBytesMax?: number;
  /** Memory for refcount blocks; 4 MiB by default. */
  readonly refcountCacheBytesMax?: number;
  /** Finds what stands behind the image, where it names something. Refused by default. */
  readonly openBacking?: (backing: BackingName) => Promise<BlockStore>;
}

const L2_CACHE_BYTES = 16 * 1024 * 1024;
const REFCOUNT_CACHE_BYTES = 4 * 1024 * 1024;

/**
 * Opens the qcow2 image in `store`, which is closed with it. An image that was not closed is
 * looked through first, and its refcounts are repaired.
 *
 * @throws ProtocolError QCOW2_FORMAT, QCOW2_UNSUPPORTED: what is wrong with the image
 * @throws SystemError EIO where its tables lead nowhere
 */
export async function openQcow2(
  store: ImageHost,
  options: OpenQcow2Options = {},
): Promise<Qcow2Store> {
  const readOnly = store.readOnly || (options.readOnly ?? false);
  const { sector, geometry, backing } = await readHeader(store);
  const { clusterBytes } = geometry;
  const host = new HostFile(store, clusterBytes);
  const header = new ImageHeader(host, sector);
  const { view } = header;
  checkWritable(store.name, header, readOnly);
  const l2 = new TableCache(
    host,
    clusterBytes,
    options.l2CacheBytesMax ?? L2_CACHE_BYTES,
    (table) => checkL2(host, geometry, table),
  );
  const table = new Uint8Array(view.refcountTableClusters * clusterBytes);
  await host.read(table, view.refcountTableOffset);
  const refcounts = new Refcounts(
    host,
    geometry,
    { offset: view.refcountTableOffset, clusters: view.refcountTableClusters, bytes: table },
    options.refcountCacheBytesMax ?? REFCOUNT_CACHE_BYTES,
  );
  const l1 = await readL1(host, geometry, view.l1TableOffset, view.l1Size);
  const size = view.size - (view.size % 512);
  const { snapshotsOffset: offset, nbSnapshots: count } = view;
  const snapshots = await readSnapshots(host, geometry, { offset, count, diskSize: size });
  const isRepaired = !readOnly && header.isDirty;
  if (!readOnly) await host.grow(host.end);
  const still = { host, geometry, refcounts, l2, header };
  const repaired = isRepaired ? await repair(still, l1, size, snapshots) : undefined;
  return new Qcow2Store({
    ...still,
    backing: backing === undefined ? undefined : await openBacking(store.name, backing, options),
    l1: repaired?.l1 ?? l1,
    size,
    snapshots: snapshots.snapshots,
    snapshotBytes: repaired?.snapshotBytes ?? snapshots.bytes,
    readOnly,
  });
}

function checkWritable(name: string, header: ImageHeader, readOnly: boolean): void {
  if (readOnly) return;
  if (header.view.version === 2) {
    throw unsupported(name, "version 2 can be read only: qemu-img amend -o compat=1.1 makes it 3");
  }
  if ((incompatibleOf(header.view) & INCOMPATIBLE.corrupt) !== 0) {
    throw unsupported(name, "it is marked as corrupt: qemu-img check -r all");
  }
}

async function openBacking(
  name: string,
  backing: BackingName,
  { openBacking: open }: OpenQcow2Options,
): Promise<BlockStore> {
  if (open === undefined) throw unsupported(name, `it has the backing file "${backing.file}"`);
  return await open(backing);
}
