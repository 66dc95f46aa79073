/** Every command of the drive, each on a tape of its own: what it does, and how it ends. */
import { describe, expect, test } from "vitest";

import { SUPPORTED_COMMANDS } from "../../../../src/sdk/devices/tape/command-table.ts";
import {
  type CommandRow,
  CORE_ROWS,
  expectToBegin,
  namesWithoutRow,
  sentFor,
} from "../command-rows.ts";
import { removeScratchFolders, rig } from "./rig.ts";

removeScratchFolders();

interface Row extends CommandRow {
  /** Where the tape is afterwards: the number of the logical object that comes next. */
  readonly at?: number;
}

/** The tape: 616263h, a filemark, 64656667h, at its beginning. */
const ROWS: readonly Row[] = [
  { name: "TEST UNIT READY", cdb: "00 00 00 00 00 00" },
  { name: "REWIND", cdb: "01 00 00 00 00 00" },
  { name: "REQUEST SENSE", cdb: "03 00 00 00 12 00", room: 18, data: "70 00 00" },
  { name: "FORMAT MEDIUM", cdb: "04 00 00 00 00 00" },
  { name: "READ BLOCK LIMITS", cdb: "05 00 00 00 00 00", room: 6, data: "00 800000 0001" },
  { name: "READ(6)", cdb: "08 00 00 00 03 00", room: 3, data: "616263", at: 1 },
  { name: "WRITE(6)", cdb: "0a 00 00 00 02 00", out: "7071", at: 1 },
  { name: "SET CAPACITY", cdb: "0b 00 00 ff ff 00" },
  { name: "WRITE FILEMARKS(6)", cdb: "10 00 00 00 02 00", at: 2 },
  { name: "SPACE(6)", cdb: "11 01 00 00 01 00", at: 2 },
  { name: "SPACE(6)", cdb: "11 02 00 00 01 00", at: 2 },
  { name: "SPACE(6)", cdb: "11 03 00 00 00 00", at: 3 },
  { name: "SPACE(6)", cdb: "11 00 00 00 02 00", result: "0/00/01 FM 1", at: 2 },
  { name: "INQUIRY", cdb: "12 00 00 00 24 00", room: 36, data: "01 80 06 12" },
  { name: "VERIFY(6)", cdb: "13 00 00 00 03 00", at: 1 },
  { name: "MODE SELECT(6)", cdb: "15 10 00 00 0c 00", out: "00001008 0000000000000200" },
  { name: "RESERVE(6)", cdb: "16 00 00 00 00 00" },
  { name: "RELEASE(6)", cdb: "17 00 00 00 00 00" },
  { name: "ERASE(6)", cdb: "19 01 00 00 00 00" },
  { name: "MODE SENSE(6)", cdb: "1a 00 00 00 0c 00", room: 12, data: "0b 88 10 08 5e" },
  { name: "LOAD UNLOAD", cdb: "1b 00 00 00 01 00" },
  { name: "SEND DIAGNOSTIC", cdb: "1d 04 00 00 00 00" },
  { name: "PREVENT ALLOW MEDIUM REMOVAL", cdb: "1e 00 00 00 00 00" },
  { name: "LOCATE(10)", cdb: "2b 00 00 00000002 00 00 00", at: 2 },
  { name: "READ POSITION", cdb: "34 00 00000000 00 0000 00", room: 20, data: "80 00 0000" },
  { name: "READ POSITION", cdb: "34 06 00000000 00 0000 00", room: 32, data: "80 000000" },
  { name: "READ POSITION", cdb: "34 08 00000000 00 0020 00", room: 32, data: "80 00 001c" },
  { name: "REPORT DENSITY SUPPORT", cdb: "44 00 00000000 00 0100 00", room: 256, data: "006a" },
  { name: "LOG SELECT", cdb: "4c 02 c0 00 000000 0000 00" },
  { name: "LOG SENSE", cdb: "4d 00 40 00 00 0000 0400 00", room: 1024, data: "80 00 000f" },
  { name: "MODE SELECT(10)", cdb: "55 10 0000000000 0008 00", out: "0000001000000000" },
  { name: "RESERVE(10)", cdb: "56 00 0000000000 0000 00" },
  { name: "RELEASE(10)", cdb: "57 00 0000000000 0000 00" },
  { name: "MODE SENSE(10)", cdb: "5a 08 0f 00 000000 0100 00", room: 256, data: "0016 88 10" },
  { name: "WRITE FILEMARKS(16)", cdb: "80 01 0000 0000000000000000 000001 00", at: 1 },
  { name: "ALLOW OVERWRITE", cdb: "82 00 01 00 0000000000000000 000000 00", result: "5/24/00" },
  { name: "READ(16)", cdb: "88 00 0000 0000000000000000 000003 00", room: 3, data: "61", at: 1 },
  { name: "WRITE(16)", cdb: "8a 00 0000 0000000000000000 000001 00", out: "70", at: 1 },
  { name: "READ ATTRIBUTE", cdb: "8c 03 000000 00 00 00 0000 00000010 00 00", room: 16 },
  { name: "WRITE ATTRIBUTE", cdb: "8d 00 000000 00 00 00 0000 00000004 00 00", out: "00000000" },
  { name: "VERIFY(16)", cdb: "8f 00 0000 0000000000000000 000003 00", at: 1 },
  { name: "SPACE(16)", cdb: "91 03 0000 0000000000000000 0000 00 00", at: 3 },
  { name: "LOCATE(16)", cdb: "92 08 0000 0000000000000001 0000 00 00", at: 2 },
  { name: "LOCATE(16)", cdb: "92 18 0000 0000000000000000 0000 00 00", at: 3 },
  { name: "ERASE(16)", cdb: "93 00 0000 0000000000000000 000000 00" },
  { name: "SECURITY PROTOCOL IN", cdb: "a2 00 0000 00 00 00000100 00 00", room: 256 },
  { name: "SECURITY PROTOCOL OUT", cdb: "b5 21 0010 00 00 00000000 00 00", result: "5/24/00" },
  {
    name: "REPORT SUPPORTED OPERATION CODES",
    cdb: "a3 0c 01 08 0000 00000100 00 00",
    room: 256,
    data: "00 03 0006 08",
  },
  // Of the core.
  { name: "REPORT LUNS", cdb: "a0 00 00 000000 00000010 00 00", room: 16, data: "00000008" },
  ...CORE_ROWS,
];

