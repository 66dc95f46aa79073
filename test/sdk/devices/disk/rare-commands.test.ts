import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import { BlockLimitsVpdPage } from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  EXPECT_INVALID_OPCODE,
  EXPECT_LBA_OUT_OF_RANGE,
  EXPECT_WRITE_PROTECTED,
  inCdb,
} from "../fake-command.ts";
import { logStore } from "../log-store.ts";

const SIZE = 4 << 20;

function newDisk(options: DiskOptions = {}) {
  const store = logStore(memoryStore(SIZE));
  return { store, handler: disk(store, { limits: { atomicBytes: 1 << 20 }, ...options }) };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const filled = (count: number, byte: number) => new Uint8Array(count * 512).fill(byte);
const READ_2 = "28 00 00000001 00 0002 00";

describe("ORWRITE(16)", () => {
  const ORWRITE = "8b 00 0000000000000001 00000002 00 00";

  test.each([false, true])(
    "ors what is sent into what is there; a store that waits: %s",
    async (later) => {
      const { store, handler } = newDisk();
      await execute(handler, "2a 00 00000001 00 0002 00", { dataOut: filled(2, 0xa0) });
      store.later = later;
      const answer = await execute(handler, ORWRITE, { dataOut: filled(2, 0x05) });
      expect(answer).toMatchObject({ ...EXPECT_GOOD, atOnce: !later });
      expect((await execute(handler, READ_2)).data).toEqual(filled(2, 0xa5));
    },
  );

  test("FUA", async () => {
    const { store, handler } = newDisk();
    await execute(handler, "8b 08 0000000000000001 00000002 00 00", { dataOut: filled(2, 1) });
    expect(store.calls).toEqual(["read 512+1024", "write 512+1024 fua"]);
  });

  test.each([
    ["nothing", "8b 00 0000000000000001 00000000 00 00", EXPECT_GOOD],
    ["beyond the end", "8b 00 0000000000001fff 00000002 00 00", EXPECT_LBA_OUT_OF_RANGE],
    ["nothing beyond the end", "8b 00 0000000000002001 00000000 00 00", EXPECT_LBA_OUT_OF_RANGE],
    ["LBA -1", "8b 00 ffffffffffffffff 00000001 00 00", EXPECT_LBA_OUT_OF_RANGE],
    ["ORPROTECT", "8b 20 0000000000000001 00000002 00 00", EXPECT_INVALID_FIELD_IN_CDB],
  ])("%s", async (_name, cdb, expected) => {
    const { store, handler } = newDisk();
    expect(await execute(handler, cdb)).toMatchObject(expected);
    expect(store.calls).toEqual([]);
  });

  test("less data than blocks", async () => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, ORWRITE, { dataOut: filled(1, 1) });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(store.calls).toEqual([]);
  });

  test("a read-only disk, and a store that cannot be read", async () => {
    const dataOut = filled(2, 1);
    const { handler } = newDisk({ readOnly: true });
    expect(await execute(handler, ORWRITE, { dataOut })).toMatchObject(EXPECT_WRITE_PROTECTED);
    const failing = newDisk();
    failing.store.fail = { read: new SystemError("EIO", 5, "injected") };
    const answer = await execute(failing.handler, ORWRITE, { dataOut });
    expect(answer).toMatchObject({ status: "CHECK CONDITION", sense: "3/11/00" });
  });
});

