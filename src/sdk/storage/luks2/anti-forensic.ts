import { hash as oneShotHash, randomFillSync } from "node:crypto";

/**
 * LUKS's anti-forensic splitter: a key becomes many stripes, all of which are needed to have it
 * back, so that a medium that keeps a few old sectors somewhere does not keep the key.
 */
export function splitKey(key: Uint8Array, stripes: number, hash: string): Uint8Array {
  const split = new Uint8Array(key.length * stripes);
  const last = split.subarray(key.length * (stripes - 1));
  randomFillSync(split, 0, split.length - key.length);
  const sum = sumOf(split, key.length, stripes, hash);
  for (const [i, byte] of key.entries()) last[i] = byte ^ (sum[i] as number);
  sum.fill(0);
  return split;
}

/** The key that was split into `split`. */
export function mergeKey(split: Uint8Array, stripes: number, hash: string): Uint8Array {
  const length = split.length / stripes;
  const key = sumOf(split, length, stripes, hash);
  const last = split.subarray(length * (stripes - 1));
  for (const [i, byte] of last.entries()) key[i] = (key[i] as number) ^ byte;
  return key;
}

/** All stripes but the last, each diffused together with the ones before it. */
function sumOf(split: Uint8Array, length: number, stripes: number, hash: string): Uint8Array {
  const sum = new Uint8Array(length);
  for (let stripe = 0; stripe < stripes - 1; stripe++) {
    const from = stripe * length;
    for (let i = 0; i < length; i++) sum[i] = (sum[i] as number) ^ (split[from + i] as number);
    diffuse(sum, hash);
  }
  return sum;
}

/** Each part of a digest's length becomes the digest of its number and itself. */
function diffuse(bytes: Uint8Array, hash: string): void {
  const length = DIGEST_LENGTHS[hash] as number;
  const numbered = Buffer.alloc(4 + length);
  for (let at = 0, part = 0; at < bytes.length; at += length, part++) {
    const piece = bytes.subarray(at, at + length);
    numbered.writeUInt32BE(part);
    numbered.set(piece, 4);
    const digest = oneShotHash(hash, numbered.subarray(0, 4 + piece.length), "buffer");
    piece.set(digest.subarray(0, piece.length));
  }
  numbered.fill(0);
}

/** Bytes of a digest, of each hash that this library takes from a header. */
const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

export const HASHES: readonly string[] = Object.keys(DIGEST_LENGTHS);
