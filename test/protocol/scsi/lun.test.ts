import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LUN_LENGTH, packLun, unpackLun } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_LUN_ADDR_METHOD_EXTENDED_LUN as EXTENDED,
  SCST_LUN_ADDR_METHOD_FLAT as FLAT,
  SCST_LUN_ADDR_METHOD_LUN as LUN,
  SCST_LUN_ADDR_METHOD_PERIPHERAL as PERIPHERAL,
  SCST_MAX_LUN,
} from "../../../src/protocol/scst/index.ts";
import { hex, toHex } from "./traces.ts";

const packed: readonly (readonly [number, number, string])[] = [
  [0, PERIPHERAL, "0000000000000000"],
  [0, FLAT, "0000000000000000"],
  [0, LUN, "0000000000000000"],
  [1, PERIPHERAL, "0001000000000000"],
  [255, PERIPHERAL, "00ff000000000000"],
  [256, PERIPHERAL, "4100000000000000"],
  [1, FLAT, "4001000000000000"],
  [SCST_MAX_LUN, FLAT, "7fff000000000000"],
  [1, LUN, "8001000000000000"],
  [SCST_MAX_LUN, LUN, "bfff000000000000"],
];

describe("LUNs", () => {
  test.each(packed)("LUN %i by method %i is %s", (lun, method, expected) => {
    const bytes = new Uint8Array(LUN_LENGTH + 4).fill(0xa5);
    packLun(lun, method, bytes, 2);
    expect(toHex(bytes)).toBe(`a5a5${expected}a5a5`);
    expect(unpackLun(bytes, 2)).toBe(lun);
  });

  test.each([
    ["c101000000000000", "extended addressing: REPORT LUNS well known LUN"],
    ["0001000100000000", "two levels"],
    ["4001000000000001", "four levels"],
  ])("%s is nobody's: %s", (text) => {
    expect(unpackLun(hex(text))).toBe(-1);
  });

  test("what was packed is unpacked", () => {
    const lun = fc.integer({ min: 0, max: SCST_MAX_LUN });
    fc.assert(
      fc.property(lun, fc.constantFrom(PERIPHERAL, FLAT, LUN), (number, method) => {
        const bytes = new Uint8Array(LUN_LENGTH);
        packLun(number, method, bytes);
        expect(unpackLun(bytes)).toBe(number);
      }),
    );
  });

  test.each([
    [SCST_MAX_LUN + 1, FLAT],
    [-1, FLAT],
    [1.5, FLAT],
    [1, EXTENDED],
  ])("LUN %d by method %i is the caller's mistake", (lun, method) => {
    expect(() => packLun(lun, method, new Uint8Array(LUN_LENGTH))).toThrow(/LUN/);
  });
});
