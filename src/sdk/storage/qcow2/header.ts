import type { MaybePromise } from "../../handler.ts";
import type { BlockStore } from "../block-store.ts";
import {
  BACKING_NAME_BYTES_MAX,
  CLUSTER_BITS_MAX,
  CLUSTER_BITS_MIN,
  EXTENSION,
  type Geometry,
  geometryOf,
  HEADER_BYTES,
  HEADER_LENGTH_V2,
  HEADER_LENGTH_V3,
  INCOMPATIBLE,
  L1_BYTES_MAX,
  l1EntriesFor,
  malformed,
  QCOW2_MAGIC,
  Qcow2Header,
  REFCOUNT_TABLE_BYTES_MAX,
  SNAPSHOTS_MAX,
  unsupported,
} from "./format.ts";

export type HeaderView = ReturnType<typeof Qcow2Header.view>;

export interface BackingName {
  readonly file: string;
  /** As the image says: `"raw"`, `"qcow2"`; undefined where it says nothing. */
  readonly format: string | undefined;
}

/** A header that has been read and checked. */
export interface ReadHeader {
  /** The first sector, to be written again with changes. */
  readonly sector: Uint8Array;
  readonly geometry: Geometry;
  readonly backing: BackingName | undefined;
}

/** Names for messages ("Feature name table" would be the image's own word for it). */
const INCOMPATIBLE_NAMES: Readonly<Record<number, string>> = {
  2: "an external data file",
  3: "a compression type other than zlib",
  4: "extended L2 entries",
};

/** @throws ProtocolError QCOW2_FORMAT, QCOW2_UNSUPPORTED: which field, its value and the rule */
export async function readHeader(store: BlockStore): Promise<ReadHeader> {
  const { name } = store;
  if (store.size < HEADER_BYTES) throw malformed(name, "it is too short for a qcow2 header");
  const sector = new Uint8Array(HEADER_BYTES);
  await store.read(sector, 0);
  const view = Qcow2Header.view(sector);
  if (view.magic !== QCOW2_MAGIC) throw malformed(name, "it is no qcow2 image");
  if (view.version !== 2 && view.version !== 3) {
    throw unsupported(name, `version ${view.version}: only 2 and 3 can be read`);
  }
  const geometry = checkGeometry(name, view);
  checkFeatures(name, view);
  checkTables(name, view, geometry, store.size);
  const backing = await readNames(store, view, geometry);
  return { sector, geometry, backing };
}

function checkGeometry(name: string, view: HeaderView): Geometry {
  const { clusterBits, version } = view;
  if (clusterBits < CLUSTER_BITS_MIN || clusterBits > CLUSTER_BITS_MAX) {
    const rule = `it must be ${CLUSTER_BITS_MIN} to ${CLUSTER_BITS_MAX}`;
    throw malformed(name, `cluster_bits ${clusterBits}: ${rule}`);
  }
  const order = version === 2 ? 4 : view.refcountOrder;
  if (order > 6) throw malformed(name, `refcount_order ${order}: it must be 0 to 6`);
  const length = version === 2 ? HEADER_LENGTH_V2 : view.headerLength;
  if (version === 3 && (length < HEADER_LENGTH_V3 || length > 2 ** clusterBits)) {
    throw malformed(name, `header_length ${length}: at least 104, at most a cluster`);
  }
  return geometryOf(clusterBits, order);
}

function checkFeatures(name: string, view: HeaderView): void {
  if (view.cryptMethod !== 0) throw unsupported(name, "it is encrypted (crypt_method)");
  if (view.version === 2) return;
  const known = INCOMPATIBLE.dirty | INCOMPATIBLE.corrupt;
  const { incompatibleFeatures: high, low } = halves(view);
  for (let bit = 0; bit < 64; bit++) {
    const half = bit < 32 ? low : high;
    if (((half >>> (bit % 32)) & 1) === 0 || (bit < 32 && ((known >>> bit) & 1) === 1)) continue;
    const what = INCOMPATIBLE_NAMES[bit] ?? "unknown";
    throw unsupported(name, `incompatible feature bit ${bit} is set: ${what}`);
  }
}

function halves(view: HeaderView): { incompatibleFeatures: number; low: number } {
  const at = Qcow2Header.fields.find(({ name }) => name === "incompatibleFeatures")?.offset ?? 0;
  return { incompatibleFeatures: view.data.getUint32(at), low: view.data.getUint32(at + 4) };
}

