import { readFileSync, rmSync } from "node:fs";

import {
  type BlockStore,
  createQcow2File,
  type CreateQcow2Options,
  formatLuks2,
  type KdfOptions,
  LUKS2_HEADER_BYTES,
  openLuks2,
  qcow2Store,
  UsageError,
} from "scst-user";

/** Has every byte of a disk, its header included, encrypted inside the image. */
export async function createEncrypted(
  file: string,
  sizeBytes: number,
  keyFile: string,
  { kdf, ...options }: CreateQcow2Options & { readonly kdf?: KdfOptions } = {},
): Promise<void> {
  await withKey(keyFile, async (passphrase) => {
    await createQcow2File(file, sizeBytes + LUKS2_HEADER_BYTES, options);
    const store = await qcow2Store(file);
    try {
      // The image's own tables show which parts are in use in any case.
      await formatLuks2(store, passphrase, { discards: true, ...(kdf && { kdf }) });
    } catch (error) {
      rmSync(file, { force: true });
      throw error;
    } finally {
      await store.close();
    }
  });
}

/** What is in a disk, or in a snapshot of it, which has the header of its time. */
export async function unlocked(store: BlockStore, keyFile: string): Promise<BlockStore> {
  return await withKey(keyFile, async (passphrase) => {
    return await (await openLuks2(store)).unlock(passphrase);
  });
}

/** All of the file is the passphrase, as with cryptsetup. */
async function withKey<T>(file: string, use: (passphrase: Uint8Array) => Promise<T>): Promise<T> {
  const passphrase = readFileSync(file);
  try {
    if (passphrase.length === 0) throw new UsageError("PASSPHRASE", `${file}: it is empty`);
    return await use(passphrase);
  } finally {
    passphrase.fill(0);
  }
}
