import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { encryptedStore } from "../../../../src/sdk/storage/filters/encrypted-store.ts";
import { faultyStore } from "../../../../src/sdk/storage/filters/faulty-store.ts";
import { writeProtectedStore } from "../../../../src/sdk/storage/filters/write-protected-store.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { KEY } from "./filters.ts";

const MIB = 1024 * 1024;
const pattern = (length: number, seed = 0) =>
  Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8) * 7 + seed);

/** What dm-crypt would write: each sector by itself, its number counted in 512 bytes. */
function dmCrypt(plain: Uint8Array, sectorSize: number, ivOffset: number, key = KEY): Buffer {
  const sectors: Buffer[] = [];
  for (let at = 0; at < plain.length; at += sectorSize) {
    const iv = Buffer.alloc(16);
    iv.writeBigUInt64LE(BigInt(at / 512 + ivOffset));
    const name = key.length === 64 ? "aes-256-xts" : "aes-128-xts";
    sectors.push(createCipheriv(name, key, iv).update(plain.subarray(at, at + sectorSize)));
  }
  return Buffer.concat(sectors);
}

describe("what lies below", () => {
  test.each([
    [512, 0, 0, KEY],
    [512, 4096, 7, KEY],
    [1024, 512, 0, KEY],
    [4096, 0, 0, KEY],
    [4096, MIB, 2 ** 40, KEY],
    [4096, 0, 0, KEY.subarray(0, 32)],
  ])("is dm-crypt's: sectors of %d, from %d, IV from %d", async (sectorSize, offset, iv, key) => {
    const below = memoryStore(offset + 64 * 1024);
    const store = encryptedStore(below, key, { sectorSize, offset, ivOffset: iv });
    const plain = pattern(64 * 1024);
    await store.write(plain, 0, false);
    // A part of a sector is written alone.
    await store.write(plain.subarray(0, 528), 4112, false);
    plain.copyWithin(4112, 0, 528);
    const found = new Uint8Array(64 * 1024);
    below.read(found, offset);
    expect(Buffer.compare(found, dmCrypt(plain, sectorSize, iv, key))).toBe(0);
  });

  test("what is written stays as it is in the caller's buffer", async () => {
    const store = encryptedStore(memoryStore(MIB), KEY);
    const buffer = pattern(8192);
    await store.write(buffer, 0, true);
    await store.write(buffer.subarray(3, 100), 5, true);
    expect(Buffer.compare(buffer, pattern(8192))).toBe(0);
  });
});

test("the header before the data can't be reached", () => {
  const store = encryptedStore(memoryStore(MIB), KEY, { offset: 4096 });
  const eio = expect.objectContaining({ code: "EIO" });
  expect(() => store.read(new Uint8Array(512), -512)).toThrow(eio);
  expect(() => store.write(new Uint8Array(512), -512, false)).toThrow(eio);
});

test("is synchronous over a store that is, and gives others their turn in long transfers", async () => {
  const store = encryptedStore(memoryStore(4 * MIB), KEY);
  expect(store.write(pattern(128 * 1024), 0, false)).toBeUndefined();
  expect(store.read(new Uint8Array(128 * 1024), 0)).toBeUndefined();
  const order: string[] = [];
  setImmediate(() => order.push("other"));
  await store.write(new Uint8Array(MIB), 0, false);
  order.push("written");
  expect(order).toEqual(["other", "written"]);
});

test("writes to parts of one block keep out of each other's way, whatever is slow", async () => {
  const step = fc.record({
    offset: fc.nat(80),
    length: fc.integer({ min: 1, max: 30 }),
    delays: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      const delays = steps.flatMap((each) => each.delays);
      let call = 0;
      const slow = faultyStore(
        memoryStore(4096),
        () => ({ delayMs: delays[call++ % delays.length] as number }),
        { clock: { now: () => 0, after: turns } },
      );
      const store = encryptedStore(slow, KEY, { discards: true });
      const model = new Uint8Array(4096);
      // Side by side: none overlaps another, and many share a block.
      let at = 0;
      const writes = steps.map(async ({ offset, length }, i) => {
        at += offset % 5;
        const bytes = pattern(length, i * 50 + 1);
        model.set(bytes, at);
        at += length;
        await store.write(bytes, at - length, false);
      });
      await Promise.all(writes);
      const found = new Uint8Array(4096);
      await store.read(found, 0);
      expect(Buffer.compare(found, model)).toBe(0);
    }),
    { numRuns: 60 },
  );
});

/** So many turns of the event loop later. */
function turns(count: number, callback: () => void): void {
  setImmediate(() => (count <= 1 ? callback() : turns(count - 1, callback)));
}

describe("discards", () => {
  test("are not passed on unless that is asked for", () => {
    const store = encryptedStore(memoryStore(MIB), KEY);
    expect(store.trim).toBeUndefined();
    expect(store.allocated).toBeUndefined();
  });

  test("give the space back, and leave zeros", async () => {
    const below = memoryStore(MIB);
    const store = encryptedStore(below, KEY, { discards: true, sectorSize: 4096 });
    await store.write(pattern(512 * 1024), 0, false);
    await store.trim?.(64 * 1024 - 7, 128 * 1024 + 20);
    const expected = pattern(512 * 1024).fill(0, 64 * 1024 - 7, 192 * 1024 + 13);
    const found = new Uint8Array(512 * 1024);
    await store.read(found, 0);
    expect(Buffer.compare(found, expected)).toBe(0);
    expect(below.allocated(64 * 1024, 128 * 1024)).toEqual([
      { offset: 64 * 1024, length: 128 * 1024, allocated: false },
    ]);
  });

  test("zeros that are written lie there encrypted, as any other bytes", async () => {
    const below = memoryStore(MIB);
    const store = encryptedStore(below, KEY, { discards: true });
    expect(store.writeZeroes).toBeUndefined();
    await store.write(new Uint8Array(512), 0, false);
    const found = new Uint8Array(512);
    below.read(found, 0);
    expect(Buffer.compare(found, dmCrypt(new Uint8Array(512), 512, 0))).toBe(0);
  });
});

test("its size is what is there in whole sectors, and changes with the store below", () => {
  const below = memoryStore(MIB + 1000);
  const store = encryptedStore(below, KEY, { sectorSize: 4096, offset: 4096 });
  expect(store.size).toBe(MIB - 4096);
  const sizes: number[] = [];
  store.onResize = () => sizes.push(store.size);
  below.resize(2 * MIB);
  below.resize(100);
  expect(sizes).toEqual([2 * MIB - 4096, 0]);
});

test("is read-only where the store below is", () => {
  const store = encryptedStore(writeProtectedStore(memoryStore(MIB)), KEY, { discards: true });
  expect(store.readOnly).toBe(true);
  expect(store.trim).toBeUndefined();
});

test("after its end nothing is read or written", async () => {
  const store = encryptedStore(memoryStore(MIB), KEY);
  await store.close();
  const closed = expect.objectContaining({ code: "EBADF" });
  expect(() => store.read(new Uint8Array(512), 0)).toThrow(closed);
  expect(() => store.write(new Uint8Array(512), 0, false)).toThrow(closed);
});

test.each([
  [{ sectorSize: 256 }],
  [{ sectorSize: 8192 }],
  [{ sectorSize: 1000 }],
  [{ offset: 100 }],
  [{ size: 1000 }],
  [{ size: 2 * MIB }],
  [{ ivOffset: -1 }],
])("%j is refused", (options) => {
  const refusal = expect.objectContaining({ code: "ENCRYPTED_STORE" });
  expect(() => encryptedStore(memoryStore(MIB), KEY, options)).toThrow(refusal);
});
