import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
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
import { type LogStore, logStore } from "../log-store.ts";

const BLOCKS = 0x1000;

function newDisk(options: DiskOptions = {}) {
  const store = logStore(memoryStore(BLOCKS * (options.blockSize ?? 512)));
  return { store, handler: disk(store, { name: "disk1", ...options }) };
}

const pattern = (length: number, seed = 1) =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed) & 0xff);

const WRITES: readonly (readonly [name: string, write: string, read: string])[] = [
  ["(6)", "0a 000010 08 00", "08 000010 08 00"],
  ["(10)", "2a 00 00000010 00 0008 00", "28 00 00000010 00 0008 00"],
  ["(12)", "aa 00 00000010 00000008 00 00", "a8 00 00000010 00000008 00 00"],
  ["(16)", "8a 00 0000000000000010 00000008 00 00", "88 00 0000000000000010 00000008 00 00"],
];

describe("READ and WRITE", () => {
  test.each(WRITES)("WRITE%s is read back at once", async (_name, write, read) => {
    const { store, handler } = newDisk();
    const dataOut = pattern(8 * 512);
    expect(await execute(handler, write, { dataOut })).toMatchObject({
      ...EXPECT_GOOD,
      atOnce: true,
    });
    expect(await execute(handler, read)).toMatchObject({
      ...EXPECT_GOOD,
      atOnce: true,
      data: dataOut,
    });
    expect(store.calls).toEqual(["write 8192+4096", "read 8192+4096"]);
  });

  test("a transfer length of zero is 256 blocks with (6) and nothing with the others", async () => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, "08 000010 00 00");
    expect(answer.data.length).toBe(256 * 512);
    expect(await execute(handler, "28 00 00000010 00 0000 00")).toMatchObject(EXPECT_GOOD);
    expect(store.calls).toEqual(["read 8192+131072"]);
  });

  test("4096-byte blocks", async () => {
    const { store, handler } = newDisk({ blockSize: 4096 });
    await execute(handler, "28 00 00000002 00 0001 00");
    expect(store.calls).toEqual(["read 8192+4096"]);
  });

  test("a store that waits", async () => {
    const { store, handler } = newDisk();
    store.later = true;
    const dataOut = pattern(512);
    const write = await execute(handler, "2a 00 00000001 00 0001 00", { dataOut });
    expect(write).toMatchObject({ ...EXPECT_GOOD, atOnce: false });
    const read = await execute(handler, "28 00 00000001 00 0001 00");
    expect(read).toMatchObject({ ...EXPECT_GOOD, atOnce: false, data: dataOut });
  });

  test("an initiator's buffer shorter than the range", async () => {
    const { store, handler } = newDisk();
    await execute(handler, "28 00 00000000 00 0008 00", { bufferLength: 2048 });
    await execute(handler, "2a 00 00000000 00 0008 00", { dataOut: pattern(1000) });
    await execute(handler, "2a 00 00000000 00 0008 00", { dataOut: pattern(100) });
    expect(store.calls).toEqual(["read 0+2048", "write 0+512"]);
  });
});

const LAST = "00000fff";
type RangeRow = [name: string, cdb: string, expected: object, lba?: number];

const RANGES: readonly RangeRow[] = [
  ["the last block", `28 00 ${LAST} 00 0001 00`, EXPECT_GOOD],
  ["nothing behind the last block", "28 00 00001000 00 0000 00", EXPECT_GOOD],
  ["nothing further on", "28 00 00001001 00 0000 00", EXPECT_LBA_OUT_OF_RANGE, 0x1001],
  ["over the end", `28 00 ${LAST} 00 0002 00`, EXPECT_LBA_OUT_OF_RANGE, 0xfff],
  ["READ(6)", "08 001000 01 00", EXPECT_LBA_OUT_OF_RANGE, 0x1000],
  ["READ(12)", "a8 00 ffffffff 00000001 00 00", EXPECT_LBA_OUT_OF_RANGE, 0xffffffff],
  ["READ(16)", "88 00 0000000100000000 00000001 00 00", EXPECT_LBA_OUT_OF_RANGE, 2 ** 32],
  ["LBA -1", "88 00 ffffffffffffffff 00000001 00 00", EXPECT_LBA_OUT_OF_RANGE],
  ["LBA -1, nothing", "88 00 ffffffffffffffff 00000000 00 00", EXPECT_LBA_OUT_OF_RANGE],
  ["WRITE(10)", "2a 00 00001000 00 0001 00", EXPECT_LBA_OUT_OF_RANGE, 0x1000],
  ["VERIFY(10)", "2f 00 00001000 00 0001 00", EXPECT_LBA_OUT_OF_RANGE, 0x1000],
  ["SYNCHRONIZE CACHE(10)", "35 00 00001000 00 0001 00", EXPECT_LBA_OUT_OF_RANGE, 0x1000],
  [
    "SYNCHRONIZE CACHE(16)",
    "91 00 0000000000001001 00000000 00 00",
    EXPECT_LBA_OUT_OF_RANGE,
    0x1001,
  ],
  ["WRITE SAME(10)", `41 00 ${LAST} 00 0002 00`, EXPECT_LBA_OUT_OF_RANGE, 0xfff],
];

