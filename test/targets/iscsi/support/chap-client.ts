import { createHash } from "node:crypto";
import { decodeText } from "../../../../src/protocol/iscsi/index.ts";
import type { ReceivedPdu } from "./initiator.ts";

export const USER = { name: "alice", secret: "alice has a secret" };
export const TARGET_USER = { name: "the disk", secret: "the target has another" };

const HASHES: Readonly<Record<string, string>> = {
  "5": "md5",
  "6": "sha1",
  "7": "sha256",
  "8": "sha3-256",
};

/** RFC 1994 once more, for the other side: the response as an initiator makes it. */
export function responseTo(
  algorithm: string,
  identifier: number,
  secret: string,
  challenge: Uint8Array,
): string {
  const hash = createHash(HASHES[algorithm] ?? "");
  hash.update(Buffer.concat([Buffer.from([identifier]), Buffer.from(secret), challenge]));
  return `0x${hash.digest("hex")}`;
}

export interface Challenge {
  readonly algorithm: string;
  readonly identifier: number;
  readonly bytes: Uint8Array;
}

/** The pairs of an answer. */
export function keysOf(pdu: ReceivedPdu | undefined): Map<string, string> {
  return new Map(decodeText(pdu?.data ?? new Uint8Array(0), { keyCountMax: 99 }));
}

export function challengeOf(keys: ReadonlyMap<string, string>): Challenge {
  return {
    algorithm: keys.get("CHAP_A") ?? "",
    identifier: Number(keys.get("CHAP_I")),
    bytes: Buffer.from((keys.get("CHAP_C") ?? "").slice(2), "hex"),
  };
}
