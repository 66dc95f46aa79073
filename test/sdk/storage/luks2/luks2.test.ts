import { describe, expect, test } from "vitest";

import type { BlockStore } from "../../../../src/sdk/storage/block-store.ts";
import { formatLuks2, LUKS2_HEADER_BYTES } from "../../../../src/sdk/storage/luks2/format.ts";
import { writeHeader } from "../../../../src/sdk/storage/luks2/header.ts";
import { type Luks2, openLuks2 } from "../../../../src/sdk/storage/luks2/luks2.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  afterLossOfPower,
  copyOf,
  DATA_BYTES,
  newVolume,
  OTHER,
  QUICK,
  recorded,
  SECRET,
} from "./volumes.ts";

const COPY_BYTES = 16 * 1024;
const WRONG_PASSPHRASE = expect.objectContaining({ code: "LUKS2_PASSPHRASE" });
const WRONG = Buffer.from("wrong");

async function opens(store: BlockStore, passphrase: Uint8Array): Promise<boolean> {
  try {
    await (await openLuks2(store)).test(passphrase);
    return true;
  } catch (error) {
    expect(error).toEqual(WRONG_PASSPHRASE);
    return false;
  }
}

function bytesOf(store: BlockStore, from = 0, to = store.size): Buffer {
  const bytes = Buffer.alloc(to - from);
  void store.read(bytes, from);
  return bytes;
}

describe("format and unlock", () => {
  test.each([
    ["argon2id, 4096", { sectorSize: 4096, kdf: { type: "argon2id", memory: 64 } }],
    ["argon2id, 512", { sectorSize: 512, kdf: { type: "argon2id", memory: 64, cpus: 1 } }],
    ["pbkdf2, 4096", { sectorSize: 4096, kdf: QUICK }],
    ["pbkdf2, 512", { sectorSize: 512, kdf: QUICK }],
  ] as const)("%s", async (_name, options) => {
    const volume = await newVolume(options);
    const data = await (await openLuks2(volume)).unlock(SECRET);
    expect([data.size, data.physicalBlockSize]).toEqual([DATA_BYTES, options.sectorSize]);
    const plain = Buffer.from("0123456789abcdef".repeat(512));
    await data.write(plain, 4096, false);
    const again = await (await openLuks2(volume)).unlock(SECRET);
    const found = Buffer.alloc(plain.length);
    await again.read(found, 4096);
    expect(found.equals(plain)).toBe(true);
    expect(bytesOf(volume).includes(plain.subarray(0, 16))).toBe(false);
  });

  test("a wrong passphrase opens nothing, and changes nothing", async () => {
    const volume = await newVolume();
    const before = bytesOf(volume);
    const luks = await openLuks2(volume);
    await expect(luks.unlock(WRONG)).rejects.toThrow(WRONG_PASSPHRASE);
    await expect(luks.addKey(WRONG, OTHER, QUICK)).rejects.toThrow(WRONG_PASSPHRASE);
    await expect(luks.changeKey(WRONG, OTHER, QUICK)).rejects.toThrow(WRONG_PASSPHRASE);
    await expect(luks.removeKey(WRONG)).rejects.toThrow(WRONG_PASSPHRASE);
    expect(bytesOf(volume).equals(before)).toBe(true);
  });

  test("a header of its own", async () => {
    const header = memoryStore(LUKS2_HEADER_BYTES);
    await formatLuks2(header, SECRET, { kdf: QUICK, detached: true });
    const data = memoryStore(DATA_BYTES);
    const luks = await openLuks2(header);
    expect(luks.dataOffset).toBe(0);
    const store = await luks.unlock(SECRET, data);
    expect(store.size).toBe(DATA_BYTES);
    await store.write(SECRET, 0, false);
    expect(bytesOf(data, 0, 16).every((byte) => byte === 0)).toBe(false);
  });

  test("discards are allowed by the header", async () => {
    const volume = await newVolume({ discards: true });
    expect((await (await openLuks2(volume)).unlock(SECRET)).trim).toBeDefined();
    const strict = await openLuks2(await newVolume());
    expect((await strict.unlock(SECRET)).trim).toBeUndefined();
  });

  test.each([
    ["too small", memoryStore(LUKS2_HEADER_BYTES), {}, "LUKS2_FORMAT"],
    ["sector size", memoryStore(2 ** 25), { sectorSize: 8192 }, "LUKS2_FORMAT"],
    ["label", memoryStore(2 ** 25), { label: "x".repeat(48) }, "LUKS2_FORMAT"],
    ["memory", memoryStore(2 ** 25), { kdf: { type: "argon2id", memory: 8 } }, "LUKS2_KDF"],
    ["iterations", memoryStore(2 ** 25), { kdf: { type: "pbkdf2", iterations: 1 } }, "LUKS2_KDF"],
  ] as const)("refused: %s; nothing is written", async (_name, store, options, code) => {
    const format = formatLuks2(store, SECRET, options);
    await expect(format).rejects.toThrow(expect.objectContaining({ code }));
    expect(store.allocated(0, store.size)).toEqual([
      { offset: 0, length: store.size, allocated: false },
    ]);
  });
});

