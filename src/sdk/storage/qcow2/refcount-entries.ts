import { type Geometry, malformed } from "./format.ts";

/** Reads and writes the refcounts of a block ("Refcount blocks"), for each width. */
export interface RefcountEntries {
  get(block: Uint8Array, index: number): number;
  set(block: Uint8Array, index: number, value: number): void;
  /** Bytes [from, to) of the block that hold the entry. */
  from(index: number): number;
  to(index: number): number;
}

/** @throws ProtocolError QCOW2_FORMAT for an order that there is not */
export function refcountEntries({ refcountOrder }: Geometry): RefcountEntries {
  if (refcountOrder > 6) throw malformed("qcow2", `refcount_order ${refcountOrder}: at most 6`);
  return refcountOrder < 3 ? packed(2 ** refcountOrder) : whole(2 ** (refcountOrder - 3));
}

/** One, two or four bits, the first entry in the lowest of a byte. */
function packed(bits: number): RefcountEntries {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  return {
    get(block, index) {
      const at = Math.floor(index / perByte);
      return ((block[at] as number) >> ((index % perByte) * bits)) & mask;
    },
    set(block, index, value) {
      const at = Math.floor(index / perByte);
      const shift = (index % perByte) * bits;
      block[at] = ((block[at] as number) & ~(mask << shift)) | (value << shift);
    },
    from: (index) => Math.floor(index / perByte),
    to: (index) => Math.floor(index / perByte) + 1,
  };
}

/** One, two, four or eight bytes, most significant first. */
function whole(bytes: number): RefcountEntries {
  return {
    get(block, index) {
      let value = 0;
      for (let i = index * bytes; i < (index + 1) * bytes; i++) {
        value = value * 256 + (block[i] as number);
      }
      return value;
    },
    set(block, index, value) {
      let rest = value;
      for (let i = (index + 1) * bytes - 1; i >= index * bytes; i--) {
        block[i] = rest % 256;
        rest = Math.floor(rest / 256);
      }
    },
    from: (index) => index * bytes,
    to: (index) => (index + 1) * bytes,
  };
}
