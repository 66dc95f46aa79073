import { describe, expect, test } from "vitest";

import type { BlockStore, Extent } from "../../../src/sdk/storage/block-store.ts";

/** How the suite gets a store, and what to expect of it. */
export interface StoreSuite {
  readonly name: string;
  /** A store of `size` bytes, all zero. */
  open(size: number, options: { readOnly: boolean }): BlockStore | Promise<BlockStore>;
  /** False for a store that forgets what is written. */
  readonly keeps?: boolean;
  /** False for a store that cannot be read-only. */
  readonly canBeReadOnly?: boolean;
}

const MIB = 1024 * 1024;

function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8) + seed;
  return bytes;
}

/**
 * What every store does, and every filter over one: `open` gives whatever stack is to be tested.
 * What a store leaves out (trim, holes) is not tested; what it has must work.
 */
export function testStore(suite: StoreSuite): void {
  const { keeps = true, canBeReadOnly = true } = suite;
  const open: Open = async (size, readOnly = false) => await suite.open(size, { readOnly });
  const parts = [
    testAccess,
    testSpace,
    ...(keeps ? [testKeeping, testKeptSpace] : []),
    ...(canBeReadOnly ? [testReadOnly] : []),
  ];
  describe(suite.name, () => {
    for (const part of parts) part(open, keeps);
  });
}

type Open = (size: number, readOnly?: boolean) => Promise<BlockStore>;

function testKeeping(open: Open): void {
  test.each([
    ["a block", 512, 512, false],
    ["a block, durably", 512, 512, true],
    ["at an odd offset", 1001, 777, false],
    ["64 KiB", 65_536, 65_536, false],
    ["a little more", 4096, 65_537, false],
    ["a little more, durably", 4096, 65_537, true],
    ["over a boundary of a MiB", MIB - 100, 200, false],
    ["several MiB", MIB - 512, 3 * MIB, true],
    ["up to the end", 8 * MIB - 512, 512, false],
  ])("gives back what was written: %s", async (_name, offset, length, fua) => {
    const store = await open(8 * MIB);
    const written = pattern(length, 1);
    await store.write(written, offset, fua);
    const around = new Uint8Array(length + 2).fill(9);
    const start = Math.max(0, offset - 1);
    const found = around.subarray(0, Math.min(length + 2, store.size - start));
    await store.read(found, start);
    const expected = new Uint8Array(found.length);
    expected.set(written.subarray(0, found.length - 1), 1);
    expect(Buffer.compare(found, expected)).toBe(0);
    await store.flush();
    await store.close();
  });

  test("keeps calls apart that overlap in time", async () => {
    const store = await open(8 * MIB);
    const parts = Array.from({ length: 16 }, (_, index) => pattern(100_000 + index, index));
    await Promise.all(
      parts.map(async (part, index) => await store.write(part, index * 200_000, false)),
    );
    await Promise.all(
      parts.map(async (part, index) => {
        const found = new Uint8Array(part.length);
        await store.read(found, index * 200_000);
        expect(Buffer.compare(found, part)).toBe(0);
      }),
    );
    await store.close();
  });
}

/** Runs of a range, each as the caller of `allocated` has to ask for them. */
async function runsOf(store: BlockStore, offset: number, length: number) {
  const runs: Extent[] = [];
  for (let at = offset; at < offset + length;) {
    const part = (await store.allocated?.(at, offset + length - at)) ?? [];
    for (const run of part) {
      expect(run.offset).toBe(at);
      expect(run.length).toBeGreaterThan(0);
      at += run.length;
    }
    expect(part.length).toBeGreaterThan(0);
    runs.push(...part);
  }
  expect((runs.at(-1)?.offset ?? 0) + (runs.at(-1)?.length ?? 0)).toBe(offset + length);
  return runs;
}

function testSpace(open: Open): void {
  test.each([
    ["over the end", 8000, 512],
    ["before the begin", -512, 512],
  ])("no trim, zeros or holes %s", async (_name, offset, length) => {
    const store = await open(8192);
    const eio = expect.objectContaining({ code: "EIO" });
    const how = { mayTrim: true, fua: false };
    if (store.trim !== undefined) {
      await expect(settle(() => store.trim?.(offset, length))).rejects.toThrow(eio);
    }
    if (store.writeZeroes !== undefined) {
      await expect(settle(() => store.writeZeroes?.(offset, length, how))).rejects.toThrow(eio);
    }
    if (store.allocated !== undefined) {
      const look = async () => void (await store.allocated?.(offset, length));
      await expect(look()).rejects.toThrow(eio);
    }
    await store.close();
  });
}

