export const BLOCK_BYTES = 4096;

/** A block that has `number` all over. */
export function fillBlock(number: number): Uint8Array {
  const words = new Uint32Array(BLOCK_BYTES / 4).fill(number);
  return new Uint8Array(words.buffer);
}
