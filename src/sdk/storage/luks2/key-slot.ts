import {
  pbkdf2 as pbkdf2WithCallback,
  randomBytes,
  randomFillSync,
  timingSafeEqual,
} from "node:crypto";
import { promisify } from "node:util";

import { UsageError } from "../../../protocol/errors.ts";
import type { BlockStore } from "../block-store.ts";
import { aesXts } from "../filters/aes-xts.ts";
import { XtsRanges } from "../filters/xts-ranges.ts";
import { mergeKey, splitKey } from "./anti-forensic.ts";
import { deriveKey, type KdfOptions, newKdf } from "./kdf.ts";
import { CIPHER, type Digest, type KeySlot, type Metadata } from "./metadata.ts";

const HASH = "sha256";
const STRIPES = 4000;
/** Areas are encrypted in sectors of this size, whatever the data's have. */
const SECTOR_BYTES = 512;
/** Areas begin at multiples of this. */
const AREA_UNIT_BYTES = 4096;
/** The volume key is random: its digest need not be slow to keep it from being guessed. */
const DIGEST_ITERATIONS = 10_000;
const WIPE_BYTES = 1024 * 1024;

const pbkdf2 = promisify(pbkdf2WithCallback);

/** A key slot for `keySize` bytes in an area that no other has; nothing is written yet. */
export function newKeySlot(
  keySize: number,
  metadata: Metadata,
  headerSize: number,
  kdf?: KdfOptions,
): KeySlot {
  const size = Math.ceil((keySize * STRIPES) / AREA_UNIT_BYTES) * AREA_UNIT_BYTES;
  const offset = freeArea(metadata, headerSize, size);
  return {
    type: "luks2",
    key_size: keySize,
    af: { type: "luks1", stripes: STRIPES, hash: HASH },
    area: {
      type: "raw",
      offset: String(offset),
      size: String(size),
      encryption: CIPHER,
      key_size: 64,
    },
    kdf: newKdf(kdf),
  };
}

/** Writes the volume key into the slot's area, for who has the passphrase. Not yet durable. */
export async function sealKey(
  store: BlockStore,
  slot: KeySlot,
  volumeKey: Uint8Array,
  passphrase: Uint8Array,
): Promise<void> {
  const split = splitKey(volumeKey, slot.af.stripes, slot.af.hash);
  const bytes = new Uint8Array(Math.ceil(split.length / SECTOR_BYTES) * SECTOR_BYTES);
  bytes.set(split);
  split.fill(0);
  await withAreaKey(slot, passphrase, (ranges) => ranges.encrypt(bytes, bytes, 0));
  await store.write(bytes, Number(slot.area.offset), false);
}

/** What the slot's area gives with this passphrase: the volume key, or noise. */
export async function unsealKey(
  store: BlockStore,
  slot: KeySlot,
  passphrase: Uint8Array,
): Promise<Uint8Array> {
  const length = slot.key_size * slot.af.stripes;
  const bytes = new Uint8Array(Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES);
  await store.read(bytes, Number(slot.area.offset));
  await withAreaKey(slot, passphrase, (ranges) => ranges.decrypt(bytes, 0));
  const key = mergeKey(bytes.subarray(0, length), slot.af.stripes, slot.af.hash);
  bytes.fill(0);
  return key;
}

/** How a volume key is known to be the right one. */
export async function newDigest(volumeKey: Uint8Array, slot: string): Promise<Digest> {
  const salt = randomBytes(32);
  const digest = await pbkdf2(volumeKey, salt, DIGEST_ITERATIONS, 32, HASH);
  return {
    type: "pbkdf2",
    keyslots: [slot],
    segments: ["0"],
    hash: HASH,
    iterations: DIGEST_ITERATIONS,
    salt: salt.toString("base64"),
    digest: digest.toString("base64"),
  };
}

export async function isVolumeKey(key: Uint8Array, digest: Digest): Promise<boolean> {
  const expected = Buffer.from(digest.digest, "base64");
  const salt = Buffer.from(digest.salt, "base64");
  const found = await pbkdf2(key, salt, digest.iterations, expected.length, digest.hash);
  return timingSafeEqual(found, expected);
}

/** Puts noise over a range, so that what it held is gone. Durable when it is done. */
export async function wipe(store: BlockStore, from: number, to: number): Promise<void> {
  const noise = new Uint8Array(Math.min(WIPE_BYTES, to - from));
  for (let at = from; at < to; at += noise.length) {
    randomFillSync(noise);
    await store.write(noise.subarray(0, Math.min(noise.length, to - at)), at, false);
  }
  await store.flush();
}

/** The parts of the key slots' area that no slot has. */
export function freeAreas(
  { keyslots, config }: Metadata,
  headerSize: number,
): (readonly [from: number, to: number])[] {
  const areas = Object.values(keyslots)
    .map(({ area }) => [Number(area.offset), Number(area.offset) + Number(area.size)] as const)
    .sort(([a], [b]) => a - b);
  const free: (readonly [number, number])[] = [];
  let at = 2 * headerSize;
  for (const [from, to] of [...areas, [at + Number(config.keyslots_size), Infinity] as const]) {
    if (from > at) free.push([at, from]);
    at = Math.max(at, to);
  }
  return free;
}

function freeArea(metadata: Metadata, headerSize: number, size: number): number {
  const found = freeAreas(metadata, headerSize)
    .map(([from, to]) => [Math.ceil(from / AREA_UNIT_BYTES) * AREA_UNIT_BYTES, to] as const)
    .find(([from, to]) => to - from >= size);
  if (found !== undefined) return found[0];
  throw new UsageError("LUKS2_FULL", "the LUKS2 header has no room for another key slot");
}

async function withAreaKey(
  slot: KeySlot,
  passphrase: Uint8Array,
  use: (ranges: XtsRanges) => void | Promise<void>,
): Promise<void> {
  const key = await deriveKey(passphrase, slot.kdf, slot.area.key_size);
  const cipher = aesXts(key);
  key.fill(0);
  try {
    const geometry = { sectorSize: SECTOR_BYTES, ivOffset: 0, emptyIsZero: false };
    await use(new XtsRanges(cipher, geometry));
  } finally {
    cipher.close();
  }
}
