/** cryptsetup opens what we write, and we open what it writes: header, key slots, digests. */
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { fileStore, formatLuks2, type KdfOptions, openLuks2 } from "../../src/sdk/index.ts";
import { Images, MIB } from "./support/images.ts";
import { run } from "./support/run.ts";
import { findProgram, toolsAreMissing } from "./support/tools.ts";

const SECRET = Buffer.from("secret");
const ADDED = Buffer.from("added");
const QUICK: KdfOptions = { type: "pbkdf2", iterations: 1000 };

const cryptsetup = (...words: string[]) => run(findProgram("cryptsetup")!, words);

const CASES = [
  ["argon2id", 512],
  ["argon2id", 4096],
  ["pbkdf2", 512],
  ["pbkdf2", 4096],
] as const;

describe.skipIf(toolsAreMissing("cryptsetup"))("cryptsetup", () => {
  test.each(CASES)("opens what we format: %s, %d", async (type, sectorSize) => {
    await using images = await Images.open();
    const [image, secret, added] = await filesFor(images);
    const store = fileStore(image);
    const kdf = type === "pbkdf2" ? QUICK : { type, memory: 1024 };
    await formatLuks2(store, SECRET, { sectorSize, kdf, label: "ours" });
    const luks = await openLuks2(store);
    await luks.addKey(SECRET, ADDED, QUICK);
    const dump = await cryptsetup("luksDump", image);
    expect(dump.code).toBe(0);
    expect(dump.stdout).toMatch(/Label:\s+ours\n/);
    expect(dump.stdout).toMatch(new RegExp(`sector: ${sectorSize} \\[bytes\\]`));
    expect(dump.stdout).toMatch(new RegExp(`PBKDF: +${type}`));
    expect(await opens(image, secret)).toBe(true);
    expect(await opens(image, added)).toBe(true);
    await luks.removeKey(ADDED);
    expect(await opens(image, added)).toBe(false);
    await luks.changeKey(SECRET, ADDED, kdf);
    expect([await opens(image, secret), await opens(image, added)]).toEqual([false, true]);
    await store.close();
  });

  test.each(CASES)("formats what we open: %s, %d", async (type, sectorSize) => {
    await using images = await Images.open();
    const [image, secret, added] = await filesFor(images);
    const cost =
      type === "pbkdf2"
        ? ["--pbkdf-force-iterations=1000"]
        : ["--pbkdf-force-iterations=4", "--pbkdf-memory=1024"];
    const how = ["--type=luks2", `--pbkdf=${type}`, ...cost, `--sector-size=${sectorSize}`];
    const made = await cryptsetup("luksFormat", "-q", ...how, `--key-file=${secret}`, image);
    expect(made).toMatchObject({ code: 0 });
    const store = fileStore(image);
    const data = await (await openLuks2(store)).unlock(SECRET);
    expect([data.size, data.physicalBlockSize]).toEqual([MIB, sectorSize]);
    expect(await (await openLuks2(store)).addKey(SECRET, ADDED, QUICK)).toBe(1);
    expect(await opens(image, added)).toBe(true);
    await data.close();
  });

  test("repairs, and has repaired, what the other did", async () => {
    await using images = await Images.open();
    const [image, secret] = await filesFor(images);
    const store = fileStore(image);
    await formatLuks2(store, SECRET, { kdf: QUICK });
    await store.write(new Uint8Array(4096), 0, true);
    expect((await openLuks2(store)).badCopy).toBe("first");
    await (await openLuks2(store)).repair();
    expect((await cryptsetup("luksDump", image)).stderr).toBe("");
    await store.write(new Uint8Array(4096), 16 * 1024, true);
    expect(await opens(image, secret)).toBe(true);
    expect((await openLuks2(store)).badCopy).toBeUndefined();
    await store.close();
  });
});

async function filesFor(images: Images): Promise<[image: string, secret: string, added: string]> {
  const image = await images.sparse("a.img", 17 * MIB);
  const files = { secret: images.path("secret"), added: images.path("added") };
  writeFileSync(files.secret, SECRET);
  writeFileSync(files.added, ADDED);
  return [image, files.secret, files.added];
}

async function opens(image: string, keyFile: string): Promise<boolean> {
  const { code } = await cryptsetup("open", "--test-passphrase", `--key-file=${keyFile}`, image);
  return code === 0;
}
