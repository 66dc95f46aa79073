import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import type { BlockStore } from "../block-store.ts";
import { encryptedStore, type EncryptedStoreOptions } from "../filters/encrypted-store.ts";
import { type Header, type HeaderCopy, readHeader, writeHeader } from "./header.ts";
import type { KdfOptions } from "./kdf.ts";
import { freeAreas, isVolumeKey, newKeySlot, sealKey, unsealKey, wipe } from "./key-slot.ts";
import { LUKS2_LIMITS } from "./check-metadata.ts";
import {
  ALLOW_DISCARDS,
  type Digest,
  type KeySlot,
  type Metadata,
  type Segment,
} from "./metadata.ts";

/**
 * A LUKS2 volume of which the header has been read.
 *
 * @param store the volume, or its detached header
 * @throws ProtocolError LUKS2_NONE, LUKS2_VERSION, LUKS2_DAMAGED, LUKS2_METADATA
 */
export async function openLuks2(store: BlockStore): Promise<Luks2> {
  const { header, bad } = await readHeader(store);
  for (const slot of Object.values(header.metadata.keyslots)) checkLength(store, endOf(slot));
  return new Luks2(store, header, bad);
}

/**
 * Passphrases are bytes, and stay the caller's to wipe. Changes are safe against a crash at any
 * point: the old state or the new one is there. One call at a time.
 */
export class Luks2 {
  readonly #store: BlockStore;
  #header: Header;
  #bad: HeaderCopy | undefined;

  /** Use {@link openLuks2}. */
  constructor(store: BlockStore, header: Header, bad: HeaderCopy | undefined) {
    this.#store = store;
    this.#header = header;
    this.#bad = bad;
  }

  /** What the header says; it holds no secrets. */
  get header(): Header {
    return this.#header;
  }

  /** The copy of the header that is damaged or was not written: see {@link repair}. */
  get badCopy(): HeaderCopy | undefined {
    return this.#bad;
  }

