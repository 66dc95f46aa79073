import { describe, expect, test } from "vitest";
import {
  cdbUsageData,
  type Command,
  commandName,
  commandsOf,
  DEVICE_TYPE,
  DEVICE_TYPE_COUNT,
  findCommand,
  parsedCommand,
  SENSE,
  standardCdbLength,
} from "../../../src/protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI as BIDI,
  SCST_DATA_NONE as NONE,
  SCST_DATA_READ as IN,
  SCST_DATA_WRITE as OUT,
  SCST_EXCL_ACCESS_ALLOWED,
  SCST_FULLY_LOCAL_CMD,
  SCST_IMPLICIT_HQ,
  SCST_INFO_VALID,
  SCST_LBA_NOT_VALID,
  SCST_SKIP_UA,
  SCST_STRICTLY_SERIALIZED,
  SCST_UNKNOWN_LENGTH,
  SCST_WRITE_MEDIUM,
} from "../../../src/protocol/scst/index.ts";
import { hex, toHex } from "./traces.ts";

/** With 512-byte blocks: CDB, name, LBA, data length, buffer length, direction. */
type ParseRow = readonly [string, string, number, number, number, number];

const parses: readonly ParseRow[] = [
  ["08 1fffff 00 00", "READ(6)", 0x1fffff, 131_072, 131_072, IN],
  ["08 ffffff 01 00", "READ(6)", 0x1fffff, 512, 512, IN],
  ["0a 000010 00 00", "WRITE(6)", 16, 131_072, 131_072, OUT],
  ["28 00 ffffffff 00 ffff 00", "READ(10)", 0xffff_ffff, 33_553_920, 33_553_920, IN],
  ["28 00 00000005 00 0000 00", "READ(10)", 5, 0, 0, NONE],
  ["a8 00 00000010 00000008 00 00", "READ(12)", 16, 4096, 4096, IN],
  ["88 00 0000000100000000 00000001 00 00", "READ(16)", 2 ** 32, 512, 512, IN],
  ["2f 00 00000010 00 0008 00", "VERIFY(10)", 16, 4096, 0, NONE],
  ["2f 02 00000010 00 0008 00", "VERIFY(10)", 16, 4096, 4096, OUT],
  ["2f 06 00000010 00 0008 00", "VERIFY(10)", 16, 4096, 512, OUT],
  ["2f 06 00000010 00 0000 00", "VERIFY(10)", 16, 0, 0, NONE],
  ["8f 02 0000000000000010 00000008 00 00", "VERIFY(16)", 16, 4096, 4096, OUT],
  ["41 00 00000000 00 0008 00", "WRITE SAME(10)", 0, 4096, 512, OUT],
  ["93 08 0000000000000000 00000008 00 00", "WRITE SAME(16)", 0, 4096, 512, OUT],
  ["93 01 0000000000000000 00000008 00 00", "WRITE SAME(16)", 0, 4096, 0, NONE],
  ["93 09 0000000000000000 00000008 00 00", "WRITE SAME(16)", 0, 4096, 0, NONE],
  // The range may be longer than a buffer: only one block is sent.
  ["93 00 0000000000000000 ffffffff 00 00", "WRITE SAME(16)", 0, 0xffff_ffff * 512, 512, OUT],
  ["89 00 0000000000000010 000000 02 00 00", "COMPARE AND WRITE", 16, 1024, 2048, OUT],
  ["89 00 0000000000000010 000000 00 00 00", "COMPARE AND WRITE", 16, 0, 0, NONE],
  ["53 00 00000010 00 0002 00", "XDWRITEREAD(10)", 16, 1024, 1024, BIDI],
  ["9c 00 0000000000000010 0000 0004 00 00", "WRITE ATOMIC(16)", 16, 2048, 2048, OUT],
  ["8b 00 0000000000000010 00000004 00 00", "ORWRITE(16)", 16, 2048, 2048, OUT],
  ["42 00 00000000 00 0018 00", "UNMAP", 0, 24, 24, OUT],
  ["35 00 00000010 00 0008 00", "SYNCHRONIZE CACHE(10)", 16, 0, 0, NONE],
  ["91 00 0000000000000010 00000008 00 00", "SYNCHRONIZE CACHE(16)", 16, 0, 0, NONE],
  ["34 00 00000010 00 0008 00", "PRE-FETCH(10)", 16, 0, 0, NONE],
  ["25 00 00000000 0000 00 00", "READ CAPACITY(10)", 0, 8, 8, IN],
  ["9e 10 0000000000000000 00000020 00 00", "READ CAPACITY(16)", 0, 32, 32, IN],
  ["9e 12 0000000000000010 00000020 00 00", "GET LBA STATUS(16)", 16, 32, 32, IN],
  ["9f 11 0000000000000010 0000 0208 00 00", "WRITE LONG(16)", 16, 520, 520, OUT],
  ["3f 40 00000010 00 0208 00", "WRITE LONG(10)", 16, 0, 0, NONE],
  ["12 00 00 0060 00", "INQUIRY", 0, 96, 96, IN],
  ["03 00 0000 12 00", "REQUEST SENSE", 0, 18, 18, IN],
  ["15 10 0000 18 00", "MODE SELECT(6)", 0, 24, 24, OUT],
  ["55 10 00000000 00 0018 00", "MODE SELECT(10)", 0, 24, 24, OUT],
  ["5e 00 00000000 00 0100 00", "PERSISTENT RESERVE IN, READ KEYS", 0, 256, 256, IN],
  ["5f 07 00 0000 00000018 00", "PERSISTENT RESERVE OUT, REGISTER AND MOVE", 0, 24, 24, OUT],
  ["5f 1f 00 0000 00000018 00", "PERSISTENT RESERVE OUT", 0, 24, 24, OUT],
  ["a0 00 00 000000 00000040 00 00", "REPORT LUNS", 0, 64, 64, IN],
  ["a3 0c 00000000 00000400 00 00", "REPORT SUPPORTED OPERATION CODES", 0, 1024, 1024, IN],
  ["a3 1f 00000000 00000400 00 00", "MAINTENANCE IN", 0, 1024, 1024, IN],
  ["a4 0a 00000000 00000008 00 00", "SET TARGET PORT GROUPS", 0, 8, 8, OUT],
  ["a2 01 0000 80 00 00000002 00 00", "SECURITY PROTOCOL IN", 0, 1024, 1024, IN],
  ["85 08 0e 0000 0002 000000000000 00 25 00", "ATA PASS-THROUGH(16)", 0, 1024, 1024, IN],
  ["a1 0a 06 00 01 000000 00 30 00 00", "ATA PASS-THROUGH(12)", 0, 512, 512, OUT],
  ["85 06 20 0000 0000 000000000000 00 e7 00", "ATA PASS-THROUGH(16)", 0, 0, 0, NONE],
  ["0b 000010 00 00", "SEEK(6)", 0x10, 0, 0, NONE],
  ["04 00 00 0000 00", "FORMAT UNIT", 0, 0, 0, NONE],
];

