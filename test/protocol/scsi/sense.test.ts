import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  additionalSenseName,
  encodeDescriptorSense,
  encodeFixedSense,
  findSense,
  parseSense,
  SENSE,
  SENSE_KEY,
  type SenseCondition,
  type SenseDetails,
  senseKeyName,
  STATUS,
  statusName,
} from "../../../src/protocol/scsi/index.ts";
import { hex, toHex } from "./traces.ts";

type Row = readonly [string, SenseCondition, SenseDetails, string];

const fieldPointer = { inCdb: true, byte: 6 };

/** The first two were recorded from the real SCST. */
const fixed: readonly Row[] = [
  ["no details", SENSE.INVALID_FIELD_IN_CDB, {}, "700005000000000a00000000240000000000"],
  [
    "CDB byte",
    SENSE.INVALID_FIELD_IN_CDB,
    { fieldPointer },
    "700005000000000a00000000240000c00006",
  ],
  [
    "CDB byte and bit",
    SENSE.INVALID_FIELD_IN_CDB,
    { fieldPointer: { inCdb: true, byte: 1, bit: 5 } },
    "700005000000000a00000000240000cd0001",
  ],
  [
    "parameter list byte",
    SENSE.INVALID_FIELD_IN_PARAMETER_LIST,
    { fieldPointer: { inCdb: false, byte: 0x123 } },
    "700005000000000a00000000260000800123",
  ],
  [
    "unit attention",
    SENSE.POWER_ON_RESET_OR_BUS_DEVICE_RESET,
    {},
    "700006000000000a00000000290000000000",
  ],
  [
    "information",
    SENSE.MISCOMPARE_DURING_VERIFY,
    { information: 0x1ff },
    "f0000e000001ff0a000000001d0000000000",
  ],
  [
    "information beyond 32 bits",
    SENSE.UNRECOVERED_READ_ERROR,
    { information: 2 ** 32 },
    "700003000000000a00000000110000000000",
  ],
  [
    "filemark, deferred",
    SENSE.FILEMARK_DETECTED,
    { deferred: true, filemark: true, ili: true, information: 3 },
    "f100a0000000030a00000000000100000000",
  ],
  [
    "progress",
    SENSE.FORMAT_IN_PROGRESS,
    { progress: 0x8000 },
    "700002000000000a00000000040400808000",
  ],
];

const descriptor: readonly Row[] = [
  ["no details", SENSE.INVALID_OPCODE, {}, "7205200000000000"],
  [
    "CDB byte and bit",
    SENSE.INVALID_FIELD_IN_CDB,
    { fieldPointer: { inCdb: true, byte: 1, bit: 5 } },
    "7205240000000008 02060000cd000100",
  ],
  [
    "information beyond 32 bits",
    SENSE.UNRECOVERED_READ_ERROR,
    { information: 2 ** 32 },
    "720311000000000c 000a800000000001 00000000",
  ],
  [
    "stream",
    SENSE.FILEMARK_DETECTED,
    { deferred: true, filemark: true, ili: true },
    "7300000100000004 040200a0",
  ],
  ["block", SENSE.INVALID_FIELD_IN_CDB, { ili: true }, "7205240000000004 05020020"],
  [
    "command specific",
    SENSE.NO_DEFECT_SPARE_LOCATION_AVAILABLE,
    { commandSpecific: 7 },
    "720432000000000c 010a000000000000 00000007",
  ],
];

describe("sense data", () => {
  test.each(fixed)("fixed format: %s", (_name, condition, details, expected) => {
    expect(toHex(encodeFixedSense(condition, details))).toBe(expected);
  });

  test.each(descriptor)("descriptor format: %s", (_name, condition, details, expected) => {
    expect(toHex(encodeDescriptorSense(condition, details))).toBe(expected.replaceAll(" ", ""));
  });

  test("what was encoded is read again, in both formats", () => {
    const details = fc.record(
      {
        information: fc.integer({ min: 0, max: 0xffff_ffff }),
        commandSpecific: fc.integer({ min: 1, max: 0xffff_ffff }),
        deferred: fc.boolean(),
        filemark: fc.boolean(),
        eom: fc.boolean(),
        ili: fc.boolean(),
        fieldPointer: fc.record(
          {
            inCdb: fc.boolean(),
            byte: fc.integer({ min: 0, max: 0xffff }),
            bit: fc.integer({ min: 0, max: 7 }),
          },
          { requiredKeys: ["inCdb", "byte"] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(details, fc.constantFrom(...Object.values(SENSE)), (given, condition) => {
        for (const encode of [encodeFixedSense, encodeDescriptorSense]) {
          const { information, commandSpecific, fieldPointer: pointer, ...flags } = given;
          const read = parseSense(encode(condition, given));
          expect(read).toMatchObject({
            key: condition.key,
            asc: condition.asc,
            ascq: condition.ascq,
            name: condition.name,
            deferred: false,
            ...flags,
          });
          expect(read.information).toBe(information);
          expect(read.commandSpecific).toBe(commandSpecific);
          const isPointer = condition.key === SENSE_KEY.ILLEGAL_REQUEST;
          expect(read.fieldPointer).toEqual(isPointer ? pointer : undefined);
        }
      }),
    );
  });

  test("random bytes are read or refused as the peer's fault", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          parseSense(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: "ProtocolError", code: "SENSE" });
        }
      }),
    );
  });

  test("short sense data is read as far as it goes", () => {
    expect(parseSense(hex("70000600000000"))).toMatchObject({ key: 6, asc: 0, ascq: 0 });
    expect(parseSense(hex("7206 2900"))).toMatchObject({ key: 6, asc: 0x29, ascq: 0 });
  });
});

describe("the conditions", () => {
  const rows = Object.entries(SENSE);

  test("no two rows have the same codes", () => {
    const codes = rows.map(([, { key, asc, ascq }]) => `${key}/${asc}/${ascq}`);
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  });

  test.each(rows)("%s is found by its codes and frozen", (_name, row) => {
    expect(findSense(row.key, row.asc, row.ascq)).toBe(row);
    expect(additionalSenseName(row.asc, row.ascq)).toBe(row.name);
    expect(Object.isFrozen(row)).toBe(true);
  });

  test("what has no row has no condition, and a name by its codes", () => {
    expect(findSense(5, 0xfe, 1)).toBeUndefined();
    expect(additionalSenseName(0xfe, 1)).toBe("ASC FEh, ASCQ 01h");
    expect(senseKeyName(SENSE_KEY.UNIT_ATTENTION)).toBe("UNIT ATTENTION");
    expect(statusName(STATUS.TASK_SET_FULL)).toBe("TASK SET FULL");
    expect(statusName(0x7f)).toBe("status 7Fh");
  });
});