  /** Where the data begins in its store, in bytes. */
  get dataOffset(): number {
    return Number(this.#segment().offset);
  }

  /**
   * The volume's contents, as a store.
   *
   * @param data where they are: the volume itself, unless its header is detached
   * @throws UsageError LUKS2_PASSPHRASE; LUKS2_TRUNCATED where `data` ends before they begin
   */
  async unlock(
    passphrase: Uint8Array,
    data: BlockStore = this.#store,
    options: Pick<EncryptedStoreOptions, "discards" | "implementation"> = {},
  ): Promise<BlockStore> {
    const { offset, size, sector_size: sectorSize, iv_tweak: ivOffset } = this.#segment();
    checkLength(data, Number(offset) + (size === "dynamic" ? sectorSize : Number(size)));
    const { key } = await this.#volumeKey(passphrase);
    try {
      return encryptedStore(data, key, {
        discards: this.#header.metadata.config.flags?.includes(ALLOW_DISCARDS) ?? false,
        ...options,
        sectorSize,
        offset: Number(offset),
        ivOffset: Number(ivOffset),
        ...(size === "dynamic" ? {} : { size: Number(size) }),
      });
    } finally {
      key.fill(0);
    }
  }

  /** The key slot that the passphrase opens. @throws UsageError LUKS2_PASSPHRASE */
  async test(passphrase: Uint8Array): Promise<number> {
    const { key, slot } = await this.#volumeKey(passphrase);
    key.fill(0);
    return Number(slot);
  }

  /** Has `added` open the volume as well. Returns its key slot. */
  async addKey(passphrase: Uint8Array, added: Uint8Array, kdf?: KdfOptions): Promise<number> {
    const { key, digest } = await this.#volumeKey(passphrase);
    try {
      const id = this.#freeSlot();
      await this.#putKey(id, digest, key, added, kdf);
      return Number(id);
    } finally {
      key.fill(0);
    }
  }

  /** Has `replacement` open the volume instead of `passphrase`. Returns the key slot, the same. */
  async changeKey(
    passphrase: Uint8Array,
    replacement: Uint8Array,
    kdf?: KdfOptions,
  ): Promise<number> {
    const { key, slot, digest } = await this.#volumeKey(passphrase);
    try {
      const { area } = this.#header.metadata.keyslots[slot] as KeySlot;
      await this.#putKey(slot, digest, key, replacement, kdf);
      await wipe(this.#store, Number(area.offset), Number(area.offset) + Number(area.size));
      return Number(slot);
    } finally {
      key.fill(0);
    }
  }

  /**
   * Has the passphrase no longer open the volume, and forgets what it opened. Returns its key slot.
   *
   * @throws UsageError LUKS2_LAST_KEY: without a key slot all is lost
   */
  async removeKey(passphrase: Uint8Array): Promise<number> {
    const { key, slot } = await this.#volumeKey(passphrase);
    key.fill(0);
    await this.removeSlot(Number(slot));
    return Number(slot);
  }

  /** The same without a passphrase, by the key slot. @throws UsageError also LUKS2_SLOT */
  async removeSlot(number: number): Promise<void> {
    const { metadata } = this.#header;
    const id = String(number);
    const { [id]: slot, ...keyslots } = metadata.keyslots;
    if (slot === undefined) throw new UsageError("LUKS2_SLOT", `there is no key slot ${number}`);
    if (Object.keys(keyslots).length === 0) {
      throw new UsageError("LUKS2_LAST_KEY", `key slot ${number} is the last one, and stays`);
    }
    // The area first: a slot that is listed and empty is better than one that is gone and readable.
    await wipe(this.#store, Number(slot.area.offset), endOf(slot));
    const digests = mapValues(metadata.digests, (digest) => ({
      ...digest,
      keyslots: digest.keyslots.filter((other) => other !== id),
    }));
    await this.#commit({ ...metadata, keyslots, digests });
  }

  /**
   * Writes both copies of the header, and noise over what no key slot has: what a crash in the
   * middle of a change may have left there.
   */
  async repair(): Promise<void> {
    await this.#commit(this.#header.metadata);
    for (const [from, to] of freeAreas(this.#header.metadata, this.#header.size)) {
      await wipe(this.#store, from, Math.min(to, this.#store.size));
    }
  }

  /** A new area and all in it first, then the header that tells of it. */
  async #putKey(
    id: string,
    digestId: string,
    key: Uint8Array,
    passphrase: Uint8Array,
    kdf: KdfOptions | undefined,
  ): Promise<void> {
    const { metadata, size } = this.#header;
    const slot = newKeySlot(key.length, metadata, size, kdf);
    await sealKey(this.#store, slot, key, passphrase);
    await this.#store.flush();
    const digest = metadata.digests[digestId] as Digest;
    const listed = digest.keyslots.includes(id) ? digest.keyslots : [...digest.keyslots, id];
    await this.#commit({
      ...metadata,
      keyslots: { ...metadata.keyslots, [id]: slot },
      digests: { ...metadata.digests, [digestId]: { ...digest, keyslots: listed } },
    });
  }

  async #commit(metadata: Metadata): Promise<void> {
    const header = { ...this.#header, sequenceId: this.#header.sequenceId + 1, metadata };
    await writeHeader(this.#store, header);
    this.#header = header;
    this.#bad = undefined;
  }

  /** The key, the slot that the passphrase opened, and the digest that says that it is right. */
  async #volumeKey(passphrase: Uint8Array) {
    const { keyslots, digests } = this.#header.metadata;
    const preferred = Object.entries(keyslots)
      .filter(([, { priority = 1 }]) => priority > 0)
      .sort(([, { priority: a = 1 }], [, { priority: b = 1 }]) => b - a);
    for (const [slot, keySlot] of preferred) {
      const digest = Object.entries(digests).find(([, { keyslots: ids, segments }]) => {
        return ids.includes(slot) && segments.includes(this.#segmentId());
      });
      if (digest === undefined) continue;
      const key = await unsealKey(this.#store, keySlot, passphrase);
      if (await isVolumeKey(key, digest[1])) return { key, slot, digest: digest[0] };
      key.fill(0);
    }
    throw new UsageError("LUKS2_PASSPHRASE", `no key slot of ${this.#store.name} opens with that`);
  }

  #freeSlot(): string {
    for (let id = 0; id < LUKS2_LIMITS.keySlotsMax; id++) {
      if (!Object.hasOwn(this.#header.metadata.keyslots, id)) return String(id);
    }
    throw new UsageError("LUKS2_FULL", `all ${LUKS2_LIMITS.keySlotsMax} key slots are in use`);
  }

  /** The header was refused unless it has exactly one. */
  #segmentId(): string {
    return Object.keys(this.#header.metadata.segments)[0] as string;
  }

  #segment(): Segment {
    return this.#header.metadata.segments[this.#segmentId()] as Segment;
  }
}

/** Refuses what has been cut short before anything is done with it. */
function checkLength(store: BlockStore, end: number): void {
  if (store.size >= end) return;
  throw new ProtocolError(
    "LUKS2_TRUNCATED",
    `${store.name} has ${store.size} bytes, and its LUKS2 header tells of ${end} at least`,
  );
}

function endOf({ area }: KeySlot): number {
  return Number(area.offset) + Number(area.size);
}

function mapValues<T>(of: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, change(value)]));
}