describe("passphrases", () => {
  test("several, changed and removed", async () => {
    const volume = await newVolume();
    const luks = await openLuks2(volume);
    expect(await luks.addKey(SECRET, OTHER, { type: "argon2id", memory: 64 })).toBe(1);
    expect([await opens(volume, SECRET), await opens(volume, OTHER)]).toEqual([true, true]);
    expect(await luks.changeKey(SECRET, WRONG, QUICK)).toBe(0);
    expect([await opens(volume, SECRET), await opens(volume, WRONG)]).toEqual([false, true]);
    expect(await luks.removeKey(OTHER)).toBe(1);
    expect([await opens(volume, OTHER), await opens(volume, WRONG)]).toEqual([false, true]);
    const last = expect.objectContaining({ code: "LUKS2_LAST_KEY" });
    await expect(luks.removeKey(WRONG)).rejects.toThrow(last);
    await expect(luks.removeSlot(7)).rejects.toThrow(
      expect.objectContaining({ code: "LUKS2_SLOT" }),
    );
    expect(await opens(volume, WRONG)).toBe(true);
  });

  test("what a removed or changed one opened is overwritten", async () => {
    const volume = await newVolume();
    const luks = await openLuks2(volume);
    await luks.addKey(SECRET, OTHER, QUICK);
    const areaOf = (slot: string) => {
      const { area } = luks.header.metadata.keyslots[slot]!;
      return bytesOf(volume, Number(area.offset), Number(area.offset) + Number(area.size));
    };
    const sealed = [areaOf("0"), areaOf("1")];
    await luks.removeKey(OTHER);
    await luks.changeKey(SECRET, OTHER, QUICK);
    const all = bytesOf(volume);
    // Any one of the stripes that is gone makes the key gone.
    for (const area of sealed) expect(all.includes(area.subarray(0, 4096))).toBe(false);
  });

  test("there is an end to key slots", async () => {
    const volume = await newVolume();
    const { header } = await openLuks2(volume);
    const slot = header.metadata.keyslots["0"]!;
    const keyslots = Object.fromEntries(Array.from({ length: 32 }, (_, id) => [id, slot]));
    await writeHeader(volume, { ...header, metadata: { ...header.metadata, keyslots } });
    const full = expect.objectContaining({ code: "LUKS2_FULL" });
    const luks = await openLuks2(volume);
    await expect(luks.addKey(SECRET, OTHER, QUICK)).rejects.toThrow(full);
    expect(await luks.test(SECRET)).toBe(0);
  });
});

describe("damage", () => {
  test.each([
    ["first", 0],
    ["second", COPY_BYTES],
  ] as const)(
    "the %s copy of the header: the other one counts, and repairs it",
    async (name, at) => {
      for (const byte of [0, 300, 5000]) {
        const volume = await newVolume();
        const [old] = bytesOf(volume, at + byte, at + byte + 1);
        volume.write(Uint8Array.of(old! ^ 0xff), at + byte);
        const luks = await openLuks2(volume);
        expect(luks.badCopy).toBe(name);
        expect(await luks.test(SECRET)).toBe(0);
        await luks.repair();
        const repaired = await openLuks2(volume);
        expect([repaired.badCopy, repaired.header.sequenceId]).toEqual([undefined, 2]);
        expect(await repaired.test(SECRET)).toBe(0);
      }
    },
  );

  test.each<[string, Uint8Array, number[], string]>([
    ["both copies", Uint8Array.of(0xff), [5000, COPY_BYTES + 5000], "LUKS2_DAMAGED"],
    ["no header", new Uint8Array(2 * COPY_BYTES), [0], "LUKS2_NONE"],
    ["LUKS1", Uint8Array.of(1), [7], "LUKS2_VERSION"],
  ])("%s: refused", async (_name, bytes, places, code) => {
    const volume = await newVolume();
    for (const at of places) volume.write(bytes, at);
    await expect(openLuks2(volume)).rejects.toThrow(expect.objectContaining({ code }));
  });

  test.each([
    ["in the header", 10_000, "LUKS2_DAMAGED"],
    ["before its second copy", 20_000, "LUKS2_TRUNCATED"],
    ["in a key slot", 100_000, "LUKS2_TRUNCATED"],
    ["before its data", LUKS2_HEADER_BYTES, "LUKS2_TRUNCATED"],
  ])("cut short %s: refused", async (_name, size, code) => {
    const volume = await newVolume();
    volume.resize(size);
    const use = async () => await (await openLuks2(volume)).unlock(SECRET);
    await expect(use()).rejects.toThrow(expect.objectContaining({ code }));
  });

  test("a damaged key slot opens with nothing, and the others do", async () => {
    const volume = await newVolume();
    await (await openLuks2(volume)).addKey(SECRET, OTHER, QUICK);
    flip(volume, 2 * COPY_BYTES + 1000);
    expect([await opens(volume, SECRET), await opens(volume, OTHER)]).toEqual([false, true]);
  });
});

describe("a loss of power leaves the old state or the new one", () => {
  const changes: readonly (readonly [string, (luks: Luks2) => Promise<unknown>])[] = [
    ["adding", (luks) => luks.addKey(SECRET, WRONG, QUICK)],
    ["changing", (luks) => luks.changeKey(SECRET, WRONG, QUICK)],
    ["removing", (luks) => luks.removeKey(SECRET)],
  ];

  test.each(changes)("%s a passphrase", async (name, change) => {
    const volume = await newVolume();
    await (await openLuks2(volume)).addKey(SECRET, OTHER, QUICK);
    const before = copyOf(volume);
    const { store, steps } = recorded(volume);
    await change(await openLuks2(store));
    for (const { count, part, image } of afterLossOfPower(before, steps)) {
      const where = `${name}, step ${count}, ${part}`;
      expect([where, await opens(image, OTHER)]).toEqual([where, true]);
      const old = await opens(image, SECRET);
      const added = await opens(image, WRONG);
      // Of a removal the key goes first: that it no longer opens is what was wanted.
      if (name === "removing") expect([where, added]).toEqual([where, false]);
      else expect([where, old || added]).toEqual([where, true]);
    }
    expect(await opens(volume, SECRET)).toBe(name === "adding");
  });
});

function flip(store: BlockStore, at: number): void {
  const [byte] = bytesOf(store, at, at + 1);
  void store.write(Uint8Array.of(byte! ^ 0xff), at, false);
}
