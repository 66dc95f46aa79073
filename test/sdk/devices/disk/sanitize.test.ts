import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import { SCST_ABORT_TASK_SET, SCST_LUN_RESET } from "../../../../src/protocol/scst/index.ts";
import { parseSense } from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import type { BlockStore } from "../../../../src/sdk/storage/block-store.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
  EXPECT_PARAMETER_LIST_LENGTH_ERROR,
  EXPECT_WRITE_PROTECTED,
  FakeCommand,
  hex,
} from "../fake-command.ts";
import { memoryState } from "./memory-state.ts";

const SIZE = 3 << 20;
const EXPECT_SANITIZING = { status: "CHECK CONDITION", sense: "2/04/1B" };
const EXPECT_FORMATTING = { status: "CHECK CONDITION", sense: "2/04/04" };
const EXPECT_SANITIZE_FAILED = { status: "CHECK CONDITION", sense: "3/31/03" };

/** A store whose writes and trims wait until they are let go, one by one. */
function gatedDisk(options: DiskOptions = {}) {
  const memory = memoryStore(SIZE);
  memory.write(new Uint8Array(SIZE).fill(7), 0);
  const waiting: ((error?: Error) => void)[] = [];
  const gate = (act: () => void) =>
    new Promise<void>((resolve, reject) => {
      waiting.push((error) => {
        if (error !== undefined) return reject(error);
        act();
        return resolve();
      });
    });
  const store: BlockStore = {
    name: "gated",
    size: SIZE,
    readOnly: false,
    read: (buffer, offset) => memory.read(buffer, offset),
    write: (buffer, offset) => gate(() => memory.write(buffer, offset)),
    trim: (offset, length) => gate(() => memory.trim(offset, length)),
    flush: () => undefined,
    close: () => undefined,
  };
  const handler = disk(store, { thinProvisioned: true, ...options });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    handler,
    memory,
    waiting,
    turn,
    /** Lets one go after the other until nothing waits. */
    async drain(error?: Error) {
      for (await turn(); waiting.length > 0; await turn()) waiting.shift()?.(error);
    },
  };
}

const TUR = "00 00 00 00 00 00";
const INQUIRY = "12 00 00 00 24 00";
const READ = "28 00 00000000 00 0001 00";
const OVERWRITE = { cdb: "48 01 0000000000 0008 00", dataOut: hex("01 00 0004 12345678") };
const OVERWRITE_IMMED = { ...OVERWRITE, cdb: "48 81 0000000000 0008 00" };
const BLOCK_ERASE = { cdb: "48 02 0000000000 0000 00", dataOut: hex("") };
const EXIT = "48 1f 0000000000 0000 00";

