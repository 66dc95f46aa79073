/**
 * Entries of L1 and L2 tables (QEMU, docs/interop/qcow2.txt, "Cluster mapping"): 64 bits, looked
 * at as two halves. Offsets are below 2^53, which is checked before they are used.
 */

const COPIED_HIGH = 0x8000_0000;
const COMPRESSED_HIGH = 0x4000_0000;
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;
const ZERO_LOW = 0x01;
/** Bits that must be zero in an L1 entry. */
const RESERVED_HIGH = 0x7f00_0000;
const RESERVED_LOW = 0x01ff;

/** What {@link copiedIn} and the others look at: a table's entries. */
export type Entries = DataView;

export function entriesOf(bytes: Uint8Array): Entries {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the entry leads, 0 for nowhere; not for compressed clusters. */
export function offsetIn(entries: Entries, index: number): number {
  const low = entries.getUint32(index * 8 + 4) & OFFSET_LOW;
  return (entries.getUint32(index * 8) & OFFSET_HIGH) * 0x1_0000_0000 + (low >>> 0);
}

/** Whether the refcount is exactly one: it may be written in place. */
export function copiedIn(entries: Entries, index: number): boolean {
  return (entries.getUint32(index * 8) & COPIED_HIGH) !== 0;
}

export function compressedIn(entries: Entries, index: number): boolean {
  return (entries.getUint32(index * 8) & COMPRESSED_HIGH) !== 0;
}

/** Reads as zeros, whatever is there. */
export function zeroIn(entries: Entries, index: number): boolean {
  return (entries.getUint32(index * 8 + 4) & ZERO_LOW) !== 0;
}

export function isEmpty(entries: Entries, index: number): boolean {
  return entries.getUint32(index * 8) === 0 && entries.getUint32(index * 8 + 4) === 0;
}

/** Whether bits are set that must not be. */
export function reservedInL1(entries: Entries, index: number): boolean {
  const high = entries.getUint32(index * 8) & RESERVED_HIGH;
  return high !== 0 || (entries.getUint32(index * 8 + 4) & RESERVED_LOW) !== 0;
}

export interface EntryFlags {
  readonly copied?: boolean;
  readonly zero?: boolean;
}

export function setEntry(
  entries: Entries,
  index: number,
  offset: number,
  { copied = false, zero = false }: EntryFlags = {},
): void {
  const high = Math.floor(offset / 0x1_0000_0000);
  entries.setUint32(index * 8, copied ? high | COPIED_HIGH : high);
  entries.setUint32(index * 8 + 4, zero ? offset | ZERO_LOW : offset);
}

export function setCopied(entries: Entries, index: number, copied: boolean): void {
  const high = entries.getUint32(index * 8);
  entries.setUint32(index * 8, copied ? high | COPIED_HIGH : high & ~COPIED_HIGH);
}

/** Where a compressed cluster's bytes are ("Compressed Clusters Descriptor"). */
export interface CompressedRange {
  readonly offset: number;
  /** At most: the compressed data may end before. */
  readonly length: number;
}

export function compressedRange(
  entries: Entries,
  index: number,
  clusterBits: number,
): CompressedRange {
  const value = entries.getBigUint64(index * 8) & 0x3fff_ffff_ffff_ffffn;
  const bits = BigInt(62 - (clusterBits - 8));
  const offset = Number(value & ((1n << bits) - 1n));
  const sectors = Number(value >> bits) + 1;
  return { offset, length: sectors * 512 - (offset % 512) };
}
