import { ProtocolError, SystemError } from "../../../protocol/errors.ts";
import { ERRNO } from "../../../protocol/errno.ts";
import { byte, uint, wire } from "../../../protocol/layout/index.ts";

// QEMU, docs/interop/qcow2.txt, "Header": "QFI" and FBh.
export const QCOW2_MAGIC = 0x5146_49fb;

/** QEMU, docs/interop/qcow2.txt, "Header". */
export const Qcow2Header = wire(
  "qcow2 header",
  {
    magic: uint(0, 3),
    version: uint(4, 7),
    backingFileOffset: uint(8, 15),
    backingFileSize: uint(16, 19),
    clusterBits: uint(20, 23),
    size: uint(24, 31),
    cryptMethod: uint(32, 35),
    l1Size: uint(36, 39),
    l1TableOffset: uint(40, 47),
    refcountTableOffset: uint(48, 55),
    refcountTableClusters: uint(56, 59),
    nbSnapshots: uint(60, 63),
    snapshotsOffset: uint(64, 71),
    incompatibleFeatures: uint(72, 79),
    compatibleFeatures: uint(80, 87),
    autoclearFeatures: uint(88, 95),
    refcountOrder: uint(96, 99),
    headerLength: uint(100, 103),
    compressionType: byte(104),
  },
  112,
);

/** Read and written of the header at once: a sector, which is there wholly or not at all. */
export const HEADER_BYTES = 512;
export const HEADER_LENGTH_V2 = 72;
export const HEADER_LENGTH_V3 = 104;

/** "Header": the incompatible feature bits. */
export const INCOMPATIBLE = { dirty: 0x01, corrupt: 0x02 } as const;

/** "Header extensions". */
export const EXTENSION = { end: 0, backingFormat: 0xe279_2aca, featureNames: 0x6803_f857 } as const;

// What QEMU itself refuses beyond.
export const CLUSTER_BITS_MIN = 9;
export const CLUSTER_BITS_MAX = 21;
export const L1_BYTES_MAX = 32 * 1024 * 1024;
export const REFCOUNT_TABLE_BYTES_MAX = 8 * 1024 * 1024;
export const SNAPSHOTS_MAX = 65_536;
export const SNAPSHOT_TABLE_BYTES_MAX = 64 * 1024 * 1024;
export const BACKING_NAME_BYTES_MAX = 1023;
/** How many images may stand behind one another. */
export const BACKING_DEPTH_MAX = 64;

/** What follows from the header for all tables. */
export interface Geometry {
  readonly clusterBits: number;
  readonly clusterBytes: number;
  /** Entries of an L2 table. */
  readonly l2Entries: number;
  /** Bytes of the disk that one L2 table maps. */
  readonly l2Bytes: number;
  readonly refcountOrder: number;
  /** Entries of a refcount block. */
  readonly blockEntries: number;
  /** The highest refcount. */
  readonly refcountMax: number;
}

export function geometryOf(clusterBits: number, refcountOrder: number): Geometry {
  const clusterBytes = 2 ** clusterBits;
  const refcountBits = 2 ** refcountOrder;
  return {
    clusterBits,
    clusterBytes,
    l2Entries: clusterBytes / 8,
    l2Bytes: (clusterBytes / 8) * clusterBytes,
    refcountOrder,
    blockEntries: (clusterBytes * 8) / refcountBits,
    refcountMax: Math.min(2 ** refcountBits - 1, Number.MAX_SAFE_INTEGER),
  };
}

/** How many L1 entries a disk needs. */
export function l1EntriesFor(sizeBytes: number, { l2Bytes }: Geometry): number {
  return Math.ceil(sizeBytes / l2Bytes);
}

/** An image whose header says what cannot be. */
export function malformed(name: string, what: string): ProtocolError {
  return new ProtocolError("QCOW2_FORMAT", `${name}: ${what}`);
}

/** An image that wants what this package does not have. */
export function unsupported(name: string, what: string): ProtocolError {
  return new ProtocolError("QCOW2_UNSUPPORTED", `${name}: ${what}`);
}

/** A table of an image in use that says what cannot be. */
export function damaged(name: string, what: string): SystemError {
  return new SystemError("EIO", ERRNO.EIO, `${name}: EIO, the image is damaged: ${what}`);
}
