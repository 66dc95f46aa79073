import { describe, expect, test } from "vitest";

import { disk } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  EXPECT_MISCOMPARE,
  inCdb,
} from "../fake-command.ts";
import { logStore } from "../log-store.ts";

const MIB = 1024 * 1024;

function newDisk(sizeBytes = 4 * MIB) {
  const store = logStore(memoryStore(sizeBytes));
  return { store, handler: disk(store) };
}

const ones = (length: number) => new Uint8Array(length).fill(1);

const VERIFIES: readonly (readonly [name: string, cdb: (bytchk: number) => string])[] = [
  ["VERIFY(10)", (bytchk) => `2f ${flags(bytchk)} 00000010 00 0004 00`],
  ["VERIFY(12)", (bytchk) => `af ${flags(bytchk)} 00000010 00000004 00 00`],
  ["VERIFY(16)", (bytchk) => `8f ${flags(bytchk)} 0000000000000010 00000004 00 00`],
];

function flags(bytchk: number): string {
  return (bytchk << 1).toString(16).padStart(2, "0");
}

describe.each(VERIFIES)("%s", (_name, cdb) => {
  test("BYTCHK 0 reads the range", async () => {
    const { store, handler } = newDisk();
    expect(await execute(handler, cdb(0))).toMatchObject({ ...EXPECT_GOOD, atOnce: true });
    expect(store.calls).toEqual(["read 8192+2048"]);
  });

  test.each([false, true])("BYTCHK 1 compares, store waits: %s", async (later) => {
    const { store, handler } = newDisk();
    store.later = later;
    await store.write(ones(2048), 0x10 * 512, false);
    expect(await execute(handler, cdb(1), { dataOut: ones(2048) })).toMatchObject(EXPECT_GOOD);
    const dataOut = ones(2048);
    dataOut[1000] = 2;
    const answer = await execute(handler, cdb(1), { dataOut });
    expect(answer).toMatchObject(EXPECT_MISCOMPARE);
    expect(answer.details.information).toBe(1000);
  });

  test("BYTCHK 3 compares each block with one", async () => {
    const { store, handler } = newDisk();
    await store.write(ones(2048), 0x10 * 512, false);
    expect(await execute(handler, cdb(3), { dataOut: ones(512) })).toMatchObject(EXPECT_GOOD);
    await store.write(Uint8Array.of(9), 0x10 * 512 + 1024 + 7, false);
    const answer = await execute(handler, cdb(3), { dataOut: ones(512) });
    expect(answer).toMatchObject(EXPECT_MISCOMPARE);
    expect(answer.details.information).toBe(7);
  });
});

test("VERIFY of more than is read at once", async () => {
  const { store, handler } = newDisk(32 * MIB);
  await store.write(ones(4 * MIB), 0, false);
  store.calls.length = 0;
  const dataOut = ones(3 * MIB);
  dataOut[2 * MIB + 5] = 0;
  const answer = await execute(handler, "2f 02 00000000 00 1800 00", { dataOut });
  expect(answer).toMatchObject(EXPECT_MISCOMPARE);
  expect(answer.details.information).toBe(2 * MIB + 5);
  expect(store.calls).toEqual([0, 1, 2].map((index) => `read ${index * MIB}+${MIB}`));
});

test("a long VERIFY lets others have their turn", async () => {
  const { handler } = newDisk(32 * MIB);
  const answer = await execute(handler, "2f 00 00000000 00 8000 00");
  expect(answer).toMatchObject({ ...EXPECT_GOOD, atOnce: false });
});

describe("WRITE AND VERIFY", () => {
  test.each([
    ["(10)", "2e 02 00000010 00 0004 00"],
    ["(12)", "ae 02 00000010 00000004 00 00"],
    ["(16)", "8e 02 0000000000000010 00000004 00 00"],
  ])("%s writes, then compares", async (_name, cdb) => {
    const { store, handler } = newDisk();
    expect(await execute(handler, cdb, { dataOut: ones(2048) })).toMatchObject(EXPECT_GOOD);
    expect(store.calls).toEqual(["write 8192+2048 fua", "read 8192+2048"]);
  });

  test("a medium that does not keep what was written", async () => {
    const { store, handler } = newDisk();
    const forgetful = { ...store, size: store.size, write() {} };
    const answer = await execute(disk(forgetful), "2e 02 00000010 00 0004 00", {
      dataOut: ones(2048),
    });
    expect(answer).toMatchObject(EXPECT_MISCOMPARE);
    expect(answer.details.information).toBe(0);
    // Without BYTCHK nothing is compared.
    const blind = await execute(disk(forgetful), "2e 00 00000010 00 0004 00", {
      dataOut: ones(2048),
    });
    expect(blind).toMatchObject(EXPECT_GOOD);
    await handler.close();
  });
});

const WRITE_SAMES: readonly (readonly [name: string, cdb: (count: number) => string])[] = [
  ["WRITE SAME(10)", (count) => `41 00 00000010 00 ${count.toString(16).padStart(4, "0")} 00`],
  [
    "WRITE SAME(16)",
    (count) => `93 00 0000000000000010 ${count.toString(16).padStart(8, "0")} 00 00`,
  ],
];

describe.each(WRITE_SAMES)("%s", (_name, cdb) => {
  test.each([1, 2, 3, 7, 4096, 5000])("%d blocks", async (count) => {
    const { store, handler } = newDisk();
    const block = Uint8Array.from({ length: 512 }, (_, index) => (index * 3) & 0xff);
    const answer = await execute(handler, cdb(count), { dataOut: block });
    expect(answer).toMatchObject({ ...EXPECT_GOOD, atOnce: true });
    const around = new Uint8Array((count + 2) * 512);
    await store.read(around, 0x0f * 512);
    const expected = new Uint8Array(around.length);
    for (let i = 1; i <= count; i++) expected.set(block, i * 512);
    expect(Buffer.compare(around, expected)).toBe(0);
  });

  test("zero blocks are refused, as WSNZ says", async () => {
    const { handler } = newDisk();
    const answer = await execute(handler, cdb(0), { dataOut: ones(512) });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer?.inCdb).toBe(true);
  });
});

describe("WRITE SAME", () => {
  test("NDOB writes zeros", async () => {
    const { store, handler } = newDisk();
    await store.write(ones(2048), 0, false);
    const cdb = "93 01 0000000000000001 00000002 00 00";
    expect(await execute(handler, cdb, { dataOut: new Uint8Array(0) })).toMatchObject(EXPECT_GOOD);
    const found = new Uint8Array(2048);
    await store.read(found, 0);
    const expected = ones(2048).fill(0, 512, 1536);
    expect(found).toEqual(expected);
  });

  test("more than MAXIMUM WRITE SAME LENGTH", async () => {
    const handler = disk(memoryStore(2 ** 40));
    const cdb = "93 00 0000000000000000 00080001 00 00";
    const answer = await execute(handler, cdb, { dataOut: ones(512) });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(inCdb(10));
  });

  test("two at a time do not share their pattern", async () => {
    const { store, handler } = newDisk();
    store.later = true;
    const [first, second] = await Promise.all([
      execute(handler, "41 00 00000000 00 1000 00", { dataOut: ones(512) }),
      execute(handler, "41 00 00001000 00 0800 00", { dataOut: ones(512).fill(2) }),
    ]);
    expect([first, second]).toMatchObject([EXPECT_GOOD, EXPECT_GOOD]);
    const found = new Uint8Array(3 * MIB);
    await store.read(found, 0);
    expect(found.indexOf(2)).toBe(2 * MIB);
    expect(found.lastIndexOf(1)).toBe(2 * MIB - 1);
  });
});
