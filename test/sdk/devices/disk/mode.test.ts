import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import { disk } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
  EXPECT_PARAMETER_LIST_LENGTH_ERROR,
  EXPECT_SAVING_NOT_SUPPORTED,
  hex,
  inCdb,
  inParameterList,
} from "../fake-command.ts";
import { logStore } from "../log-store.ts";

const HEADER_6 = "1f 00 10 08";
const DESCRIPTOR = "00002000 00 000200";
const CACHING = "08 12 04 00 ffff 0000 ffff ffff 00 00 0000 00000000";
const CACHING_OFF = "08 12 00 00 ffff 0000 ffff ffff 00 00 0000 00000000";
const CONTROL = "0a 0a 22 10 00 00 0000 0000 0000";

function newDisk(options: Parameters<typeof disk>[1] = {}) {
  const store = logStore(memoryStore(4 * 1024 * 1024));
  return { store, handler: disk(store, { name: "disk1", ...options }) };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const same = (hexText: string) => text(hex(hexText));

const PAGES: readonly (readonly [name: string, cdb: string, data: string])[] = [
  ["caching", "1a 00 08 00 ff 00", `${HEADER_6} ${DESCRIPTOR} ${CACHING}`],
  ["DBD", "1a 08 08 00 ff 00", `17 00 10 00 ${CACHING}`],
  [
    "caching, changeable",
    "1a 08 48 00 ff 00",
    `17 00 10 00 08 12 04 ${"00".repeat(9)} 20 ${"00".repeat(7)}`,
  ],
  ["caching, default", "1a 08 88 00 ff 00", `17 00 10 00 ${CACHING}`],
  ["subpage FFh", "1a 08 08 ff ff 00", `17 00 10 00 ${CACHING}`],
  ["control", "1a 08 0a 00 ff 00", `0f 00 10 00 ${CONTROL}`],
  ["control, changeable", "1a 08 4a 00 ff 00", "0f 00 10 00 0a 0a 14 f6 08 40 00 00 0000 0000"],
  ["control extension", "1a 08 0a 01 ff 00", `23 00 10 00 4a 01 001c 00 00 fc ${"00".repeat(25)}`],
  ["(10)", "5a 00 08 00 00 00 00 00 ff 00", `0022 00 10 00 00 0008 ${DESCRIPTOR} ${CACHING}`],
  [
    "(10), LLBAA",
    "5a 10 08 00 00 00 00 00 ff 00",
    `002a 00 10 01 00 0010 0000000000002000 00000000 00000200 ${CACHING}`,
  ],
  ["(10), LLBAA and DBD", "5a 18 08 00 00 00 00 00 ff 00", `001a 00 10 00 00 0000 ${CACHING}`],
  ["cut to the allocation length", "1a 00 08 00 04 00", HEADER_6],
  ["allocation length zero", "1a 00 08 00 00 00", ""],
];

describe("MODE SENSE", () => {
  test.each(PAGES)("%s", async (_name, cdb, data) => {
    const answer = await execute(newDisk().handler, cdb);
    expect(answer).toMatchObject(EXPECT_GOOD);
    expect(text(answer.data)).toBe(same(data));
  });

  const FIXED = "01 02 03 04 08 0a 1a 1c";
  const REMOVABLE = "01 02 03 04 08 0a 1c";
  test.each([
    ["00", {}, FIXED],
    ["ff", {}, "01 02 03 04 08 0a 4a/01 1a 1c"],
    ["ff", { thinProvisioned: true }, "01 02 03 04 08 0a 4a/01 1a 1c 5c/02"],
    ["00", { removable: true }, REMOVABLE],
  ])("all pages, subpage %sh, of %o, ascending", async (subpage, options, expected) => {
    const handler = disk(memoryStore(4 << 20), options);
    const { data } = await execute(handler, `1a 08 3f ${subpage} ff 00`);
    const codes: string[] = [];
    const byte = (at: number) => text(data.subarray(at, at + 1));
    for (let at = 4; at < data.length;) {
      const spf = ((data[at] as number) & 0x40) !== 0;
      codes.push(spf ? `${byte(at)}/${byte(at + 1)}` : byte(at));
      at += spf ? 4 + (data[at + 3] as number) : 2 + (data[at + 1] as number);
    }
    expect(codes.join(" ")).toBe(expected);
    expect(data[0]).toBe(data.length - 1);
  });

  test.each([
    ["unknown page", "1a 00 3e 00 ff 00", inCdb(2, 5)],
    ["unknown page, saved values", "1a 00 fe 00 ff 00", inCdb(2, 5)],
    ["subpage", "1a 00 08 01 ff 00", inCdb(3)],
    ["all pages, subpage 1", "1a 00 3f 01 ff 00", inCdb(3)],
  ])("%s", async (_name, cdb, pointer) => {
    const answer = await execute(newDisk().handler, cdb);
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(pointer);
  });

  test("saved values", async () => {
    const answer = await execute(newDisk().handler, "1a 00 c8 00 ff 00");
    expect(answer).toMatchObject(EXPECT_SAVING_NOT_SUPPORTED);
  });

  test.each([
    ["a read-only disk", { readOnly: true }, {}, 0x90],
    ["a LUN that is read-only for this initiator", {}, { readOnly: true }, 0x90],
    ["any other", {}, {}, 0x10],
  ])("WP and DPOFUA of %s", async (_name, options, session, expected) => {
    const answer = await execute(newDisk(options).handler, "1a 08 08 00 ff 00", { session });
    expect(answer.data[2]).toBe(expected);
  });

  test.each([
    ["write through", { writeThrough: true }],
    ["NV cache", { nonVolatileCache: true }],
  ])("%s has no write cache, now, by default, and not by MODE SELECT", async (_name, options) => {
    const { handler } = newDisk(options);
    for (const pc of ["08", "48", "88"]) {
      const { data } = await execute(handler, `1a 08 ${pc} 00 ff 00`);
      expect((data[6] as number) & 0x04).toBe(0);
    }
    const dataOut = hex(`00 00 00 00 ${CACHING}`);
    const answer = await execute(handler, "15 10 00 00 18 00", { dataOut });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_PARAMETER_LIST);
    expect(answer.details.fieldPointer).toEqual(inParameterList(6, 2));
  });
});

