/** Snapshots of an encrypted disk: LUKS2 inside the image. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { createEncrypted, unlocked } from "../../../examples/snapshot-disk/encryption.ts";
import { perform } from "../../../examples/snapshot-disk/operations.ts";
import { type BlockStore, type KdfOptions, qcow2Store } from "../../../src/sdk/index.ts";
import { CLEAN, qemuCheck } from "../../interop/support/qcow2.ts";
import { run, runOk } from "../../interop/support/run.ts";
import { findProgram, toolsAreMissing } from "../../interop/support/tools.ts";
import { scratchFiles } from "../../sdk/storage/scratch-file.ts";

const kdf: KdfOptions = { type: "pbkdf2", iterations: 1000 };
const MIB = 1024 * 1024;
const newFile = scratchFiles();

function keyFile(text: string): string {
  const path = newFile(0);
  writeFileSync(path, text);
  return path;
}

const key = keyFile("secret");

async function newDisk() {
  const path = `${newFile(0)}.qcow2`;
  await createEncrypted(path, MIB, key, { kdf });
  const image = await qcow2Store(path);
  return { path, image, contents: await unlocked(image, key) };
}

async function bytesOf(store: BlockStore, length = 4096): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await store.read(bytes, 0);
  return bytes;
}

const monday = new Uint8Array(4096).fill(0x4d);
const tuesday = new Uint8Array(4096).fill(0x54);

describe("an encrypted disk", () => {
  test("has snapshots, clones and reverts, and no plain text in its file", async () => {
    const { path, image, contents } = await newDisk();
    expect(contents.size).toBe(MIB);
    await contents.write(monday, 0, false);
    await image.createSnapshot("monday", 0);
    await contents.write(tuesday, 0, false);
    const kept = await unlocked(await image.openSnapshot("monday"), key);
    expect([await bytesOf(kept), await bytesOf(contents)]).toEqual([monday, tuesday]);
    await kept.close();
    const copy = `${newFile(0)}.qcow2`;
    await perform(image, { command: "clone", to: copy, snapshot: "monday" });
    const copied = await unlocked(await qcow2Store(copy), key);
    expect(await bytesOf(copied)).toEqual(monday);
    await copied.close();
    await image.revertTo("monday");
    expect(await bytesOf(contents)).toEqual(monday);
    await contents.close();
    for (const file of [path, copy]) {
      const bytes = readFileSync(file);
      for (const text of [monday, tuesday]) {
        expect(bytes.includes(Buffer.from(text.subarray(0, 16)))).toBe(false);
      }
    }
  });

  test("gives space back", async () => {
    const { image, contents } = await newDisk();
    await contents.write(new Uint8Array(MIB).fill(1), 0, false);
    const used = async () => {
      const runs = (await contents.allocated?.(0, MIB)) ?? [];
      return runs.reduce((sum, { length, allocated }) => sum + (allocated ? length : 0), 0);
    };
    expect(await used()).toBe(MIB);
    await contents.trim?.(0, MIB);
    expect([await used(), await bytesOf(contents)]).toEqual([0, new Uint8Array(4096)]);
    expect((await image.allocated(0, image.size)).length).toBeGreaterThan(0);
    await contents.close();
  });

  test("opens with its passphrase alone", async () => {
    const { image, contents } = await newDisk();
    const other = unlocked(image, keyFile("other"));
    await expect(other).rejects.toMatchObject({ code: "LUKS2_PASSPHRASE" });
    await expect(unlocked(image, keyFile(""))).rejects.toMatchObject({ code: "PASSPHRASE" });
    await contents.close();
  });

  test("is not made where that fails", async () => {
    const path = `${newFile(0)}.qcow2`;
    const making = createEncrypted(path, MIB, key, { kdf: { type: "pbkdf2", iterations: 1 } });
    await expect(making).rejects.toMatchObject({ code: "LUKS2_KDF" });
    expect(existsSync(path)).toBe(false);
  });

  test.skipIf(toolsAreMissing("qemu-img", "cryptsetup"))("is LUKS2 to others", async () => {
    const { path, contents } = await newDisk();
    await contents.write(monday, 0, false);
    await contents.close();
    expect(await qemuCheck(path)).toEqual(CLEAN);
    const raw = `${path}.luks`;
    await runOk("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", path, raw]);
    const words = ["open", "--test-passphrase", `--key-file=${key}`, raw];
    expect(await run(findProgram("cryptsetup") ?? "", words)).toMatchObject({
      code: 0,
      stderr: "",
    });
  });
});