describe("LBA range", () => {
  test.each<RangeRow>(RANGES)("%s", async (...[_name, cdb, expected, lba]) => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, cdb);
    expect(answer).toMatchObject(expected);
    expect(answer.details.information).toBe(lba);
    if (expected === EXPECT_LBA_OUT_OF_RANGE) expect(store.calls).toEqual([]);
  });

  test("more than MAXIMUM TRANSFER LENGTH", async () => {
    const handler = disk(memoryStore(2 ** 40));
    const cdb = "a8 00 00000000 00004001 00 00";
    const answer = await execute(handler, cdb, { bufferLength: 0 });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(inCdb(6));
    expect(await execute(handler, "a8 00 00000000 00004000 00 00")).toMatchObject(EXPECT_GOOD);
  });
});

const CDBS: readonly (readonly [name: string, cdb: string, byte: number, bit: number])[] = [
  ["READ(10), RDPROTECT 1", "28 20 00000000 00 0001 00", 1, 7],
  ["READ(16), RDPROTECT 4", "88 80 0000000000000000 00000001 00 00", 1, 7],
  ["WRITE(10), WRPROTECT 3", "2a 60 00000000 00 0001 00", 1, 7],
  ["VERIFY(10), VRPROTECT 1", "2f 20 00000000 00 0001 00", 1, 7],
  ["READ(10), a reserved bit", "28 00 00000000 80 0001 00", 6, 7],
  ["TEST UNIT READY, a reserved byte", "00 00 04 00 00 00", 2, 2],
  ["WRITE SAME(10), UNMAP", "41 08 00000000 00 0001 00", 1, 3],
  ["WRITE SAME(10), ANCHOR", "41 10 00000000 00 0001 00", 1, 4],
  ["WRITE SAME(10), LBDATA", "41 02 00000000 00 0001 00", 1, 1],
  ["WRITE SAME(16), UNMAP", "93 08 0000000000000000 00000001 00 00", 1, 3],
  ["VERIFY(10), BYTCHK 2", "2f 04 00000000 00 0001 00", 1, 2],
  ["WRITE AND VERIFY(10), BYTCHK 3", "2e 06 00000000 00 0001 00", 1, 2],
  ["START STOP UNIT, a power condition that is reserved", "1b 00 00 00 40 00", 4, 7],
  ["START STOP UNIT, LOEJ", "1b 00 00 00 02 00", 4, 1],
  ["SERVICE ACTION IN(16), action 1Fh", "9e 1f 0000000000000000 00000020 00 00", 1, 4],
  ["MAINTENANCE IN, action 05h", "a3 05 00000000 00000020 00 00", 1, 4],
];

describe("fields that must be zero", () => {
  test.each(CDBS)("%s", async (_name, cdb, byte, bit) => {
    const { store, handler } = newDisk();
    const answer = await execute(handler, cdb);
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(inCdb(byte, bit));
    expect(store.calls).toEqual([]);
  });

  test.each([
    ["DPO", "28 10 00000000 00 0001 00"],
    ["FUA_NV, obsolete", "28 02 00000000 00 0001 00"],
    ["GROUP NUMBER", "28 00 00000000 1f 0001 00"],
    ["CONTROL, vendor specific", "28 00 00000000 00 0001 c0"],
    ["SYNC_NV, obsolete", "35 04 00000000 00 0000 00"],
  ])("%s is accepted", async (_name, cdb) => {
    const { handler } = newDisk();
    expect(await execute(handler, cdb)).toMatchObject(EXPECT_GOOD);
  });

  test.each([
    ["vendor specific", "ff 00 00 00 00 00"],
    ["READ(32)", "7f 00 00 00 00 00 00 18 0009"],
    ["REZERO UNIT", "01 00 00 00 00 00"],
    ["UNMAP", "42 00 00 00 00 00 00 00 18 00"],
  ])("no opcode: %s", async (_name, cdb) => {
    const { handler } = newDisk();
    expect(await execute(handler, cdb)).toMatchObject(EXPECT_INVALID_OPCODE);
  });
});