/** CDB, name, answer, byte and bit of the field pointer. */
type RefusalRow = readonly [string, string, keyof typeof SENSE, number, number];

const refusals: readonly RefusalRow[] = [
  ["28 20 00000010 00 0008 00", "READ(10)", "INVALID_FIELD_IN_CDB", 1, 7],
  ["2a e0 00000010 00 0008 00", "WRITE(10)", "INVALID_FIELD_IN_CDB", 1, 7],
  ["2f 20 00000010 00 0008 00", "VERIFY(10)", "INVALID_FIELD_IN_CDB", 1, 7],
  ["2f 04 00000010 00 0008 00", "VERIFY(10)", "INVALID_FIELD_IN_CDB", 1, 2],
  ["41 10 00000000 00 0008 00", "WRITE SAME(10)", "INVALID_FIELD_IN_CDB", 1, 4],
  ["88 00 0000000000000000 00400000 00 00", "READ(16)", "LBA_OUT_OF_RANGE", -1, -1],
  ["88 00 ffffffffffffffff 00000001 00 00", "READ(16)", "LBA_OUT_OF_RANGE", -1, -1],
  [
    "a3 0c 00000000 80000000 00 00",
    "REPORT SUPPORTED OPERATION CODES",
    "INVALID_FIELD_IN_CDB",
    6,
    -1,
  ],
  ["83 01 0000000000000000 00000020 00 00", "THIRD-PARTY COPY OUT", "INVALID_FIELD_IN_CDB", 1, 0],
  [`7f 00 0000000000 18 0009 ${"00".repeat(22)}`, "READ(32)", "INVALID_OPCODE", -1, -1],
];

const found = (cdb: Uint8Array): Command => {
  const command = findCommand(cdb, DEVICE_TYPE.DISK);
  expect(command).toBeDefined();
  return command as Command;
};