/** Which features that must be understood are set, of those that {@link readHeader} lets pass. */
export function incompatibleOf(view: HeaderView): number {
  return view.version === 2 ? 0 : halves(view).low;
}

function checkTables(name: string, view: HeaderView, geometry: Geometry, fileSize: number): void {
  const { clusterBytes } = geometry;
  const size = view.size;
  if (size > Number.MAX_SAFE_INTEGER - 2 * geometry.l2Bytes) {
    throw malformed(name, `size ${size}: it is too large`);
  }
  const entries = l1EntriesFor(size - (size % 512), geometry);
  if (view.l1Size * 8 > L1_BYTES_MAX || view.l1Size < entries) {
    const rule = `at least ${entries} for ${size} bytes, at most ${L1_BYTES_MAX / 8}`;
    throw malformed(name, `l1_size ${view.l1Size}: it must be ${rule}`);
  }
  const tableBytes = view.refcountTableClusters * clusterBytes;
  if (tableBytes === 0 || tableBytes > Math.max(REFCOUNT_TABLE_BYTES_MAX, clusterBytes)) {
    throw malformed(name, `refcount_table_clusters ${view.refcountTableClusters}`);
  }
  if (view.nbSnapshots > SNAPSHOTS_MAX) {
    throw malformed(name, `nb_snapshots ${view.nbSnapshots}: at most ${SNAPSHOTS_MAX}`);
  }
  const tables: Region[] = [
    { what: "header", from: 0, to: clusterBytes },
    { what: "l1_table_offset", from: view.l1TableOffset, to: view.l1TableOffset + view.l1Size * 8 },
    {
      what: "refcount_table_offset",
      from: view.refcountTableOffset,
      to: view.refcountTableOffset + tableBytes,
    },
    ...(view.nbSnapshots === 0
      ? []
      : [{ what: "snapshots_offset", from: view.snapshotsOffset, to: view.snapshotsOffset + 40 }]),
  ].filter(({ from, to }) => to > from);
  checkRegions(name, tables, clusterBytes, fileSize);
}

interface Region {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

function checkRegions(
  name: string,
  regions: readonly Region[],
  clusterBytes: number,
  fileSize: number,
): void {
  for (const { what, from, to } of regions) {
    if (from % clusterBytes !== 0) {
      throw malformed(name, `${what} ${from}: it must be a multiple of ${clusterBytes}`);
    }
    // A table may end in a cluster that the file has in part.
    if (from >= fileSize + clusterBytes || to > Math.ceil(fileSize / clusterBytes) * clusterBytes) {
      if (what !== "header") throw malformed(name, `${what} ${from}: it leads outside the file`);
    }
    for (const other of regions) {
      if (other === regions.find((region) => region.what === what)) continue;
      if (from < other.to && other.from < to) {
        throw malformed(name, `${what} ${from}: it overlaps ${other.what}`);
      }
    }
  }
}

/** The name of the backing file, and its format from the header extensions. */
async function readNames(
  store: BlockStore,
  view: HeaderView,
  { clusterBytes }: Geometry,
): Promise<BackingName | undefined> {
  const { backingFileOffset: at, backingFileSize: length } = view;
  if (at === 0) return undefined;
  if (length > BACKING_NAME_BYTES_MAX || at + length > clusterBytes) {
    throw malformed(store.name, `backing_file_size ${length} at ${at}: outside the first cluster`);
  }
  const first = new Uint8Array(Math.min(clusterBytes, store.size));
  await (store.read(first, 0) satisfies MaybePromise<void>);
  if (at + length > first.length) throw malformed(store.name, "the backing file's name is cut off");
  const text = (from: number, count: number) =>
    Buffer.from(first.buffer, from, count).toString("utf8");
  const format = extensionOf(store.name, first, view, at, EXTENSION.backingFormat);
  return {
    file: text(at, length),
    format: format === undefined ? undefined : Buffer.from(format).toString("utf8"),
  };
}

function extensionOf(
  name: string,
  first: Uint8Array,
  view: HeaderView,
  end: number,
  wanted: number,
): Uint8Array | undefined {
  const data = new DataView(first.buffer);
  for (let at = view.version === 2 ? HEADER_LENGTH_V2 : view.headerLength; at + 8 <= end;) {
    const kind = data.getUint32(at);
    const length = data.getUint32(at + 4);
    if (kind === EXTENSION.end) return undefined;
    if (at + 8 + length > end) throw malformed(name, "a header extension is too long");
    if (kind === wanted) return first.subarray(at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}