const WRITE = "2a 00 00000001 00 0001 00";
const WRITE_FUA = "2a 08 00000001 00 0001 00";
const FLUSH = "35 00 00000000 00 0000 00";

const CACHES: readonly (readonly [
  name: string,
  options: object,
  cdb: string,
  calls: readonly string[],
])[] = [
  ["write back, WRITE", {}, WRITE, ["write 512+512"]],
  ["write back, WRITE with FUA", {}, WRITE_FUA, ["write 512+512 fua"]],
  ["write back, SYNCHRONIZE CACHE", {}, FLUSH, ["flush"]],
  ["write back, stop", {}, "1b 00 00 00 00 00", ["flush"]],
  ["write back, stop with NO_FLUSH", {}, "1b 00 00 00 04 00", []],
  ["write back, start", {}, "1b 00 00 00 01 00", []],
  ["write back, READ with FUA", {}, "28 08 00000001 00 0001 00", ["flush", "read 512+512"]],
  [
    "write back, WRITE AND VERIFY",
    {},
    "2e 00 00000001 00 0001 00",
    ["write 512+512 fua", "read 512+512"],
  ],
  ["write through, WRITE", { writeThrough: true }, WRITE, ["write 512+512 fua"]],
  [
    "write through, WRITE SAME",
    { writeThrough: true },
    "41 00 00000001 00 0002 00",
    ["write 512+1024", "flush"],
  ],
  [
    "write through, READ with FUA",
    { writeThrough: true },
    "28 08 00000001 00 0001 00",
    ["read 512+512"],
  ],
  ["NV cache, WRITE with FUA", { nonVolatileCache: true }, WRITE_FUA, ["write 512+512"]],
  ["NV cache, SYNCHRONIZE CACHE", { nonVolatileCache: true }, FLUSH, []],
  ["NV cache, stop", { nonVolatileCache: true }, "1b 00 00 00 00 00", []],
];

describe("durability", () => {
  test.each(CACHES)("%s", async (_name, options, cdb, calls) => {
    const { store, handler } = newDisk(options);
    await execute(handler, cdb);
    expect(store.calls).toEqual(calls);
  });

  test("READ(6) and WRITE(6): the bit of FUA belongs to the LBA", async () => {
    const store = logStore(memoryStore(2 ** 30));
    await execute(disk(store), "0a 080000 01 00");
    await execute(disk(store), "08 080000 01 00");
    expect(store.calls).toEqual(["write 268435456+512", "read 268435456+512"]);
  });

  test("IMMED is answered before the flush is done, a flush that need not wait is not", async () => {
    const { store, handler } = newDisk();
    store.later = true;
    const immediate = "35 02 00000000 00 0000 00";
    expect(await execute(handler, immediate)).toMatchObject({ ...EXPECT_GOOD, inBackground: true });
    expect(await execute(handler, FLUSH)).toMatchObject({ ...EXPECT_GOOD, inBackground: false });
    store.later = false;
    expect(await execute(handler, immediate)).toMatchObject({
      ...EXPECT_GOOD,
      inBackground: false,
    });
  });

  test("closing flushes and closes the store, also when the flush fails", async () => {
    const { store, handler } = newDisk();
    await handler.close();
    expect(store.calls).toEqual(["flush", "close"]);
    const broken = newDisk();
    broken.store.fail = { flush: new SystemError("EIO", 5, "injected") };
    await expect(broken.handler.close()).rejects.toMatchObject({ code: "EIO" });
    expect(broken.store.calls).toEqual(["flush", "close"]);
  });
});

describe("a write-protected disk", () => {
  test.each([
    ["WRITE(6)", "0a 000010 01 00"],
    ["WRITE(10)", WRITE],
    ["WRITE(16)", "8a 00 0000000000000010 00000001 00 00"],
    ["WRITE AND VERIFY(10)", "2e 00 00000010 00 0001 00"],
    ["WRITE SAME(16)", "93 00 0000000000000010 00000001 00 00"],
  ])("%s", async (_name, cdb) => {
    const { store, handler } = newDisk({ readOnly: true });
    expect(await execute(handler, cdb)).toMatchObject(EXPECT_WRITE_PROTECTED);
    expect(store.calls).toEqual([]);
  });

  test("a store that is read-only", async () => {
    const handler = disk(memoryStore(4096, { readOnly: true }));
    expect(await execute(handler, WRITE)).toMatchObject(EXPECT_WRITE_PROTECTED);
  });
});