function testKeptSpace(open: Open): void {
  test.each([
    ["whole", MIB, 2 * MIB],
    ["a block", MIB + 4096, 4096],
    ["a sector", MIB + 512, 512],
    ["odd", MIB + 1001, 70_001],
    ["up to the end", 3 * MIB + 512, MIB - 512],
    ["nothing", MIB, 0],
  ])("trim and zeros: %s", async (_name, offset, length) => {
    const store = await open(4 * MIB);
    const before = pattern(4 * MIB, 3);
    for (const kind of ["trim", "zero, trimming", "zero, kept", "zero, durably"]) {
      await store.write(before, 0, false);
      const how = { mayTrim: kind === "zero, trimming", fua: kind === "zero, durably" };
      const isTrim = kind === "trim";
      await (isTrim ? store.trim?.(offset, length) : store.writeZeroes?.(offset, length, how));
      const can = isTrim ? store.trim !== undefined : store.writeZeroes !== undefined;
      const found = new Uint8Array(4 * MIB);
      await store.read(found, 0);
      const expected = Uint8Array.from(before);
      if (can) expected.fill(0, offset, offset + length);
      expect([kind, Buffer.compare(found, expected)]).toEqual([kind, 0]);
    }
    await store.close();
  });

  test("a trimmed range can be written again, while others are written", async () => {
    const store = await open(4 * MIB);
    await store.write(pattern(4 * MIB, 1), 0, false);
    const part = pattern(5000, 7);
    await Promise.all([
      store.trim?.(MIB, MIB),
      store.write(pattern(300_000, 5), 3 * MIB, false),
      store.writeZeroes?.(100, 5000, { mayTrim: false, fua: false }),
    ]);
    await store.write(part, MIB + 700, true);
    const found = new Uint8Array(5000);
    await store.read(found, MIB + 700);
    expect(Buffer.compare(found, part)).toBe(0);
    await store.close();
  });

  test("holes are told, and what is written is none", async () => {
    const store = await open(8 * MIB);
    if (store.allocated !== undefined) {
      expect(await runsOf(store, 0, 8 * MIB)).toEqual([
        { offset: 0, length: 8 * MIB, allocated: false },
      ]);
      await store.write(pattern(MIB, 1), 2 * MIB, true);
      expect(await runsOf(store, MIB, 4 * MIB)).toEqual([
        { offset: MIB, length: MIB, allocated: false },
        { offset: 2 * MIB, length: MIB, allocated: true },
        { offset: 3 * MIB, length: 2 * MIB, allocated: false },
      ]);
      if (store.trim !== undefined) {
        await store.trim(2 * MIB, MIB);
        expect(await runsOf(store, MIB, 4 * MIB)).toEqual([
          { offset: MIB, length: 4 * MIB, allocated: false },
        ]);
      }
      expect(await store.allocated(4096, 0)).toEqual([]);
    }
    await store.close();
  });
}

function testReadOnly(open: Open): void {
  test("read-only", async () => {
    const store = await open(8192, true);
    expect(store.readOnly).toBe(true);
    await store.read(new Uint8Array(512), 0);
    await expect(settle(() => store.write(new Uint8Array(512), 0, false))).rejects.toThrow(
      expect.objectContaining({ code: "EROFS", errno: 30 }),
    );
    const erofs = expect.objectContaining({ code: "EROFS" });
    const how = { mayTrim: true, fua: false };
    if (store.trim !== undefined) {
      await expect(settle(() => store.trim?.(0, 512))).rejects.toThrow(erofs);
    }
    if (store.writeZeroes !== undefined) {
      await expect(settle(() => store.writeZeroes?.(0, 512, how))).rejects.toThrow(erofs);
    }
    await store.flush();
    await store.close();
  });
}

function testAccess(open: Open, keeps: boolean): void {
  test("begins as zeros", async () => {
    const store = await open(8192);
    const buffer = new Uint8Array(8192).fill(1);
    await store.read(buffer, 0);
    expect(buffer.every((byte) => byte === 0)).toBe(true);
    expect(store.size).toBe(8192);
    expect(store.name).not.toBe("");
    await store.close();
  });

  test("a view into a larger buffer", async () => {
    const store = await open(8192);
    const arena = new Uint8Array(64 * 1024).fill(7);
    await store.write(arena.subarray(1000, 1512), 512, false);
    const part = arena.subarray(20_000, 20_512);
    await store.read(part, 512);
    expect(part.every((byte) => byte === (keeps ? 7 : 0))).toBe(true);
    expect([arena[19_999], arena[20_512]]).toEqual([7, 7]);
    await store.close();
  });

  test.each([
    ["over the end", 8000, 512],
    ["behind the end", 8192, 1],
    ["far behind the end", 2 ** 40, 512],
    ["before the begin", -512, 512],
  ])("no bytes %s", async (_name, offset, length) => {
    const store = await open(8192);
    const buffer = new Uint8Array(length);
    const message = new RegExp(`of ${length} bytes at offset ${offset} of `);
    const eio = expect.objectContaining({ code: "EIO", errno: 5 });
    await expect(settle(() => store.read(buffer, offset))).rejects.toThrow(eio);
    await expect(settle(() => store.read(buffer, offset))).rejects.toThrow(message);
    await expect(settle(() => store.write(buffer, offset, false))).rejects.toThrow(eio);
    await store.close();
  });

  test("nothing, anywhere", async () => {
    const store = await open(8192);
    await store.read(new Uint8Array(0), 8192);
    await store.write(new Uint8Array(0), 8192, false);
    await store.close();
  });
}

/** Whether it throws or rejects is the same to whoever waits for it. */
export async function settle(call: () => void | Promise<void> | undefined): Promise<void> {
  await call();
}
