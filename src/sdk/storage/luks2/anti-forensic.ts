import { createHash, randomFillSync } from "node:crypto";

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
  const number = Buffer.alloc(4);
  for (let at = 0, part = 0; at < bytes.length; part++) {
    number.writeUInt32BE(part);
    const digestLength = digestLengthOf(hash);
    const piece = bytes.subarray(at, at + digestLength);
    const digest = createHash(hash).update(number).update(piece).digest();
    piece.set(digest.subarray(0, piece.length));
    at += piece.length;
  }
}

const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/** Bytes of a digest of a hash that LUKS2 headers name. */
function digestLengthOf(hash: string): number {
  return DIGEST_LENGTHS[hash] as number;
}

/** The hashes that this library takes from a header. */
export const HASHES: readonly string[] = Object.keys(DIGEST_LENGTHS);
