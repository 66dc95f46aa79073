/**
 * CRC32C, the digest of RFC 7143, "Header Digest and Data Digest": reflected polynomial
 * 0x82f63b78, begun with all ones and inverted at the end.
 */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

// TABLES[256 * k + b]: what byte b does to the sum when k zero bytes follow it.
const TABLES = tables();

function tables(): Uint32Array {
  const table = new Uint32Array(256 * SLICES);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    table[value] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const before = table[i - 256] as number;
    table[i] = (before >>> 8) ^ (table[before & 0xff] as number);
  }
  return table;
}

/** The CRC32C of `bytes[start..end)`, going on from `crc`, the sum of what came before. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, crc = 0): number {
  const table = TABLES;
  let sum = ~crc;
  let i = start;
  for (; i + SLICES <= end; i += SLICES) {
    const low =
      sum ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    sum =
      (table[1792 + (low & 0xff)] as number) ^
      (table[1536 + ((low >>> 8) & 0xff)] as number) ^
      (table[1280 + ((low >>> 16) & 0xff)] as number) ^
      (table[1024 + (low >>> 24)] as number) ^
      (table[768 + (bytes[i + 4] as number)] as number) ^
      (table[512 + (bytes[i + 5] as number)] as number) ^
      (table[256 + (bytes[i + 6] as number)] as number) ^
      (table[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) {
    sum = (sum >>> 8) ^ (table[(sum ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~sum >>> 0;
}

/** Puts a digest at `offset`: its least significant byte goes first on the wire. */
export function putDigest(bytes: Uint8Array, offset: number, crc: number): void {
  bytes[offset] = crc;
  bytes[offset + 1] = crc >>> 8;
  bytes[offset + 2] = crc >>> 16;
  bytes[offset + 3] = crc >>> 24;
}

/** The digest at `offset`. */
export function digestAt(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] as number) |
      ((bytes[offset + 1] as number) << 8) |
      ((bytes[offset + 2] as number) << 16) |
      ((bytes[offset + 3] as number) << 24)) >>>
    0
  );
}