const PAGE_AT = 4;
type ListRow = [name: string, list: string, expected: object, pointer?: object];

const LISTS: readonly ListRow[] = [
  ["nothing", "", EXPECT_GOOD],
  ["only a header", "00 00 00 00", EXPECT_GOOD],
  ["WP and the mode data length as they were read", "1f 00 90 00", EXPECT_GOOD],
  ["the current values", `00 00 00 08 ${DESCRIPTOR} ${CACHING} ${CONTROL}`, EXPECT_GOOD],
  ["no block count", "00 00 00 08 00000000 00 000200", EXPECT_GOOD],
  ["the largest block count", "00 00 00 08 ffffffff 00 000200", EXPECT_GOOD],
  ["half a header", "00 00", EXPECT_PARAMETER_LIST_LENGTH_ERROR],
  ["half a block descriptor", "00 00 00 08 0000", EXPECT_PARAMETER_LIST_LENGTH_ERROR],
  ["half a page header", "00 00 00 00 08", EXPECT_PARAMETER_LIST_LENGTH_ERROR],
  ["half a page", "00 00 00 00 08 12 04", EXPECT_PARAMETER_LIST_LENGTH_ERROR],
  ["a medium type", "00 01 00 00", EXPECT_INVALID_FIELD_IN_PARAMETER_LIST, inParameterList(1)],
  [
    "a block descriptor length of 4",
    "00 00 00 04 00000000",
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(3),
  ],
  [
    "another capacity",
    "00 00 00 08 00001000 00 000200",
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(4),
  ],
  [
    "another block length",
    "00 00 00 08 00000000 00 001000",
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(9),
  ],
  [
    "an unknown page",
    "00 00 00 00 3e 00",
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(PAGE_AT, 5),
  ],
  [
    "a subpage",
    "00 00 00 00 48 01 0000",
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(PAGE_AT + 1),
  ],
  [
    "a page length that is not the page's",
    "00 00 00 00 08 10 04 00 ffff 0000 ffff ffff 00 00 0000 0000",
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(PAGE_AT + 1),
  ],
  [
    "what cannot be changed: RCD",
    `00 00 00 00 08 12 05 ${CACHING.slice(9)}`,
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(PAGE_AT + 2, 0),
  ],
  [
    "what cannot be changed: TST, after a block descriptor and a page",
    `00 00 00 08 ${DESCRIPTOR} ${CACHING_OFF} 0a 0a 02 10 00 00 0000 0000 0000`,
    EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
    inParameterList(4 + 8 + 20 + 2, 5),
  ],
];

