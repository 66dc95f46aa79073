import { UsageError } from "../../../protocol/errors.ts";
import {
  BACKING_NAME_BYTES_MAX,
  EXTENSION,
  geometryOf,
  type Geometry,
  HEADER_LENGTH_V3,
  L1_BYTES_MAX,
  l1EntriesFor,
  QCOW2_MAGIC,
  Qcow2Header,
} from "./format.ts";
import type { BackingName } from "./header.ts";
import type { ImageHost } from "./host-file.ts";
import { refcountEntries } from "./refcount-entries.ts";
import { writeTable } from "./refcounts.ts";

export interface CreateQcow2Options {
  /** A power of two from 4 KiB to 2 MiB; 64 KiB by default. */
  readonly clusterBytes?: number;
  /** Bits of a refcount: 1, 2, 4, 8, 16 (the default), 32 or 64. */
  readonly refcountBits?: number;
  /** What is read where nothing was written; nobody may write to that one any more. */
  readonly backing?: BackingName;
}

const CLUSTER_BYTES = 64 * 1024;
const CLUSTER_BYTES_MIN = 4096;
const CLUSTER_BYTES_MAX = 2 * 1024 * 1024;

/**
 * Makes an empty image of a disk of `sizeBytes` in `host`, which has to be empty.
 *
 * @throws UsageError QCOW2_OPTION
 */
export async function createQcow2(
  host: ImageHost,
  sizeBytes: number,
  options: CreateQcow2Options = {},
): Promise<void> {
  const { clusterBytes = CLUSTER_BYTES, refcountBits = 16 } = options;
  const geometry = checkOptions(sizeBytes, clusterBytes, refcountBits);
  const l1Clusters = Math.max(1, Math.ceil((l1EntriesFor(sizeBytes, geometry) * 8) / clusterBytes));
  const { blocks, tableClusters, clusters } = layOut(geometry, l1Clusters);
  const tableAt = clusterBytes;
  const blocksAt = tableAt + tableClusters * clusterBytes;
  const l1At = blocksAt + blocks * clusterBytes;
  if (host.size < clusters * clusterBytes) await host.resize?.(clusters * clusterBytes);
  const header = firstCluster(geometry, options.backing);
  Object.assign(Qcow2Header.view(header), {
    size: sizeBytes,
    l1Size: l1EntriesFor(sizeBytes, geometry),
    l1TableOffset: l1At,
    refcountTableOffset: tableAt,
    refcountTableClusters: tableClusters,
  });
  const offsets = new Float64Array((tableClusters * clusterBytes) / 8);
  const entries = refcountEntries(geometry);
  for (let index = 0; index < blocks; index++) {
    offsets[index] = blocksAt + index * clusterBytes;
    const block = new Uint8Array(clusterBytes);
    const count = Math.min(geometry.blockEntries, clusters - index * geometry.blockEntries);
    for (let i = 0; i < count; i++) entries.set(block, i, 1);
    await host.write(block, offsets[index] as number, false);
  }
  await host.write(writeTable(offsets), tableAt, false);
  // The host may have had other bytes before.
  for (let i = 0; i < l1Clusters; i++) {
    await host.write(new Uint8Array(clusterBytes), l1At + i * clusterBytes, false);
  }
  await host.flush();
  await host.write(header, 0, false);
  await host.flush();
}

/** As many refcount blocks as count everything, themselves included. */
function layOut({ blockEntries, clusterBytes }: Geometry, l1Clusters: number) {
  let blocks = 1;
  for (;;) {
    const tableClusters = Math.ceil((blocks * 8) / clusterBytes);
    const clusters = 1 + tableClusters + blocks + l1Clusters;
    if (blocks * blockEntries >= clusters) return { blocks, tableClusters, clusters };
    blocks++;
  }
}

function firstCluster(geometry: Geometry, backing: BackingName | undefined): Uint8Array {
  const bytes = new Uint8Array(geometry.clusterBytes);
  const view = Qcow2Header.view(bytes);
  view.magic = QCOW2_MAGIC;
  view.version = 3;
  view.clusterBits = geometry.clusterBits;
  view.refcountOrder = geometry.refcountOrder;
  view.headerLength = HEADER_LENGTH_V3;
  if (backing === undefined) return bytes;
  const format = Buffer.from(backing.format ?? "");
  const file = Buffer.from(backing.file);
  if (file.length === 0 || file.length > BACKING_NAME_BYTES_MAX || format.length === 0) {
    const rule = `a name of 1 to ${BACKING_NAME_BYTES_MAX} bytes and a format`;
    throw wrong(`backing file "${backing.file}": it must have ${rule}`);
  }
  const data = new DataView(bytes.buffer);
  data.setUint32(HEADER_LENGTH_V3, EXTENSION.backingFormat);
  data.setUint32(HEADER_LENGTH_V3 + 4, format.length);
  bytes.set(format, HEADER_LENGTH_V3 + 8);
  const end = HEADER_LENGTH_V3 + 8 + Math.ceil(format.length / 8) * 8;
  view.backingFileOffset = end + 8;
  view.backingFileSize = file.length;
  bytes.set(file, end + 8);
  return bytes;
}

function checkOptions(sizeBytes: number, clusterBytes: number, refcountBits: number): Geometry {
  const clusterBits = Math.log2(clusterBytes);
  const order = Math.log2(refcountBits);
  if (
    !Number.isInteger(clusterBits) ||
    clusterBytes < CLUSTER_BYTES_MIN ||
    clusterBytes > CLUSTER_BYTES_MAX
  ) {
    throw wrong(`clusterBytes ${clusterBytes}: it must be a power of two from 4 KiB to 2 MiB`);
  }
  if (!Number.isInteger(order) || order < 0 || order > 6) {
    throw wrong(`refcountBits ${refcountBits}: it must be 1, 2, 4, 8, 16, 32 or 64`);
  }
  const geometry = geometryOf(clusterBits, order);
  const sizeMax = (L1_BYTES_MAX / 8) * geometry.l2Bytes;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 512 || sizeBytes % 512 !== 0) {
    throw wrong(`size ${sizeBytes}: it must be a multiple of 512`);
  }
  if (sizeBytes > Math.min(sizeMax, Number.MAX_SAFE_INTEGER - 2 * geometry.l2Bytes)) {
    throw wrong(`size ${sizeBytes}: at most ${sizeMax} in clusters of ${clusterBytes}`);
  }
  return geometry;
}

function wrong(message: string): UsageError {
  return new UsageError("QCOW2_OPTION", message);
}
