import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";

import { UsageError } from "../../../protocol/errors.ts";
import {
  closedCipher,
  nativeAesXts,
  type SectorCipher,
  type SectorRun,
} from "../../native/aes-xts.ts";

/** Bytes of the key of each of the two AES, and both together. */
const KEY_BYTES = [32, 64];

export type AesXtsImplementation = "native" | "node";

/**
 * AES-XTS as IEEE 1619 has it, with the sector's number as a 64-bit little-endian tweak ("plain64"
 * of dm-crypt). By libgcrypt or OpenSSL through koffi, whichever is faster here; by node:crypto
 * where neither can be had.
 *
 * @param key 32 bytes for AES-128, 64 for AES-256: the data's key, then the tweak's
 * @throws UsageError XTS_KEY where the key has another length or two equal halves
 */
export function aesXts(key: Uint8Array, implementation?: AesXtsImplementation): SectorCipher {
  checkKey(key);
  const native = implementation === "node" ? undefined : nativeAesXts(key);
  if (native !== undefined) return native;
  if (implementation === "native") {
    throw new UsageError(
      "XTS_NATIVE",
      "no native library can be called: it needs the package koffi",
    );
  }
  return new NodeAesXts(key);
}

/** A cipher object for every sector: it works everywhere, and costs several times as much. */
class NodeAesXts implements SectorCipher {
  readonly #name: string;
  readonly #iv = Buffer.alloc(16);
  #key: Uint8Array | undefined;

  constructor(key: Uint8Array) {
    this.#key = Uint8Array.from(key);
    this.#name = key.length === 64 ? "aes-256-xts" : "aes-128-xts";
  }

  encrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void {
    eachSector(source, tweak, run, (from, at, sector) => {
      target.set(createCipheriv(this.#name, this.#keyNow(), this.#ivOf(sector)).update(from), at);
    });
  }

  decrypt(source: Uint8Array, target: Uint8Array, tweak: number, run?: SectorRun): void {
    eachSector(source, tweak, run, (from, at, sector) => {
      target.set(createDecipheriv(this.#name, this.#keyNow(), this.#ivOf(sector)).update(from), at);
    });
  }

  close(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }

  #keyNow(): Uint8Array {
    if (this.#key === undefined) throw closedCipher();
    return this.#key;
  }

  #ivOf(tweak: number): Buffer {
    this.#iv.writeUInt32LE(tweak % 0x1_0000_0000, 0);
    this.#iv.writeUInt32LE(Math.floor(tweak / 0x1_0000_0000), 4);
    return this.#iv;
  }
}

function eachSector(
  source: Uint8Array,
  tweak: number,
  { sectorBytes, tweakStep }: SectorRun = { sectorBytes: source.length, tweakStep: 0 },
  use: (from: Uint8Array, at: number, tweak: number) => void,
): void {
  for (let at = 0; at < source.length; at += sectorBytes) {
    use(source.subarray(at, at + sectorBytes), at, tweak + (at / sectorBytes) * tweakStep);
  }
}

function checkKey(key: Uint8Array): void {
  if (!KEY_BYTES.includes(key.length)) {
    throw new UsageError(
      "XTS_KEY",
      `an AES-XTS key of ${key.length} bytes: it must have 64 (AES-256) or 32 (AES-128)`,
    );
  }
  const half = key.length / 2;
  // FIPS 140-3 IG C.I: XTS with the same key twice is not secure.
  if (timingSafeEqual(key.subarray(0, half), key.subarray(half))) {
    throw new UsageError("XTS_KEY", "the two halves of an AES-XTS key must differ");
  }
}
