import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type {
  Cartridge,
  CartridgePartition,
} from "../../../../src/sdk/storage/cartridge/cartridge.ts";
import {
  createCartridge,
  openCartridge,
  readDescription,
} from "../../../../src/sdk/storage/cartridge/cartridge-folder.ts";

let scratch = "";
let made = 0;
beforeAll(() => {
  scratch = fs.mkdtempSync(join(tmpdir(), "cartridge-"));
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function newFolder(): Promise<string> {
  const folder = join(scratch, `c${made++}`);
  await createCartridge(folder, {
    barcode: "TST001L8",
    densityCode: 0x5e,
    mediumType: 0,
    capacityBytes: 1 << 30,
  });
  return folder;
}

const first = (cartridge: Cartridge) => cartridge.partitions[0] as CartridgePartition;

/** A block of `length` bytes that no other number gives. */
function block(number: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, number & 0xff);
  if (length >= 4) bytes.writeUInt32BE(number >>> 0);
  return bytes;
}

async function append(log: CartridgePartition, bytes: Uint8Array): Promise<void> {
  await log.append({
    filemark: false,
    compression: 0,
    encrypted: false,
    prefixLength: 0,
    blockLength: bytes.length,
    bytes,
  });
}

/** All objects: a filemark is null. */
async function contents(log: CartridgePartition): Promise<(string | null)[]> {
  const all: (string | null)[] = [];
  for (let i = 0; i < log.count; i++) {
    const { filemark, bytes } = await log.read(i);
    all.push(filemark ? null : Buffer.from(bytes).toString("hex"));
  }
  return all;
}

async function reopened(folder: string): Promise<(string | null)[]> {
  const cartridge = await openCartridge(folder);
  const all = await contents(first(cartridge));
  await cartridge.close();
  return all;
}

describe("a cartridge in a folder", () => {
  test("keeps blocks and filemarks", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    const lengths = [1, 512, 65_536, 700_000, 3, 600_000, 1_500_000, 8 * 1024 * 1024];
    for (const [number, length] of lengths.entries()) {
      await append(log, block(number, length));
      await log.appendFilemark();
    }
    expect([log.count, log.filemarkCount, log.filemark(2)]).toEqual([16, 8, 5]);
    expect([log.filemarksBefore(5), log.filemarksBefore(6)]).toEqual([2, 3]);
    const before = await contents(log);
    await cartridge.close();
    expect(await reopened(folder)).toEqual(before);
    for (const [number, length] of lengths.entries()) {
      expect(before[number * 2] === block(number, length).toString("hex")).toBe(true);
      expect(before[number * 2 + 1]).toBeNull();
    }
  });

  test("gives the same with the next object made ready before it is wanted", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    const lengthAt = (number: number) => [100, 300_000, 20, 700_000][number % 4] as number;
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.constant({ kind: "next" as const, to: 0 }) },
      { weight: 2, arbitrary: fc.nat(1000).map((to) => ({ kind: "seek" as const, to })) },
      { weight: 2, arbitrary: fc.constant({ kind: "append" as const, to: 0 }) },
      { weight: 1, arbitrary: fc.nat(1000).map((to) => ({ kind: "truncate" as const, to })) },
    );
    const follow = async (steps: readonly { kind: string; to: number }[]) => {
      await log.truncate(0);
      const numbers: number[] = [];
      let number = 0;
      const add = async () => {
        numbers.push(number);
        await append(log, block(number, lengthAt(number)));
        number++;
      };
      for (let i = 0; i < 10; i++) await add();
      let at = 0;
      for (const { kind, to } of steps) {
        const place = Math.floor((to * numbers.length) / 1001);
        if (kind === "append") await add();
        if (kind === "truncate") await log.truncate(place);
        if (kind === "truncate") numbers.length = place;
        if (kind === "seek") at = place;
        if (at >= numbers.length) at = 0;
        if (numbers.length === 0) continue;
        const { bytes } = await log.read(at);
        const wanted = numbers[at++] as number;
        expect(Buffer.compare(bytes, block(wanted, lengthAt(wanted)))).toBe(0);
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), follow), { numRuns: 15 });
    await cartridge.close();
  });

  test("tells of damage where the object is wanted, and reads on behind it", async () => {
    const folder = await newFolder();
    const writing = await openCartridge(folder);
    for (let i = 0; i < 3; i++) await append(first(writing), block(i, 1000));
    await writing.close();
    const path = join(folder, "0-0.log");
    const bytes = fs.readFileSync(path);
    bytes.fill(0xee, 64 + 1048 + 500, 64 + 1048 + 600);
    fs.writeFileSync(path, bytes);
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    expect(Buffer.from((await log.read(0)).bytes)).toEqual(block(0, 1000));
    await expect(async () => await log.read(1)).rejects.toThrow("its data is damaged");
    expect(Buffer.from((await log.read(2)).bytes)).toEqual(block(2, 1000));
    await cartridge.close();
  });

  test("finds any of many objects, and what follows it", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    for (let i = 0; i < 1000; i++) {
      if (i % 50 === 49) await log.appendFilemark();
      else await append(log, block(i, 100 + (i % 7)));
    }
    await log.flush(true);
    for (const object of [999, 0, 31, 32, 33, 500, 998, 64, 640]) {
      const { filemark, bytes } = await log.read(object);
      if (object % 50 === 49) expect(filemark).toBe(true);
      else expect(Buffer.from(bytes)).toEqual(block(object, 100 + (object % 7)));
    }
    await cartridge.close();
  });

  test("what is written over is gone, and all behind it", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    for (let i = 0; i < 100; i++) await append(log, block(i, 1000));
    await log.appendFilemark();
    await log.flush(true);
    await log.truncate(40);
    await append(log, block(4000, 10));
    expect([log.count, log.filemarkCount]).toEqual([41, 0]);
    await cartridge.close();
    const all = await reopened(folder);
    expect(all).toHaveLength(41);
    expect(all[40]).toBe(block(4000, 10).toString("hex"));
    expect(all[39]).toBe(block(39, 1000).toString("hex"));
    expect(fs.statSync(join(folder, "0-0.log")).size).toBeLessThan(43_000);
  });

  test("a formatting replaces everything, and keeps the medium's attributes", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    await append(first(cartridge), block(1, 1000));
    const value = Buffer.from("label");
    await cartridge.setAttributes(0, new Map([[0x0803, { format: 2, value }]]));
    await cartridge.format([1 << 20, 1 << 29]);
    expect(cartridge.partitions.map(({ count }) => count)).toEqual([0, 0]);
    await append(cartridge.partitions[1] as CartridgePartition, block(2, 10));
    await cartridge.close();
    const again = await openCartridge(folder);
    expect(again.partitions.map(({ count }) => count)).toEqual([0, 1]);
    expect(again.description.attributes[0]?.get(0x0803)).toEqual({ format: 2, value });
    expect(fs.readdirSync(folder).sort()).toEqual([
      "1-0.index",
      "1-0.log",
      "1-1.index",
      "1-1.log",
      "cartridge.json",
    ]);
    await again.close();
  });

  test("is refused where its description or a file is another's", async () => {
    const folder = await newFolder();
    const path = join(folder, "cartridge.json");
    const good = fs.readFileSync(path, "utf8");
    for (const bad of ["", "{}", good.replace('"version": 1', '"version": 2')]) {
      fs.writeFileSync(path, bad);
      expect(() => readDescription(folder)).toThrow(
        expect.objectContaining({ code: "CARTRIDGE_FORMAT" }),
      );
    }
    fs.writeFileSync(path, good);
    fs.writeFileSync(join(folder, "0-0.log"), Buffer.alloc(64));
    await expect(openCartridge(folder)).rejects.toMatchObject({ code: "CARTRIDGE_FORMAT" });
  });

  test("a damaged block is told, and costs no other", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    for (let i = 0; i < 10; i++) await append(first(cartridge), block(i, 1000));
    await cartridge.close();
    const path = join(folder, "0-0.log");
    const bytes = fs.readFileSync(path);
    const at = 64 + 5 * 1048 + 500;
    bytes[at] = (bytes[at] as number) ^ 1;
    fs.writeFileSync(path, bytes);
    const again = await openCartridge(folder);
    const log = first(again);
    expect(log.count).toBe(10);
    await expect((async () => await log.read(5))()).rejects.toMatchObject({
      code: "CARTRIDGE_DATA",
    });
    expect(Buffer.from((await log.read(6)).bytes)).toEqual(block(6, 1000));
    await again.close();
  });
});

