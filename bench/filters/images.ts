/** What the servers serve: disks that are written all over, so that nothing is found empty. */
import {
  createQcow2File,
  fileStore,
  formatLuks2,
  openLuks2,
  qcow2Store,
} from "../../src/sdk/index.ts";
import type { BlockStore } from "../../src/sdk/index.ts";
import { writeFileSync } from "node:fs";
import { copyFile, open } from "node:fs/promises";
import { type Images, MIB } from "../../test/interop/support/images.ts";
import { runOk } from "../../test/interop/support/run.ts";
import { settled } from "../support/prepare.ts";

export const DISK_LENGTH = 256 * MIB;

/** LUKS2's own header, in front of the data. */
const HEADER_LENGTH = 16 * MIB;
const PASSPHRASE = "benchmark";
const CONVERT_MS_MAX = 60_000;

export interface LuksImages {
  readonly keyFile: string;
  /** As encrypting-disk formats it: AES-256-XTS, sectors of 4096 bytes. */
  readonly luks2: string;
  /** The format that the peers have: AES-256-XTS, sectors of 512 bytes. */
  readonly luks1: string;
}

export async function luksImages(images: Images): Promise<LuksImages> {
  const source = await images.random("plain.img", DISK_LENGTH);
  const keyFile = images.path("key");
  writeFileSync(keyFile, PASSPHRASE);
  const luks1 = images.path("luks1.img");
  const secret = ["--object", `secret,id=key,file=${keyFile}`];
  const options = "key-secret=key,iter-time=10,cipher-alg=aes-256,cipher-mode=xts";
  const words = ["convert", "-f", "raw", "-O", "luks", ...secret, "-o", options, source, luks1];
  await runOk("qemu-img", words, { timeoutMs: CONVERT_MS_MAX });
  const luks2 = await images.sparse("luks2.img", HEADER_LENGTH + DISK_LENGTH);
  const store = fileStore(luks2);
  const passphrase = Buffer.from(PASSPHRASE);
  await formatLuks2(store, passphrase, { kdf: { type: "pbkdf2", iterations: 1000 } });
  const data = await (await openLuks2(store)).unlock(passphrase);
  await copyTo(data, source);
  await data.close();
  await settled(luks1);
  return { keyFile, luks2, luks1 };
}

export interface SnapshotImages {
  readonly ours: string;
  /** The same bytes. */
  readonly theirs: string;
}

/** A disk with a snapshot, of which every cluster was written again after that. */
export async function snapshotImages(images: Images): Promise<SnapshotImages> {
  const source = await images.random("plain.img", DISK_LENGTH);
  const [ours, theirs] = [images.path("ours.qcow2"), images.path("theirs.qcow2")];
  await createQcow2File(ours, DISK_LENGTH);
  const store = await qcow2Store(ours);
  await copyTo(store, source);
  await store.createSnapshot("before", Date.now());
  await copyTo(store, source);
  await store.close();
  await copyFile(ours, theirs);
  await settled(theirs);
  return { ours, theirs };
}

async function copyTo(store: BlockStore, source: string): Promise<void> {
  const file = await open(source);
  const chunk = Buffer.alloc(MIB);
  for (let at = 0; at < DISK_LENGTH; at += MIB) {
    await file.read(chunk, 0, MIB, at);
    await store.write(chunk, at, false);
  }
  await file.close();
  await store.flush();
}