const select = (list: string) => {
  const dataOut = hex(list);
  return { cdb: `15 10 00 00 ${dataOut.length.toString(16).padStart(2, "0")} 00`, dataOut };
};

describe("MODE SELECT", () => {
  test.each<ListRow>(LISTS)("%s", async (...[_name, list, expected, pointer]) => {
    const { handler } = newDisk();
    const { cdb, dataOut } = select(list);
    const answer = await execute(handler, cdb, { dataOut });
    expect(answer).toMatchObject(expected);
    expect(answer.details.fieldPointer).toEqual(pointer);
    // A list with a fault changes nothing, and none of these changes anything else.
    const { data } = await execute(handler, "1a 08 08 00 ff 00");
    expect(text(data.subarray(4))).toBe(same(CACHING));
  });

  test.each([
    ["SP", "15 11 00 00 04 00", inCdb(1, 0)],
    ["no PF", "15 00 00 00 04 00", inCdb(1, 4)],
    ["RTD", "15 12 00 00 04 00", inCdb(1, 1)],
  ])("%s", async (_name, cdb, pointer) => {
    const answer = await execute(newDisk().handler, cdb, { dataOut: hex("00 00 00 00") });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(pointer);
  });

  test.each([
    ["(6)", "15 10 00 00 18 00", `00 00 00 00 ${CACHING_OFF}`],
    ["(10)", "55 10 00 00 00 00 00 00 1c 00", `0000 00 00 00 00 0000 ${CACHING_OFF}`],
    [
      "(10) with a long LBA block descriptor",
      "55 10 00 00 00 00 00 00 2c 00",
      `0000 00 00 01 00 0010 0000000000002000 00000000 00000200 ${CACHING_OFF}`,
    ],
  ])("%s without WCE: flushed first, then every write is durable", async (_name, cdb, list) => {
    const { store, handler } = newDisk();
    expect(await execute(handler, cdb, { dataOut: hex(list) })).toMatchObject(EXPECT_GOOD);
    await execute(handler, "2a 00 00000000 00 0001 00");
    expect(store.calls).toEqual(["flush", "write 0+512 fua"]);
    const current = await execute(handler, "1a 08 08 00 ff 00");
    expect(text(current.data.subarray(4))).toBe(same(CACHING_OFF));
    const byDefault = await execute(handler, "1a 08 88 00 ff 00");
    expect(text(byDefault.data.subarray(4))).toBe(same(CACHING));
    const on = select(`00 00 00 00 ${CACHING}`);
    expect(await execute(handler, on.cdb, { dataOut: on.dataOut })).toMatchObject(EXPECT_GOOD);
    await execute(handler, "2a 00 00000000 00 0001 00");
    expect(store.calls).toEqual(["flush", "write 0+512 fua", "write 0+512"]);
  });

  test("a flush that fails", async () => {
    const { store, handler } = newDisk();
    store.fail = { flush: new SystemError("EIO", 5, "injected") };
    const { cdb, dataOut } = select(`00 00 00 00 ${CACHING_OFF}`);
    const answer = await execute(handler, cdb, { dataOut });
    expect(answer).toMatchObject({ status: "CHECK CONDITION", sense: "3/0C/00" });
  });

  test("less data than the parameter list length says", async () => {
    const { handler } = newDisk();
    const answer = await execute(handler, "15 10 00 00 18 00", { dataOut: hex("00 00") });
    expect(answer).toMatchObject(EXPECT_PARAMETER_LIST_LENGTH_ERROR);
  });
});
