import { describe, expect, test } from "vitest";

import { SystemError } from "../../../../src/protocol/errors.ts";
import { LogParameterHeader } from "../../../../src/protocol/scsi/index.ts";
import { disk, type DiskOptions } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { execute, EXPECT_GOOD, EXPECT_INVALID_FIELD_IN_CDB, hex, inCdb } from "../fake-command.ts";
import { logStore } from "../log-store.ts";

function newDisk(options: DiskOptions = {}) {
  const memory = memoryStore(4 << 20);
  const store = logStore(memory);
  const whole = Object.assign(store, {
    trim: (offset: number, length: number) => memory.trim(offset, length),
  });
  return { store, handler: disk(whole, options) };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const PAGE = (code: string, subpage = "00") => `4d 00 ${code} ${subpage} 00 0000 00ff 00`;

/** The counters of a page: code = value. */
async function counters(handler: ReturnType<typeof disk>, code: string): Promise<string> {
  const { data } = await execute(handler, PAGE(code));
  const view = new DataView(data.buffer, data.byteOffset);
  const found: string[] = [];
  for (let at = 4; at < data.length;) {
    const head = LogParameterHeader.view(data, at);
    found.push(`${head.parameterCode}=${view.getBigUint64(at + 4)}`);
    at += LogParameterHeader.size + head.parameterLength;
  }
  return found.join(" ");
}

describe("LOG SENSE", () => {
  test.each([
    ["supported pages", PAGE("00"), {}, "0000 0007 00 02 03 05 0d 19 2f"],
    [
      "supported pages and subpages",
      PAGE("00", "ff"),
      {},
      "40ff 0010 0000 00ff 0200 0300 0500 0d00 1900 2f00",
    ],
    ["of a thin disk", PAGE("00"), { thinProvisioned: true }, "0000 0008 00 02 03 05 0c 0d 19 2f"],
    ["the subpages of a page", PAGE("0d", "ff"), {}, "4dff 0002 0d00"],
    ["temperature: not known", PAGE("0d"), {}, "0d00 000c 0000 03 02 00ff 0001 03 02 00ff"],
    ["temperature, by pointer", "4d 00 0d 00 00 0001 00ff 00", {}, "0d00 0006 0001 03 02 00ff"],
    ["informational exceptions", PAGE("2f"), {}, "2f00 0008 0000 03 04 0000ff00"],
    [
      "provisioning, where the store cannot tell",
      PAGE("0c"),
      { thinProvisioned: true },
      "0c00 0000",
    ],
    ["cut", "4d 00 00 00 00 0000 0003 00", {}, "0000 00"],
  ])("%s", async (_name, cdb, options, expected) => {
    const answer = await execute(newDisk(options).handler, cdb);
    expect(answer).toMatchObject(EXPECT_GOOD);
    expect(text(answer.data)).toBe(expected.replaceAll(" ", ""));
  });

  test.each([
    ["an unknown page", PAGE("3e"), inCdb(2, 5)],
    ["page 0Ch of a disk that is not thin", PAGE("0c"), inCdb(2, 5)],
    ["a subpage", PAGE("0d", "01"), inCdb(3)],
    ["a subpage of the supported pages", PAGE("00", "01"), inCdb(3)],
    ["SP", "4d 01 00 00 00 0000 00ff 00", inCdb(1, 0)],
    ["a pointer beyond the last parameter", "4d 00 0d 00 00 0002 00ff 00", inCdb(5)],
  ])("%s", async (_name, cdb, pointer) => {
    const answer = await execute(newDisk().handler, cdb);
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(answer.details.fieldPointer).toEqual(pointer);
  });
});

test("what was read, written and verified is counted until LOG SELECT resets it", async () => {
  const { store, handler } = newDisk();
  await execute(handler, "2a 00 00000000 00 0004 00");
  await execute(handler, "28 00 00000000 00 0002 00");
  await execute(handler, "28 00 00000000 00 0001 00");
  await execute(handler, "2f 00 00000000 00 0008 00");
  store.fail = { read: new SystemError("EIO", 5, "injected") };
  await execute(handler, "28 00 00000000 00 0001 00");
  await execute(handler, "2f 00 00000000 00 0001 00");
  store.fail = { write: new SystemError("EIO", 5, "injected") };
  await execute(handler, "2a 00 00000000 00 0001 00");
  expect(await counters(handler, "02")).toBe(`5=${5 * 512} 6=1`);
  expect(await counters(handler, "03")).toBe(`5=${4 * 512} 6=1`);
  expect(await counters(handler, "05")).toBe(`5=${9 * 512} 6=1`);
  const { data } = await execute(handler, PAGE("19"));
  const statistics = [3, 2, 5, 4].map((value) => value.toString(16).padStart(16, "0")).join("");
  const times = `00020308${"00".repeat(8)}00030308${"00".repeat(8)}`;
  expect(text(data)).toBe(`1900005c00010340${statistics}${"00".repeat(32)}${times}`);
  expect(await execute(handler, "4c 02 c0 00 00 0000 0000 00")).toMatchObject(EXPECT_GOOD);
  expect(await counters(handler, "02")).toBe("5=0 6=0");
});

test.each([
  ["SP", "4c 01 c0 00 00 0000 0000 00", "", inCdb(1, 0)],
  ["a parameter list", "4c 00 c0 00 00 0000 0004 00", "02000000", inCdb(7)],
])("LOG SELECT with %s", async (_name, cdb, list, pointer) => {
  const answer = await execute(newDisk().handler, cdb, { dataOut: hex(list) });
  expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
  expect(answer.details.fieldPointer).toEqual(pointer);
});