const error = (code: string, errno: number) => new SystemError(code, errno, "injected");
const EIO = error("EIO", 5);
const READ = "28 00 00000010 00 0001 00";

type FailureRow = [name: string, fail: LogStore["fail"], cdb: string, sense: string, lba?: number];

const FAILURES: readonly FailureRow[] = [
  ["READ, EIO", { read: EIO }, READ, "3/11/00", 0x10],
  ["WRITE, EIO", { write: EIO }, "2a 00 00000010 00 0001 00", "3/0C/00", 0x10],
  ["WRITE, ENOSPC", { write: error("ENOSPC", 28) }, WRITE, "7/27/07", 1],
  ["WRITE, EDQUOT", { write: error("EDQUOT", 122) }, WRITE, "7/27/07", 1],
  ["WRITE, EROFS", { write: error("EROFS", 30) }, WRITE, "7/27/00"],
  // Which of several blocks it was is not known, and nothing wrong is said.
  ["READ of two blocks, EIO", { read: EIO }, "28 00 00000010 00 0002 00", "3/11/00"],
  ["WRITE of two blocks, EIO", { write: EIO }, "2a 00 00000010 00 0002 00", "3/0C/00"],
  ["VERIFY of two blocks, EIO", { read: EIO }, "2f 00 00000010 00 0002 00", "3/11/00"],
  ["ORWRITE, EIO", { read: EIO }, "8b 00 0000000000000010 00000001 00 00", "3/11/00", 0x10],
  ["WRITE SAME of two blocks, EIO", { write: EIO }, "41 00 00000010 00 0002 00", "3/0C/00"],
  ["VERIFY, EIO", { read: EIO }, "2f 00 00000010 00 0001 00", "3/11/00", 0x10],
  ["WRITE AND VERIFY, EIO writing", { write: EIO }, "2e 00 00000010 00 0001 00", "3/0C/00", 0x10],
  ["WRITE AND VERIFY, EIO reading", { read: EIO }, "2e 00 00000010 00 0001 00", "3/11/00", 0x10],
  ["WRITE SAME, EIO", { write: EIO }, "41 00 00000010 00 0001 00", "3/0C/00", 0x10],
  ["SYNCHRONIZE CACHE, EIO", { flush: EIO }, FLUSH, "3/0C/00"],
  ["stop, EIO", { flush: EIO }, "1b 00 00 00 00 00", "3/0C/00"],
  ["READ with FUA, EIO of the flush", { flush: EIO }, "28 08 00000010 00 0001 00", "3/0C/00"],
];

describe.each([
  ["thrown", false],
  ["rejected", true],
])("errors of the store, %s", (_how, later) => {
  test.each<FailureRow>(FAILURES)("%s", async (...[_name, fail, cdb, sense, lba]) => {
    const { store, handler } = newDisk();
    store.later = later;
    store.fail = fail;
    const answer = await execute(handler, cdb);
    expect(answer).toMatchObject({ status: "CHECK CONDITION", sense });
    expect(answer.details.information).toBe(lba);
  });

  test("what is no error of the medium goes on to the SDK", async () => {
    const { store, handler } = newDisk();
    store.later = later;
    store.fail = { read: new TypeError("a bug") };
    await expect(execute(handler, READ)).rejects.toThrow("a bug");
  });
});

describe("options", () => {
  test.each<[options: DiskOptions & { size?: number }, code: string]>([
    [{ blockSize: 511 }, "DISK_BLOCK_SIZE"],
    [{ blockSize: 1000 }, "DISK_BLOCK_SIZE"],
    [{ blockSize: 131072 }, "DISK_BLOCK_SIZE"],
    [{ blockSize: 4096, physicalBlockSize: 512 }, "DISK_BLOCK_SIZE"],
    [{ blockSize: 8192, size: 4096 }, "DISK_SIZE"],
    [{ rotationRate: 2 }, "DISK_ROTATION_RATE"],
    [{ vendor: "NINECHARS" }, "DEVICE_IDENTITY"],
    [{ serial: "" }, "DEVICE_IDENTITY"],
    [{ product: "ü" }, "DEVICE_IDENTITY"],
  ])("%o is refused", ({ size = 1 << 20, ...options }, code) => {
    expect(() => disk(memoryStore(size), options)).toThrow(expect.objectContaining({ code }));
  });
});
