import { randomBytes, randomUUID } from "node:crypto";

import { UsageError } from "../../../protocol/errors.ts";
import type { BlockStore } from "../block-store.ts";
import { writeHeader } from "./header.ts";
import type { KdfOptions } from "./kdf.ts";
import { newDigest, newKeySlot, sealKey, wipe } from "./key-slot.ts";
import { ALLOW_DISCARDS, CIPHER, type Metadata } from "./metadata.ts";

export interface Luks2FormatOptions {
  /** Bytes that are encrypted as one: 512, 1024, 2048 or 4096, the default. */
  readonly sectorSize?: number;
  /** What the passphrase's key slot costs. */
  readonly kdf?: KdfOptions;
  /** Up to 47 ASCII characters. */
  readonly label?: string;
  /** The data lies in another store, from its beginning: `store` gets the header alone. */
  readonly detached?: boolean;
  /** Whoever opens the volume passes trims on (see `EncryptedStoreOptions.discards`). */
  readonly discards?: boolean;
}

/** Bytes from the beginning of a volume to its data, and of a detached header. */
export const LUKS2_HEADER_BYTES = 16 * 1024 * 1024;

const COPY_BYTES = 16 * 1024;
const BINARY_BYTES = 4096;
const VOLUME_KEY_BYTES = 64;
const SECTOR_BYTES = 4096;
const LABEL_CHARACTERS_MAX = 47;

/**
 * Makes `store` an empty LUKS2 volume of AES-256-XTS with one key slot. What it held is lost, and
 * the volume's contents are noise until they are written.
 *
 * @throws UsageError LUKS2_FORMAT, LUKS2_KDF, and SystemError
 */
export async function formatLuks2(
  store: BlockStore,
  passphrase: Uint8Array,
  options: Luks2FormatOptions = {},
): Promise<void> {
  checkOptions(store, options);
  const volumeKey = randomBytes(VOLUME_KEY_BYTES);
  try {
    const bare = bareMetadata(options);
    const slot = newKeySlot(volumeKey.length, bare, COPY_BYTES, options.kdf);
    const digest = await newDigest(volumeKey, "0");
    const metadata: Metadata = { ...bare, keyslots: { "0": slot }, digests: { "0": digest } };
    // Both copies of a header that may be there: none may outlive the key slots it is about.
    await wipe(store, 0, 2 * COPY_BYTES);
    await sealKey(store, slot, volumeKey, passphrase);
    await store.flush();
    await writeHeader(store, {
      size: COPY_BYTES,
      sequenceId: 1,
      label: options.label ?? "",
      subsystem: "",
      uuid: randomUUID(),
      metadata,
    });
  } finally {
    volumeKey.fill(0);
  }
}

function bareMetadata({ sectorSize = SECTOR_BYTES, ...options }: Luks2FormatOptions): Metadata {
  return {
    keyslots: {},
    tokens: {},
    segments: {
      "0": {
        type: "crypt",
        offset: options.detached === true ? "0" : String(LUKS2_HEADER_BYTES),
        size: "dynamic",
        iv_tweak: "0",
        encryption: CIPHER,
        sector_size: sectorSize,
      },
    },
    digests: {},
    config: {
      json_size: String(COPY_BYTES - BINARY_BYTES),
      keyslots_size: String(LUKS2_HEADER_BYTES - 2 * COPY_BYTES),
      ...(options.discards === true ? { flags: [ALLOW_DISCARDS] } : {}),
    },
  };
}

function checkOptions(store: BlockStore, options: Luks2FormatOptions): void {
  const { sectorSize = SECTOR_BYTES, label = "", detached = false } = options;
  if (![512, 1024, 2048, 4096].includes(sectorSize)) {
    throw wrong(`sectorSize ${sectorSize}: it must be 512, 1024, 2048 or 4096`);
  }
  if (!/^[ -~]*$/.test(label) || label.length > LABEL_CHARACTERS_MAX) {
    throw wrong(`label ${label}: it must have ${LABEL_CHARACTERS_MAX} ASCII characters at most`);
  }
  const needed = LUKS2_HEADER_BYTES + (detached ? 0 : sectorSize);
  if (store.size < needed) {
    throw wrong(`${store.name} has ${store.size} bytes: it must have ${needed} at least`);
  }
}

function wrong(message: string): UsageError {
  return new UsageError("LUKS2_FORMAT", message);
}
