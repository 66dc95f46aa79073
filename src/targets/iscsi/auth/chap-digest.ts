import { createHash, getHashes } from "node:crypto";
import { ChapAlgorithm } from "../../../protocol/iscsi/index.ts";

export type ChapDigestName = keyof typeof ChapAlgorithm;

/** One digest that CHAP may use. */
export interface ChapDigest {
  readonly name: ChapDigestName;
  readonly algorithm: ChapAlgorithm;
  /** Bytes of a response. */
  readonly length: number;
  /** OpenSSL's name. */
  readonly hash: string;
}

/** The strongest first. */
export const CHAP_DIGESTS: readonly ChapDigest[] = [
  { name: "SHA3-256", algorithm: ChapAlgorithm["SHA3-256"], length: 32, hash: "sha3-256" },
  { name: "SHA-256", algorithm: ChapAlgorithm["SHA-256"], length: 32, hash: "sha256" },
  { name: "SHA1", algorithm: ChapAlgorithm.SHA1, length: 20, hash: "sha1" },
  { name: "MD5", algorithm: ChapAlgorithm.MD5, length: 16, hash: "md5" },
];

/** Whether this machine's OpenSSL has it: in FIPS mode there is no MD5. */
export function isAvailable({ hash }: ChapDigest): boolean {
  return getHashes().includes(hash);
}

/** RFC 1994, "Response": the digest of identifier, secret and challenge, one behind the other. */
export function chapResponse(
  { hash }: ChapDigest,
  identifier: number,
  secret: Uint8Array,
  challenge: Uint8Array,
): Uint8Array {
  return createHash(hash)
    .update(new Uint8Array([identifier]))
    .update(secret)
    .update(challenge)
    .digest();
}