/** What SSC-5 has, and this drive has not. */
const REFUSED: readonly (readonly [name: string, cdb: string])[] = [
  ["READ REVERSE(6)", "0f 00 00 00 03 00"],
  ["READ REVERSE(16)", "81 00 0000 0000000000000000 000003 00"],
  ["RECOVER BUFFERED DATA", "14 00 00 00 03 00"],
  ["FORMAT UNIT, which is a disk's", "04 10 00 00 00 00"],
  ["READ(10), which is a disk's", "28 00 00000000 00 0001 00"],
];

async function recorded() {
  const made = await rig();
  await made.write("abc");
  await made.do("10 00 000001 00");
  await made.write("defg");
  await made.do("01 00 00 00 00 00");
  return made;
}

describe("each command", () => {
  test.each(ROWS)("$name: $cdb", async ({ cdb, out, room = 0, result = "GOOD", data, at = 0 }) => {
    const made = await recorded();
    const seen = await made.send(cdb, sentFor(room, out));
    expect(seen.result).toBe(result);
    expectToBegin(seen.data, data);
    const position = await made.send("34 06 00000000 00 0000 00", { room: 32 });
    expect(Number(position.data.readBigUInt64BE(8))).toBe(at);
  });

  test.each(REFUSED)("%s is refused", async (_name, cdb) => {
    const made = await recorded();
    expect((await made.send(cdb, { room: 512 })).result).toMatch(/^5\/2[04]\/00/);
  });

  test("of the drive's table has a row", () => {
    expect(namesWithoutRow(SUPPORTED_COMMANDS, ROWS)).toEqual([]);
  });
});
