import { describe, expect, test } from "vitest";

import {
  commandsOf,
  DEVICE_TYPE,
  findCommand,
  parsedCommand,
  standardCdbLength,
} from "../../../src/protocol/scsi/index.ts";
import {
  SCST_DATA_NONE as NONE,
  SCST_DATA_READ as IN,
  SCST_DATA_WRITE as OUT,
  SCST_LBA_NOT_VALID,
  SCST_STRICTLY_SERIALIZED,
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_UNKNOWN_LENGTH,
  SCST_WRITE_MEDIUM,
} from "../../../src/protocol/scst/index.ts";
import { hex } from "./traces.ts";

/** CDB, name, data length, buffer length, direction; the device has told no block length. */
const parses: readonly (readonly [string, string, number, number, number])[] = [
  ["08 00 010000 00", "READ(6)", 65_536, 65_536, IN],
  ["08 02 ffffff 00", "READ(6)", 0xff_ffff, 0xff_ffff, IN],
  ["0a 00 000001 00", "WRITE(6)", 1, 1, OUT],
  ["0a 00 000000 00", "WRITE(6)", 0, 0, NONE],
  ["88 00 00 00 0000000000000000 800000 00", "READ(16)", 8_388_608, 8_388_608, IN],
  ["8a 00 00 00 0000000000000000 000200 00", "WRITE(16)", 512, 512, OUT],
  ["13 00 000200 00", "VERIFY(6)", 512, 0, NONE],
  ["13 02 000200 00", "VERIFY(6)", 512, 512, OUT],
  ["05 00 00 00 00 00", "READ BLOCK LIMITS", 6, 6, IN],
  ["05 01 00 00 00 00", "READ BLOCK LIMITS", 20, 20, IN],
  ["34 00 00000000 00 0000 00", "READ POSITION", 20, 20, IN],
  ["34 06 00000000 00 0000 00", "READ POSITION", 32, 32, IN],
  ["34 08 00000000 00 0020 00", "READ POSITION", 32, 32, IN],
  ["44 00 00000000 00 0100 00", "REPORT DENSITY SUPPORT", 256, 256, IN],
  ["04 00 02 0000 00", "FORMAT MEDIUM", 0, 0, NONE],
  ["10 01 000001 00", "WRITE FILEMARKS(6)", 0, 0, NONE],
  ["92 00 00 00 0000000000000007 0000 00 00", "LOCATE(16)", 0, 0, NONE],
];

describe("the standard parse of tape commands", () => {
  test.each(parses)("%s is %s", (text, name, dataLength, bufferLength, direction) => {
    const cdb = hex(text);
    const parsed = parsedCommand();
    const command = findCommand(cdb, DEVICE_TYPE.TAPE);
    expect(command?.name).toBe(name);
    expect(command?.cdbLength).toBe(cdb.length);
    expect(command?.parse(cdb, 0, parsed)).toBeUndefined();
    expect(parsed).toMatchObject({ dataLength, bufferLength, dataDirection: direction });
  });

  test("how long fixed blocks are only the device or the initiator knows", () => {
    const parsed = parsedCommand();
    const cdb = hex("08 01 000004 00");
    const row = findCommand(cdb, DEVICE_TYPE.TAPE);
    expect(row?.parse(cdb, 0, parsed)).toBeUndefined();
    expect(parsed.opFlags & SCST_UNKNOWN_LENGTH).not.toBe(0);
    expect(parsed.dataDirection).toBe(IN);
    expect(row?.parse(cdb, 512, parsed)).toBeUndefined();
    expect(parsed).toMatchObject({ bufferLength: 2048, dataLength: 2048 });
    expect(parsed.opFlags & SCST_UNKNOWN_LENGTH).toBe(0);
  });

  test("VERIFY of fixed blocks without data needs no buffer", () => {
    const parsed = parsedCommand();
    const cdb = hex("13 01 000004 00");
    findCommand(cdb, DEVICE_TYPE.TAPE)?.parse(cdb, 0, parsed);
    expect(parsed.dataDirection).toBe(NONE);
  });
});

describe("the table of tape commands", () => {
  const commands = commandsOf(DEVICE_TYPE.TAPE);
  const namesWith = (flag: number) =>
    commands.filter(({ flags }) => (flags & flag) === flag).map(({ name }) => name);

  /** Opcodes that the real SCST's table has for tapes. */
  const scstTape = hex(
    `00 01 03 04 05 07 08 0a 0b 0c 0d 0f 10 11 12 13 14 15 16 17 19 1a 1b 1c 1d 1e 2b 34 3b 3c
     40 44 4c 4d 55 56 57 5a 5e 5f 80 86 87 8c 8d 91 92 93 a0 a2 a3 a4 ab b5`,
  );

  test("every opcode that SCST knows for tapes has a row, and the others say so", () => {
    const known = commands.filter(({ knownToScst }) => knownToScst);
    const opcodes = new Set(known.map(({ opcode }) => opcode));
    expect([...opcodes].sort((a, b) => a - b)).toEqual([...scstTape]);
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    "%s agrees with its CDB",
    (_name, command) => {
      expect(command.cdbLength).toBe(command.cdb.size);
      expect(command.cdbLength).toBe(standardCdbLength(command.opcode));
      expect(command.controlByte).toBe(command.cdbLength - 1);
      expect(command.flags & SCST_LBA_NOT_VALID).not.toBe(0);
    },
  );

  test("what writes to the medium, and what waits for an idle device", () => {
    expect(namesWith(SCST_WRITE_MEDIUM)).toEqual([
      "FORMAT MEDIUM",
      "REASSIGN BLOCKS",
      "WRITE(6)",
      "SET CAPACITY",
      "PARTITION",
      "WRITE FILEMARKS(6)",
      "ERASE(6)",
      "WRITE FILEMARKS(16)",
      "WRITE(16)",
      "WRITE ATTRIBUTE",
      "ERASE(16)",
    ]);
    expect(namesWith(SCST_STRICTLY_SERIALIZED)).toEqual([
      "FORMAT MEDIUM",
      "SET CAPACITY",
      "MODE SELECT(6)",
      "LOG SELECT",
      "MODE SELECT(10)",
      "SET TARGET PORT GROUPS",
    ]);
  });

  test("FIXED counts in blocks where SCST says so", () => {
    expect(namesWith(SCST_TRANSFER_LEN_TYPE_FIXED)).toEqual([
      "READ(6)",
      "WRITE(6)",
      "READ REVERSE(6)",
      "VERIFY(6)",
      "RECOVER BUFFERED DATA",
      "READ REVERSE(16)",
      "READ(16)",
      "WRITE(16)",
      "VERIFY(16)",
    ]);
  });
});