describe("the standard parse", () => {
  test.each(parses)("%s is %s", (text, name, lba, dataLength, bufferLength, direction) => {
    const cdb = hex(text);
    const parsed = parsedCommand();
    const command = found(cdb);
    expect(cdb.length).toBe(command.cdbLength);
    expect(command.parse(cdb, 512, parsed)).toBeUndefined();
    expect(command.name).toBe(name);
    expect(parsed).toMatchObject({ lba, dataLength, bufferLength, dataDirection: direction });
    expect(parsed.outBufferLength).toBe(direction === BIDI ? bufferLength : 0);
    expect(parsed.cdbLength).toBe(cdb.length);
  });

  test.each(refusals)("%s, %s: %s", (text, name, sense, byte, bit) => {
    const parsed = parsedCommand();
    const command = found(hex(text));
    expect(command.name).toBe(name);
    expect(command.parse(hex(text), 512, parsed)).toBe(SENSE[sense]);
    expect([parsed.errorByte, parsed.errorBit]).toEqual([byte, bit]);
  });

  test("a record is used again without a trace of the command before", () => {
    const parsed = parsedCommand();
    const tainted = hex("28 20 00000010 00 0008 00");
    found(tainted).parse(tainted, 512, parsed);
    const ready = hex("00 00 00 00 00 00");
    const fresh = parsedCommand();
    found(ready).parse(ready, 512, parsed);
    found(ready).parse(ready, 512, fresh);
    expect(parsed).toEqual(fresh);
  });

  test("what a short CDB lacks is zero", () => {
    const parsed = parsedCommand();
    const cdb = hex("28 00 00 00 00 10");
    expect(found(cdb).parse(cdb, 512, parsed)).toBeUndefined();
    expect(parsed).toMatchObject({ lba: 16, dataLength: 0, dataDirection: NONE });
  });

  test("only the initiator knows how long a format's parameter list is", () => {
    const parsed = parsedCommand();
    const cdb = hex("04 10 00 00 00 00");
    found(cdb).parse(cdb, 512, parsed);
    expect(parsed.dataDirection).toBe(OUT);
    expect(parsed.opFlags & SCST_UNKNOWN_LENGTH).not.toBe(0);
  });

  test("an unknown SERVICE ACTION IN(16) keeps its direction until the length is known", () => {
    const parsed = parsedCommand();
    const cdb = hex("9e 1f 0000000000000000 00000020 00 00");
    expect(found(cdb).name).toBe("SERVICE ACTION IN(16)");
    found(cdb).parse(cdb, 512, parsed);
    expect(parsed).toMatchObject({ dataDirection: IN, bufferLength: 0 });
    expect(parsed.opFlags & SCST_UNKNOWN_LENGTH).not.toBe(0);
  });

  test.each([
    ["1b 00 00 00 01 00", true],
    ["1b 00 00 00 00 00", false],
    ["1b 00 00 00 11 00", false],
    ["1e 00 00 00 00 00", true],
    ["1e 00 00 00 01 00", false],
  ])("%s is open to every nexus: %s", (text, open) => {
    const parsed = parsedCommand();
    found(hex(text)).parse(hex(text), 512, parsed);
    expect((parsed.opFlags & SCST_EXCL_ACCESS_ALLOWED) !== 0).toBe(open);
  });

  test.each([
    [DEVICE_TYPE.DISK, "00", 10],
    [DEVICE_TYPE.DISK, "28", 60],
    [DEVICE_TYPE.DISK, "04", 3600],
    [DEVICE_TYPE.TAPE, "00", 3],
    [DEVICE_TYPE.TAPE, "15", 900],
    [DEVICE_TYPE.CDROM, "1e", 14_000],
    [DEVICE_TYPE.CHANGER, "15", 3],
  ])("a device of type %i gives opcode %sh its time", (type, opcode, seconds) => {
    const parsed = parsedCommand();
    findCommand(hex(opcode), type)?.parse(hex(opcode), 512, parsed);
    expect(parsed.timeoutSeconds).toBe(seconds);
  });
});

const namesWith = (flag: number): string[] =>
  commandsOf(DEVICE_TYPE.DISK)
    .filter(({ flags }) => (flags & flag) === flag)
    .map(({ name }) => name);