describe("SANITIZE", () => {
  test.each([
    ["overwrite", OVERWRITE, "12345678"],
    [
      "overwrite, inverted twice",
      { ...OVERWRITE, dataOut: hex("82 00 0004 12345678") },
      "edcba987",
    ],
    ["block erase", BLOCK_ERASE, "00000000"],
  ])("%s: the whole medium", async (_name, { cdb, dataOut }, expected) => {
    const memory = memoryStore(SIZE);
    memory.write(new Uint8Array(SIZE).fill(7), 0);
    const handler = disk(memory, { thinProvisioned: true });
    expect(await execute(handler, cdb, { dataOut })).toMatchObject(EXPECT_GOOD);
    const found = new Uint8Array(SIZE);
    memory.read(found, 0);
    const wanted = Buffer.alloc(SIZE, Buffer.from(expected, "hex"));
    expect(Buffer.compare(found, wanted)).toBe(0);
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("while it goes on the medium is not to be had, and progress is told", async () => {
    const { handler, waiting, turn, drain } = gatedDisk();
    const sanitizing = execute(handler, OVERWRITE.cdb, OVERWRITE);
    await turn();
    waiting.shift()?.();
    await turn();
    const polled = await execute(handler, TUR);
    expect(polled).toMatchObject(EXPECT_SANITIZING);
    expect(polled.details.progress).toBe(Math.floor(0x10000 / 3));
    expect(await execute(handler, READ)).toMatchObject(EXPECT_SANITIZING);
    expect(await execute(handler, "1b 00 00 00 01 00")).toMatchObject(EXPECT_SANITIZING);
    expect(await execute(handler, OVERWRITE.cdb, OVERWRITE)).toMatchObject(EXPECT_SANITIZING);
    expect(await execute(handler, INQUIRY)).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, "1a 00 08 00 ff 00")).toMatchObject(EXPECT_GOOD);
    const sense = parseSense((await execute(handler, "03 00 00 00 ff 00")).data);
    expect(sense).toMatchObject({ key: 2, asc: 4, ascq: 0x1b, progress: polled.details.progress });
    await drain();
    expect(await sanitizing).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("IMMED: answered at once", async () => {
    const { handler, drain } = gatedDisk();
    const answer = await execute(handler, OVERWRITE_IMMED.cdb, OVERWRITE_IMMED);
    expect(answer).toMatchObject({ ...EXPECT_GOOD, atOnce: true });
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_SANITIZING);
    await drain();
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("what was written before does not land on it", async () => {
    const { handler, memory, drain, waiting } = gatedDisk();
    const written = execute(handler, "2a 00 00000000 00 0001 00", {
      dataOut: new Uint8Array(512).fill(1),
    });
    const sanitized = execute(handler, BLOCK_ERASE.cdb, BLOCK_ERASE);
    expect(waiting.length).toBe(1);
    await drain();
    expect(await written).toMatchObject(EXPECT_GOOD);
    expect(await sanitized).toMatchObject(EXPECT_GOOD);
    const found = new Uint8Array(512);
    memory.read(found, 0);
    expect(found.every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ["LUN RESET", SCST_LUN_RESET, true],
    ["ABORT TASK SET of its session", SCST_ABORT_TASK_SET, true],
    ["ABORT TASK SET of another", SCST_ABORT_TASK_SET, false],
  ])("%s ends the command, and not the sanitizing", async (_name, of, own) => {
    const { handler, drain, turn } = gatedDisk();
    const command = new FakeCommand(hex(OVERWRITE.cdb), 512, OVERWRITE);
    let ended = false;
    const running = Promise.resolve(handler.exec(command)).then(() => {
      ended = true;
    });
    const session = own ? command.session : { ...command.session };
    handler.taskManagementReceived({ function: of, session, command: undefined });
    await turn();
    expect(ended).toBe(own);
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_SANITIZING);
    await drain();
    await running;
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  type Row = [name: string, cdb: string, list: string, expected: object];
  const FAULTS: Row[] = [
    ["no parameter list", "48 01 0000000000 0000 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    [
      "a list without a pattern",
      "48 01 0000000000 0004 00",
      "01000001",
      EXPECT_INVALID_FIELD_IN_CDB,
    ],
    ["more than a block", "48 01 0000000000 0205 00", "01000200", EXPECT_INVALID_FIELD_IN_CDB],
    [
      "OVERWRITE COUNT 0",
      "48 01 0000000000 0008 00",
      "00000004 12345678",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
    [
      "TEST",
      "48 01 0000000000 0008 00",
      "21000004 12345678",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
    [
      "no pattern",
      "48 01 0000000000 0008 00",
      "01000000 12345678",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
    [
      "a pattern beyond the list",
      "48 01 0000000000 0008 00",
      "01000005 12345678",
      EXPECT_PARAMETER_LIST_LENGTH_ERROR,
    ],
    [
      "block erase with a list",
      "48 02 0000000000 0008 00",
      "00000000 00000000",
      EXPECT_INVALID_FIELD_IN_CDB,
    ],
    [
      "exit failure mode with a list",
      "48 1f 0000000000 0008 00",
      "00000000 00000000",
      EXPECT_INVALID_FIELD_IN_CDB,
    ],
    ["cryptographic erase", "48 03 0000000000 0000 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["service action 0", "48 00 0000000000 0000 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["ZNR", "48 42 0000000000 0000 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["a reserved byte", "48 02 0000000100 0000 00", "", EXPECT_INVALID_FIELD_IN_CDB],
  ];
  test.each<Row>(FAULTS)("%s", async (...[_name, cdb, list, expected]) => {
    const handler = disk(memoryStore(SIZE), { thinProvisioned: true });
    expect(await execute(handler, cdb, { dataOut: hex(list) })).toMatchObject(expected);
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("a read-only disk", async () => {
    const handler = disk(memoryStore(SIZE), { thinProvisioned: true, readOnly: true });
    for (const { cdb, dataOut } of [OVERWRITE, BLOCK_ERASE]) {
      expect(await execute(handler, cdb, { dataOut })).toMatchObject(EXPECT_WRITE_PROTECTED);
    }
  });

  test.each([
    ["without AUSE", "48 02 0000000000 0000 00", EXPECT_SANITIZE_FAILED],
    ["with AUSE", "48 22 0000000000 0000 00", EXPECT_GOOD],
  ])("one that fails, %s: EXIT FAILURE MODE", async (_name, cdb, expected) => {
    const { handler, drain } = gatedDisk();
    const sanitized = execute(handler, cdb);
    await drain(new SystemError("EIO", 5, "injected"));
    expect(await sanitized).toMatchObject(EXPECT_SANITIZE_FAILED);
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_SANITIZE_FAILED);
    expect(await execute(handler, READ)).toMatchObject(EXPECT_SANITIZE_FAILED);
    expect(await execute(handler, EXIT)).toMatchObject(expected);
    const after = expected === EXPECT_GOOD ? EXPECT_GOOD : EXPECT_SANITIZE_FAILED;
    expect(await execute(handler, READ)).toMatchObject(after);
    // Another one that succeeds ends the state, too.
    const again = execute(handler, cdb);
    await drain();
    expect(await again).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, READ)).toMatchObject(EXPECT_GOOD);
  });

  test("one that a crash ended is not finished after the restart", async () => {
    const { state, settled } = memoryState();
    const before = gatedDisk({ stateStore: state });
    await execute(before.handler, OVERWRITE_IMMED.cdb, OVERWRITE_IMMED);
    await settled();
    const after = gatedDisk({ stateStore: state });
    expect(await execute(after.handler, READ)).toMatchObject(EXPECT_SANITIZE_FAILED);
    const again = execute(after.handler, BLOCK_ERASE.cdb, BLOCK_ERASE);
    await settled();
    await after.drain();
    expect(await again).toMatchObject(EXPECT_GOOD);
    const third = gatedDisk({ stateStore: state });
    expect(await execute(third.handler, READ)).toMatchObject(EXPECT_GOOD);
  });

  test("block erase of a disk that is not thin", async () => {
    const handler = disk(memoryStore(SIZE));
    expect(await execute(handler, BLOCK_ERASE.cdb)).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
  });
});

describe("FORMAT UNIT", () => {
  test.each([
    ["a thin disk", true],
    ["another", false],
  ])("%s becomes zeros", async (_name, thinProvisioned) => {
    const memory = memoryStore(SIZE);
    memory.write(new Uint8Array(SIZE).fill(7), 0);
    const handler = disk(memory, { thinProvisioned });
    expect(await execute(handler, "04 00 00 00 00 00")).toMatchObject(EXPECT_GOOD);
    const found = new Uint8Array(SIZE);
    memory.read(found, 0);
    expect(found.every((byte) => byte === 0)).toBe(true);
  });

  test("fast format leaves the blocks", async () => {
    const memory = memoryStore(SIZE);
    memory.write(Uint8Array.of(7), 0);
    expect(await execute(disk(memory), "04 00 00 00 01 00")).toMatchObject(EXPECT_GOOD);
    const found = new Uint8Array(1);
    memory.read(found, 0);
    expect([...found]).toEqual([7]);
  });

  test("IMMED: goes on by itself, and progress is told", async () => {
    const { handler, drain } = gatedDisk();
    const list = { dataOut: hex("00 02 0000") };
    const answer = await execute(handler, "04 10 00 00 00 00", list);
    expect(answer).toMatchObject({ ...EXPECT_GOOD, atOnce: true });
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_FORMATTING);
    expect(await execute(handler, READ)).toMatchObject(EXPECT_FORMATTING);
    await drain();
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("one that fails", async () => {
    const { handler, drain } = gatedDisk();
    const formatted = execute(handler, "04 00 00 00 00 00");
    await drain(new SystemError("EIO", 5, "injected"));
    expect(await formatted).toMatchObject({ status: "CHECK CONDITION", sense: "3/31/01" });
  });

  type Row = [name: string, cdb: string, list: string, expected: object];
  const ROWS: Row[] = [
    ["an empty list header", "04 10 00 00 01 00", "00 00 0000", EXPECT_GOOD],
    ["a long one", "04 30 00 00 01 00", "00 00 00 00 00000000", EXPECT_GOOD],
    ["FOV with options", "04 10 00 00 01 00", "00 f0 0000", EXPECT_GOOD],
    ["FMTPINFO", "04 80 00 00 00 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["LONGLIST without FMTDATA", "04 20 00 00 00 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["a defect list format without FMTDATA", "04 05 00 00 00 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["FFMT 2", "04 00 00 00 02 00", "", EXPECT_INVALID_FIELD_IN_CDB],
    ["half a header", "04 10 00 00 01 00", "0000", EXPECT_PARAMETER_LIST_LENGTH_ERROR],
    [
      "PROTECTION FIELDS USAGE",
      "04 10 00 00 01 00",
      "01 00 0000",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
    [
      "options without FOV",
      "04 10 00 00 01 00",
      "00 20 0000",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
    ["a pattern", "04 10 00 00 01 00", "00 88 0000", EXPECT_INVALID_FIELD_IN_PARAMETER_LIST],
    [
      "a defect list",
      "04 10 00 00 01 00",
      "00 00 0004 00000000",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
    [
      "a protection interval",
      "04 30 00 00 01 00",
      "00 00 00 01 00000000",
      EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    ],
  ];
  test.each<Row>(ROWS)("%s", async (...[_name, cdb, list, expected]) => {
    const answer = await execute(disk(memoryStore(SIZE)), cdb, { dataOut: hex(list) });
    expect(answer).toMatchObject(expected);
  });

  test("a read-only disk", async () => {
    const handler = disk(memoryStore(SIZE), { readOnly: true });
    expect(await execute(handler, "04 00 00 00 00 00")).toMatchObject(EXPECT_WRITE_PROTECTED);
  });
});
