/** Every command of the changer, each on a library of its own. */
import { describe, expect, test } from "vitest";

import { SUPPORTED_COMMANDS } from "../../../../src/sdk/devices/changer/command-table.ts";
import {
  type CommandRow,
  CORE_ROWS,
  expectToBegin,
  namesWithoutRow,
  sentFor,
} from "../command-rows.ts";
import { removeScratchFolders, rig } from "./rig.ts";

removeScratchFolders();

const TEMPLATE = `${"2a".padEnd(64, "0")}${"00".repeat(8)}`;

const ROWS: readonly CommandRow[] = [
  { name: "TEST UNIT READY", cdb: "00 00 00 00 00 00" },
  { name: "REQUEST SENSE", cdb: "03 00 00 00 12 00", room: 18, data: "70 00 00" },
  { name: "INITIALIZE ELEMENT STATUS", cdb: "07 00 00 00 00 00" },
  { name: "INQUIRY", cdb: "12 00 00 00 24 00", room: 36, data: "08 80 06 12" },
  { name: "MODE SELECT(6)", cdb: "15 10 00 00 04 00", out: "00000000" },
  { name: "RESERVE(6)", cdb: "16 00 00 00 00 00" },
  { name: "RELEASE(6)", cdb: "17 00 00 00 00 00" },
  // Where the elements are: picker, slots, import/export, drives.
  {
    name: "MODE SENSE(6)",
    cdb: "1a 08 1d 00 ff 00",
    room: 255,
    data: "17 000000 1d12 0001 0001 1000 0005 0010 0002 0100 0002",
  },
  { name: "MODE SENSE(6)", cdb: "1a 08 1e 00 ff 00", room: 255, data: "07 000000 1e02" },
  { name: "MODE SENSE(6)", cdb: "1a 08 1f 00 ff 00", room: 255, data: "17 000000 1f12" },
  { name: "OPEN/CLOSE IMPORT/EXPORT ELEMENT", cdb: "1b 00 0010 00 00" },
  { name: "SEND DIAGNOSTIC", cdb: "1d 04 00 00 00 00" },
  { name: "PREVENT ALLOW MEDIUM REMOVAL", cdb: "1e 00 00 00 01 00" },
  { name: "POSITION TO ELEMENT", cdb: "2b 00 0001 1000 0000 00 00" },
  { name: "INITIALIZE ELEMENT STATUS WITH RANGE", cdb: "37 00 1000 0000 0005 00 00" },
  { name: "LOG SENSE", cdb: "4d 00 40 00 00 0000 0100 00", room: 256, data: "80 00" },
  { name: "MODE SELECT(10)", cdb: "55 10 0000000000 0008 00", out: "0000000000000000" },
  { name: "RESERVE(10)", cdb: "56 00 0000000000 0000 00" },
  { name: "RELEASE(10)", cdb: "57 00 0000000000 0000 00" },
  { name: "MODE SENSE(10)", cdb: "5a 08 1d 00 000000 0100 00", room: 256, data: "001a 0000" },
  {
    name: "REPORT SUPPORTED OPERATION CODES",
    cdb: "a3 0c 01 a5 0000 00000100 00 00",
    room: 256,
    data: "00 03 000c a5",
  },
  { name: "MOVE MEDIUM", cdb: "a5 00 0001 1000 0100 0000 00 00" },
  { name: "EXCHANGE MEDIUM", cdb: "a6 00 0001 1000 1001 1000 00 00" },
  { name: "SEND VOLUME TAG", cdb: "b6 00 0000 00 05 0000 0028 00 00", out: TEMPLATE },
  // Nothing was searched for.
  {
    name: "REQUEST VOLUME ELEMENT ADDRESS",
    cdb: "b5 00 0000 ffff 00 000100 00 00",
    room: 256,
    result: "5/2C/00",
  },
  // By type: all, picker, slots, import/export, drives.
  {
    name: "READ ELEMENT STATUS",
    cdb: "b8 10 0000 ffff 00 000400 00 00",
    room: 1024,
    data: "0001 000a 00",
  },
  {
    name: "READ ELEMENT STATUS",
    cdb: "b8 01 0000 ffff 00 000400 00 00",
    room: 1024,
    data: "0001 0001 00",
  },
  {
    name: "READ ELEMENT STATUS",
    cdb: "b8 02 0000 ffff 00 000400 00 00",
    room: 1024,
    data: "1000 0005 00",
  },
  {
    name: "READ ELEMENT STATUS",
    cdb: "b8 03 0000 ffff 00 000400 00 00",
    room: 1024,
    data: "0010 0002 00",
  },
  {
    name: "READ ELEMENT STATUS",
    cdb: "b8 14 0000 ffff 03 000400 00 00",
    room: 1024,
    data: "0100 0002 00",
  },
  // Of the core.
  { name: "REPORT LUNS", cdb: "a0 00 00 000000 00000010 00 00", room: 16, data: "00000018" },
  ...CORE_ROWS,
];

describe("each command", () => {
  test.each(ROWS)("$name: $cdb", async ({ cdb, out, room = 0, result = "GOOD", data }) => {
    const made = await rig();
    const seen = await made.send(cdb, sentFor(room, out));
    expect(seen.result.slice(0, result.length)).toBe(result);
    expectToBegin(seen.data, data);
  });

  test("of the changer's table has a row", () => {
    expect(namesWithoutRow(SUPPORTED_COMMANDS, ROWS)).toEqual([]);
  });
});