describe("after a crash", () => {
  /** A copy of a folder with the log cut, and the index as it was. */
  function crashed(folder: string, logBytes: Uint8Array, index = true): string {
    const copy = join(scratch, `crash${made++}`);
    fs.cpSync(folder, copy, { recursive: true });
    fs.writeFileSync(join(copy, "0-0.log"), logBytes);
    if (!index) fs.truncateSync(join(copy, "0-0.index"), 64);
    return copy;
  }

  test.each([true, false])(
    "cut at any byte behind the last flush: what was flushed is there (index: %s)",
    async (index) => {
      const folder = await newFolder();
      const cartridge = await openCartridge(folder);
      const log = first(cartridge);
      for (let i = 0; i < 40; i++) await append(log, block(i, 5));
      await log.appendFilemark();
      await log.flush(true);
      const durable = fs.statSync(join(folder, "0-0.log")).size;
      for (let i = 41; i < 44; i++) await append(log, block(i, 7));
      await log.appendFilemark();
      await log.flush(false);
      const all = await contents(log);
      const bytes = fs.readFileSync(join(folder, "0-0.log"));
      for (let length = durable; length <= bytes.length; length++) {
        const copy = crashed(folder, bytes.subarray(0, length), index);
        const found = await reopened(copy);
        expect(found.length).toBeGreaterThanOrEqual(41);
        expect(found).toEqual(all.slice(0, found.length));
        if (length === bytes.length) expect(found).toEqual(all);
        fs.rmSync(copy, { recursive: true });
      }
      await cartridge.close();
    },
  );

  test("what follows a torn record is no part of the tape, and appending goes on before it", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    for (let i = 0; i < 8; i++) await append(log, block(i, 100));
    await log.flush(false);
    const bytes = fs.readFileSync(join(folder, "0-0.log"));
    const torn = Buffer.from(bytes);
    const at = 64 + 5 * 148 + 60;
    torn.fill(0, at, at + 20);
    const copy = crashed(folder, torn);
    const again = await openCartridge(copy);
    expect(first(again).count).toBe(5);
    await append(first(again), block(99, 100));
    await again.close();
    const all = await reopened(copy);
    // Objects 6 and 7 stand whole behind the new one, and must not be taken for its successors.
    expect(all).toHaveLength(6);
    expect(all[5]).toBe(block(99, 100).toString("hex"));
    await cartridge.close();
  });

  test("an old tail behind a new record is not taken for its successor", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    for (let i = 0; i < 8; i++) await append(log, block(i, 100));
    await log.flush(false);
    const old = fs.readFileSync(join(folder, "0-0.log"));
    await log.truncate(3);
    await append(log, block(3, 100));
    await log.flush(false);
    const fresh = fs.readFileSync(join(folder, "0-0.log"));
    // As if the cut had been lost, and the new record had not.
    const mixed = Buffer.concat([fresh, old.subarray(fresh.length)]);
    const found = await reopened(crashed(folder, mixed));
    expect(found).toHaveLength(4);
    await cartridge.close();
  });

  test("any index: the log decides", async () => {
    const folder = await newFolder();
    const cartridge = await openCartridge(folder);
    const log = first(cartridge);
    for (let i = 0; i < 100; i++) {
      await append(log, block(i, 20));
      if (i % 10 === 9) {
        await log.appendFilemark();
        await log.flush(true);
      }
    }
    const all = await contents(log);
    await cartridge.close();
    const index = fs.readFileSync(join(folder, "0-0.index"));
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: index.length }),
        fc.nat({ max: index.length - 1 }),
        fc.nat({ max: 255 }),
        async (length, at, value) => {
          const copy = join(scratch, `index${made++}`);
          fs.cpSync(folder, copy, { recursive: true });
          const bytes = Buffer.from(index);
          if (at >= 64) bytes[at] = value;
          fs.writeFileSync(join(copy, "0-0.index"), bytes.subarray(0, Math.max(64, length)));
          expect(await reopened(copy)).toEqual(all);
          // Once closed the index is whole again.
          expect(await reopened(copy)).toEqual(all);
          fs.rmSync(copy, { recursive: true });
        },
      ),
      { numRuns: 40 },
    );
  });
});
