/** Bytes of AES's blocks, and of the tweak of XTS. */
export const TWEAK_BYTES = 16;

/** Writes a sector's number as its tweak: 64 bits, little-endian; the others stay zero. */
export function putPlain64(tweak: DataView, sector: number): void {
  tweak.setUint32(0, sector % 0x1_0000_0000, true);
  tweak.setUint32(4, Math.floor(sector / 0x1_0000_0000), true);
}