describe("WRITE ATOMIC(16)", () => {
  const ATOMIC = "9c 00 0000000000000001 0000 0002 00 00";

  test("writes with one call", async () => {
    const { store, handler } = newDisk();
    expect(await execute(handler, ATOMIC, { dataOut: filled(2, 3) })).toMatchObject(EXPECT_GOOD);
    await execute(handler, ATOMIC.replace("9c 00", "9c 08"), { dataOut: filled(2, 3) });
    expect(store.calls).toEqual(["write 512+1024", "write 512+1024 fua"]);
    expect((await execute(handler, READ_2)).data).toEqual(filled(2, 3));
  });

  test.each([
    ["nothing", "9c 00 0000000000000001 0000 0000 00 00", EXPECT_GOOD, undefined],
    [
      "beyond the end",
      "9c 00 0000000000001fff 0000 0002 00 00",
      EXPECT_LBA_OUT_OF_RANGE,
      undefined,
    ],
    ["LBA -1", "9c 00 ffffffffffffffff 0000 0000 00 00", EXPECT_LBA_OUT_OF_RANGE, undefined],
    [
      "WRPROTECT",
      "9c 20 0000000000000001 0000 0002 00 00",
      EXPECT_INVALID_FIELD_IN_CDB,
      inCdb(1, 7),
    ],
    [
      "a boundary",
      "9c 00 0000000000000001 0001 0002 00 00",
      EXPECT_INVALID_FIELD_IN_CDB,
      inCdb(10),
    ],
    ["too much", "9c 00 0000000000000001 0000 0801 00 00", EXPECT_INVALID_FIELD_IN_CDB, inCdb(12)],
  ])("%s", async (_name, cdb, expected, pointer) => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, cdb);
    expect(answer).toMatchObject(expected);
    expect(answer.details.fieldPointer).toEqual(pointer);
    expect(store.calls).toEqual([]);
  });

  test("less data than blocks is not written in part", async () => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, ATOMIC, { dataOut: filled(1, 1) });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(store.calls).toEqual([]);
  });

  test.each([
    ["a store that promises it", disk(memoryStore(SIZE)), EXPECT_GOOD, 2048],
    ["one that does not", disk(logStore(memoryStore(SIZE))), EXPECT_INVALID_OPCODE, 0],
  ])("%s", async (_name, handler, expected, maximumAtomicTransferLength) => {
    expect(await execute(handler, ATOMIC, { dataOut: filled(2, 1) })).toMatchObject(expected);
    const { data } = await execute(handler, "12 01 b0 00 ff 00");
    expect(BlockLimitsVpdPage.view(data)).toMatchObject({
      maximumAtomicTransferLength,
      atomicAlignment: 0,
      atomicTransferLengthGranularity: 0,
    });
  });
});

describe("PRE-FETCH", () => {
  test.each([
    ["(10)", "34 00 00000001 00 0002 00", "read 512+1024"],
    ["(16)", "90 00 0000000000000001 00000002 00 00", "read 512+1024"],
    ["(10), to the end", "34 00 00001ffe 00 0000 00", "read 4193280+1024"],
  ])("%s reads, and is GOOD", async (_name, cdb, call) => {
    const { store, handler } = newDisk();
    expect(await execute(handler, cdb)).toMatchObject({ ...EXPECT_GOOD, inBackground: false });
    expect(store.calls).toEqual([call]);
  });

  test("of a long range the first part is read", async () => {
    const store = logStore(memoryStore(2 ** 40));
    expect(await execute(disk(store), "34 00 00000000 00 0000 00")).toMatchObject(EXPECT_GOOD);
    expect(store.calls.length).toBe(8);
  });

  test("IMMED", async () => {
    const { store, handler } = newDisk();
    store.later = true;
    const answer = await execute(handler, "34 02 00000001 00 0002 00");
    expect(answer).toMatchObject({ ...EXPECT_GOOD, inBackground: true });
  });

  test.each([
    ["(10), beyond the end", "34 00 00001fff 00 0002 00"],
    ["(16), nothing beyond the end", "90 00 0000000000002001 00000000 00 00"],
    ["(16), LBA 2^63", "90 00 8000000000000000 00000001 00 00"],
    ["(16), LBA -1", "90 00 ffffffffffffffff 00000000 00 00"],
  ])("%s", async (_name, cdb) => {
    expect(await execute(newDisk().handler, cdb)).toMatchObject(EXPECT_LBA_OUT_OF_RANGE);
  });

  test("a store that cannot be read", async () => {
    const { store, handler } = newDisk();
    store.fail = { read: new SystemError("EIO", 5, "injected") };
    for (const [blocks, lba] of [
      [1, 1],
      [2, undefined],
    ]) {
      const answer = await execute(handler, `34 00 00000001 00 000${blocks} 00`);
      expect(answer).toMatchObject({ status: "CHECK CONDITION", sense: "3/11/00" });
      expect(answer.details.information).toBe(lba);
    }
  });
});

test.each([
  ["READ DEFECT DATA(10)", "37 00 1d 000000 00 00ff 00", "00 1d 0000"],
  ["READ DEFECT DATA(10), neither list", "37 00 00 000000 00 00ff 00", "00 00 0000"],
  ["READ DEFECT DATA(12)", "b7 0b 00000000 000000ff 00 00", "00 0b 0000 00000000"],
  ["READ DEFECT DATA(12), cut", "b7 0b 00000000 00000002 00 00", "00 0b"],
])("%s: empty lists", async (_name, cdb, expected) => {
  const answer = await execute(newDisk().handler, cdb);
  expect(answer).toMatchObject(EXPECT_GOOD);
  expect(text(answer.data)).toBe(expected.replaceAll(" ", ""));
});
