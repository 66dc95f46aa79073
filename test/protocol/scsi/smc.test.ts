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
  SCST_EXCL_ACCESS_ALLOWED,
  SCST_LBA_NOT_VALID,
} from "../../../src/protocol/scst/index.ts";
import { hex } from "./traces.ts";

const parses: readonly (readonly [string, string, number, number])[] = [
  ["07 00 00 00 00 00", "INITIALIZE ELEMENT STATUS", 0, NONE],
  ["1b 00 0010 00 00", "OPEN/CLOSE IMPORT/EXPORT ELEMENT", 0, NONE],
  ["2b 00 0000 0000 00 00 00 00", "POSITION TO ELEMENT", 0, NONE],
  ["37 01 0000 00 00 0000 00 00", "INITIALIZE ELEMENT STATUS WITH RANGE", 0, NONE],
  ["a5 00 0000 1000 0100 0000 00 00", "MOVE MEDIUM", 0, NONE],
  ["a6 00 0000 1000 0100 1000 00 00", "EXCHANGE MEDIUM", 0, NONE],
  ["b5 00 0000 ffff 00 012345 00 00", "REQUEST VOLUME ELEMENT ADDRESS", 0x01_2345, IN],
  ["b6 00 0000 00 05 0000 0028 00 00", "SEND VOLUME TAG", 40, OUT],
  ["b8 10 0000 ffff 00 ffffff 00 00", "READ ELEMENT STATUS", 0xff_ffff, IN],
  ["b8 10 0000 ffff 00 000000 00 00", "READ ELEMENT STATUS", 0, NONE],
];

describe("the standard parse of medium changers' commands", () => {
  test.each(parses)("%s is %s", (text, name, length, direction) => {
    const cdb = hex(text);
    const parsed = parsedCommand();
    const command = findCommand(cdb, DEVICE_TYPE.CHANGER);
    expect(command?.name).toBe(name);
    expect(command?.parse(cdb, 0, parsed)).toBeUndefined();
    expect(parsed).toMatchObject({
      dataLength: length,
      bufferLength: length,
      dataDirection: direction,
    });
    expect(findCommand(cdb, DEVICE_TYPE.DISK)?.name).not.toBe(name);
  });

  test.each([
    ["b8 00 0000 ffff 00 001000 00 00", false],
    ["b8 00 0000 ffff 02 001000 00 00", true],
  ])("%s is open to every nexus: %s", (text, open) => {
    const parsed = parsedCommand();
    findCommand(hex(text), DEVICE_TYPE.CHANGER)?.parse(hex(text), 0, parsed);
    expect((parsed.opFlags & SCST_EXCL_ACCESS_ALLOWED) !== 0).toBe(open);
  });

  test.each(commandsOf(DEVICE_TYPE.CHANGER).map((command) => [command.name, command] as const))(
    "%s agrees with its CDB",
    (_name, command) => {
      expect(command.cdbLength).toBe(command.cdb.size);
      expect(command.cdbLength).toBe(standardCdbLength(command.opcode));
      expect(command.controlByte).toBe(command.cdbLength - 1);
      expect(command.flags & SCST_LBA_NOT_VALID).not.toBe(0);
    },
  );
});
