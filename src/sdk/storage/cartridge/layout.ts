/** The bytes of a cartridge's files; docs/cartridge-format.md tells how they belong together. */
import { ascii, byte, flag, octets, uint, wire } from "../../../protocol/layout/index.ts";

/** Raised when a reader of the old layout would misread the new one. */
export const FORMAT_VERSION = 1;

export const LOG_MAGIC = "SCSTTAPE";
export const INDEX_MAGIC = "SCSTTIDX";

/** The first bytes of a log and of an index file. */
export const FileHeader = wire(
  "cartridge file header",
  {
    magic: ascii(0, 7),
    version: uint(8, 9),
    partition: byte(10),
    /** Which formatting of the cartridge the file belongs to. */
    formatting: uint(12, 15),
    check: uint(60, 63),
  },
  64,
);

export const RECORD_MAGIC = 0x5265_6331;

export const RECORD_KIND = { BLOCK: 1, FILEMARK: 2 } as const;

export const COMPRESSION = { NONE: 0, BROTLI: 1 } as const;

/** What precedes a logical object's stored bytes in a log. */
export const RecordHeader = wire("record header", {
  magic: uint(0, 3),
  kind: byte(4),
  compression: byte(5),
  encrypted: flag(6, 0),
  /** The stored bytes begin with so many that describe the encryption. */
  prefixLength: byte(7),
  /** From 0 at the beginning of the partition. */
  objectNumber: uint(8, 15),
  storedLength: uint(16, 19),
  /** The block's length as the host wrote it. */
  blockLength: uint(20, 23),
  /** CRC-32 of the stored bytes. */
  dataCheck: uint(24, 27),
  /** `check` of the record before; of the first record, of the file header. */
  previousCheck: uint(28, 31),
  /** Another number for each time that a log is opened or cut. */
  epoch: uint(32, 35),
  /** Reserved, zero. */
  reserved: octets(36, 43),
  /** CRC-32 of what precedes it. */
  check: uint(44, 47),
});

export const CHUNK_MAGIC = 0x4964_7831;

/** What precedes the numbers of one chunk of an index file. */
export const ChunkHeader = wire("index chunk header", {
  magic: uint(0, 3),
  strideCount: uint(4, 7),
  filemarkCount: uint(8, 11),
  /** CRC-32 of the numbers, 8 bytes each: first the offsets, then the filemarks. */
  dataCheck: uint(12, 15),
  /** Objects in the log up to and with this chunk. */
  objectCount: uint(16, 23),
  /** Where the log ends with them. */
  endOffset: uint(24, 31),
  /** The last of them, and its `check`. */
  lastOffset: uint(32, 39),
  lastCheck: uint(40, 43),
  check: uint(44, 47),
});

/** The index has the offset of every so-many-th object. */
export const STRIDE = 32;

/** The longest block there can be, in bytes. */
export const BLOCK_BYTES_MAX = 8 * 1024 * 1024;
/** What a compressed or encrypted block may take beyond the block itself. */
export const STORED_BYTES_MAX = BLOCK_BYTES_MAX + 4096;