describe("the table", () => {
  const types = Array.from({ length: DEVICE_TYPE_COUNT }, (_, type) => type);

  test.each(types)("type %i has every opcode and service action once", (type) => {
    const keys = commandsOf(type).map(({ opcode, serviceAction }) => `${opcode} ${serviceAction}`);
    expect(new Set(keys).size).toBe(keys.length);
    const names = commandsOf(type).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(commandsOf(DEVICE_TYPE.DISK).map((command) => [command.name, command] as const))(
    "%s agrees with its CDB",
    (_name, command) => {
      expect(command.cdbLength).toBe(command.cdb.size);
      const group = standardCdbLength(command.opcode);
      expect(command.cdbLength).toBe(group === 0 ? 32 : group);
      expect(command.controlByte).toBe(command.opcode === 0x7f ? 1 : command.cdbLength - 1);
      expect(command.flags & SCST_INFO_VALID).not.toBe(0);
      expect(command.deviceTypes).toContain(DEVICE_TYPE.DISK);
      const cdb = command.cdb.encode({
        operationCode: command.opcode,
        ...(command.serviceAction === undefined ? {} : { serviceAction: command.serviceAction }),
      });
      const other = findCommand(cdb, DEVICE_TYPE.DISK);
      // A generic row is found by a service action that has no row of its own.
      if (command.serviceAction !== undefined) expect(other).toBe(command);
      else expect(other?.opcode).toBe(command.opcode);
    },
  );

  test("SPC-5 and SCST: which commands skip a unit attention, or go first", () => {
    expect(namesWith(SCST_SKIP_UA)).toEqual(["REQUEST SENSE", "INQUIRY", "REPORT LUNS"]);
    expect(namesWith(SCST_IMPLICIT_HQ)).toEqual([
      "TEST UNIT READY",
      "INQUIRY",
      "READ CAPACITY(10)",
      "READ CAPACITY(16)",
      "REPORT LUNS",
    ]);
  });

  test("what the core answers alone, and what waits for an idle device", () => {
    expect(namesWith(SCST_FULLY_LOCAL_CMD)).toEqual([
      "REPORT LUNS",
      "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    ]);
    expect(namesWith(SCST_STRICTLY_SERIALIZED)).toEqual([
      "FORMAT UNIT",
      "MODE SELECT(6)",
      "LOG SELECT",
      "MODE SELECT(10)",
      "SET TARGET PORT GROUPS",
    ]);
  });

  test("every WRITE counts as a write to the medium, and no READ does", () => {
    const writing = new Set(namesWith(SCST_WRITE_MEDIUM));
    const names = commandsOf(DEVICE_TYPE.DISK)
      .map(({ name }) => name)
      .filter((name) => !name.endsWith("(32)"));
    const writes = names.filter((name) => /^(WRITE|XDWRITE|XPWRITE|ORWRITE)(?! BUFFER)/.test(name));
    expect(writes.filter((name) => !writing.has(name))).toEqual([]);
    const reads = names.filter((name) => /^(READ|VERIFY|REPORT|INQUIRY)/.test(name));
    expect(reads.filter((name) => writing.has(name))).toEqual([]);
  });

  test("an LBA is valid exactly where the row names it", () => {
    for (const text of ["28", "2f", "35", "89", "93"]) {
      expect(found(hex(text)).flags & SCST_LBA_NOT_VALID).toBe(0);
    }
    for (const text of ["00", "12", "25", "42", "a0"]) {
      expect(found(hex(text)).flags & SCST_LBA_NOT_VALID).not.toBe(0);
    }
  });

  /** Opcodes that the real SCST's table has for disks. */
  const scstDisk = hex(
    `00 03 04 05 07 08 0a 0b 11 12 15 16 17 1a 1b 1c 1d 1e 23 25 28 29 2a 2b 2c 2d 2e 2f 34 35
     36 37 3b 3c 3e 3f 40 41 42 4c 4d 50 51 53 55 56 57 5a 5e 5f 7f 81 82 83 84 85 86 87 88 89 8a
     8e 8f 90 91 92 93 9e a0 a1 a2 a3 a4 a8 aa ae af b5 b7`,
  );

  test("every opcode that SCST knows for disks has a row, and the others say so", () => {
    const known = commandsOf(DEVICE_TYPE.DISK).filter(({ knownToScst }) => knownToScst);
    const opcodes = new Set(known.map(({ opcode }) => opcode));
    expect([...opcodes].sort((a, b) => a - b)).toEqual([...scstDisk]);
  });
});

describe("CDB usage data", () => {
  test.each([
    ["12", "12 03 ff ffff 04"],
    ["28", "28 fc ffffffff 3f ffff 04"],
    ["9e 10", "9e 10 ffffffffffffffff ffffffff 01 04"],
    ["a3 0c", "a3 0c 87 ff ffff ffffffff 00 04"],
    ["5f 05", "5f 05 ff 0000 ffffffff 04"],
    ["08", "08 1fffff ff 04"],
  ])("of %s is %s", (text, usage) => {
    expect(toHex(cdbUsageData(found(hex(text))))).toBe(usage.replaceAll(" ", ""));
  });
});

describe("the names in traces", () => {
  test.each([
    ["28 00 00000010 00 0008 00", "READ(10)"],
    ["9e 10", "READ CAPACITY(16)"],
    ["ff", "opcode FFh"],
    ["7f 00 0000000000 18 ffff", "opcode 7Fh"],
  ])("%s is %s", (text, name) => {
    expect(commandName(hex(text))).toBe(name);
  });
});
