import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BHS_LENGTH,
  DataIn,
  DataOut,
  LoginRequest,
  LoginResponse,
  Opcode,
  padded,
  PDU_OF_OPCODE,
  pduName,
  ReadyToTransfer,
  ScsiCommand,
  ScsiResponse,
  serialAdd,
  serialDifference,
  TaskManagementRequest,
} from "../../../src/protocol/iscsi/index.ts";
import type { Layout } from "../../../src/protocol/layout/index.ts";

const hex = (bytes: Uint8Array) =>
  (Buffer.from(bytes).toString("hex").match(/.{8}/g) ?? []).join(" ");

// The figures of RFC 7143, "iSCSI PDU Formats", filled in by hand: a row is four bytes a word.
const GOLDEN: readonly (readonly [Layout, Readonly<Record<string, unknown>>, string])[] = [
  [
    ScsiCommand,
    {
      opcode: Opcode.scsiCommand,
      immediate: true,
      final: true,
      read: true,
      taskAttribute: 1,
      totalAhsLength: 5,
      dataSegmentLength: 0x010203,
      lun: new Uint8Array([0, 7]),
      initiatorTaskTag: 0x11223344,
      expectedDataTransferLength: 4096,
      cmdSn: 9,
      expStatSn: 10,
      cdb: new Uint8Array([0x28, 0, 0, 0, 0, 1, 0, 0, 8, 0]),
    },
    "41c10000 05010203 00070000 00000000 11223344 00001000 00000009 0000000a 28000000 00010000 08000000 00000000",
  ],
  [
    ScsiResponse,
    {
      opcode: Opcode.scsiResponse,
      final: true,
      bidirectionalReadOverflow: true,
      underflow: true,
      response: 1,
      status: 2,
      initiatorTaskTag: 5,
      statSn: 1,
      expCmdSn: 2,
      maxCmdSn: 3,
      expDataSn: 4,
      bidirectionalReadResidualCount: 6,
      residualCount: 7,
    },
    "21920102 00000000 00000000 00000000 00000005 00000000 00000001 00000002 00000003 00000004 00000006 00000007",
  ],
  [
    DataOut,
    {
      opcode: Opcode.dataOut,
      final: true,
      dataSegmentLength: 512,
      initiatorTaskTag: 1,
      targetTransferTag: 0xffffffff,
      expStatSn: 2,
      dataSn: 3,
      bufferOffset: 4,
    },
    "05800000 00000200 00000000 00000000 00000001 ffffffff 00000000 00000002 00000000 00000003 00000004 00000000",
  ],
  [
    DataIn,
    {
      opcode: Opcode.dataIn,
      final: true,
      acknowledge: true,
      overflow: true,
      statusPresent: true,
      status: 8,
      initiatorTaskTag: 1,
      targetTransferTag: 2,
      statSn: 3,
      expCmdSn: 4,
      maxCmdSn: 5,
      dataSn: 6,
      bufferOffset: 7,
      residualCount: 8,
    },
    "25c50008 00000000 00000000 00000000 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008",
  ],
  [
    ReadyToTransfer,
    {
      opcode: Opcode.readyToTransfer,
      final: true,
      initiatorTaskTag: 1,
      targetTransferTag: 2,
      statSn: 3,
      expCmdSn: 4,
      maxCmdSn: 5,
      r2tSn: 6,
      bufferOffset: 7,
      desiredDataTransferLength: 8,
    },
    "31800000 00000000 00000000 00000000 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008",
  ],
  [
    LoginRequest,
    {
      opcode: Opcode.loginRequest,
      immediate: true,
      transit: true,
      currentStage: 1,
      nextStage: 3,
      versionMax: 1,
      versionMin: 2,
      isid: new Uint8Array([0x40, 1, 2, 3, 4, 5]),
      tsih: 6,
      initiatorTaskTag: 7,
      connectionId: 8,
      cmdSn: 9,
      expStatSn: 10,
    },
    "43870102 00000000 40010203 04050006 00000007 00080000 00000009 0000000a 00000000 00000000 00000000 00000000",
  ],
  [
    LoginResponse,
    {
      opcode: Opcode.loginResponse,
      continues: true,
      isid: new Uint8Array([0x40, 1, 2, 3, 4, 5]),
      tsih: 6,
      initiatorTaskTag: 7,
      statSn: 8,
      expCmdSn: 9,
      maxCmdSn: 10,
      status: 0x0207,
    },
    "23400000 00000000 40010203 04050006 00000007 00000000 00000008 00000009 0000000a 02070000 00000000 00000000",
  ],
  [
    TaskManagementRequest,
    {
      opcode: Opcode.taskManagementRequest,
      immediate: true,
      final: true,
      taskManagementFunction: 5,
      lun: new Uint8Array([0, 1]),
      initiatorTaskTag: 2,
      referencedTaskTag: 3,
      cmdSn: 4,
      expStatSn: 5,
      refCmdSn: 6,
      expDataSn: 7,
    },
    "42850000 00000000 00010000 00000000 00000002 00000003 00000004 00000005 00000006 00000007 00000000 00000000",
  ],
];

describe("golden headers", () => {
  test.each(GOLDEN.map(([layout, values, bytes]) => [layout.name, layout, values, bytes] as const))(
    "%s",
    (_name, layout, values, bytes) => {
      expect(hex(layout.encode(values))).toBe(bytes);
    },
  );
});

describe("every PDU", () => {
  const layouts = [...PDU_OF_OPCODE.entries()];

  test.each(layouts)("opcode %i has a header of 48 bytes and says so", (opcode, layout) => {
    expect(layout.size).toBe(BHS_LENGTH);
    expect(layout.encode({ opcode })[0]).toBe(opcode);
    expect(pduName(opcode)).toBe(layout.name);
  });

  test.each(layouts.map(([, layout]) => [layout.name, layout] as const))(
    "%s: fields keep their values, and to themselves",
    (_name, layout) => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), (bytes) => {
          const view = layout.view(bytes) as unknown as Record<string, number>;
          const values = Object.fromEntries(
            layout.fields.map(({ name }) => {
              const value: unknown = view[name];
              return [name, value instanceof Uint8Array ? value.slice() : value];
            }),
          );
          const again = layout.view(layout.encode(values)) as unknown as Record<string, number>;
          for (const { name } of layout.fields) expect(again[name]).toEqual(values[name]);
        }),
      );
    },
  );
});

describe("numbers", () => {
  test.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [5, 8],
    [0xffffff, 0x1000000],
  ])("%i bytes are padded to %i", (length, expected) => {
    expect(padded(length)).toBe(expected);
  });

  test.each([
    [5, 3, 2],
    [3, 5, -2],
    [0, 0xffffffff, 1],
    [0xffffffff, 0, -1],
    [0x80000001, 2, 0x7fffffff],
  ])("serial number %i - %i is %i", (a, b, expected) => {
    expect(serialDifference(a, b)).toBe(expected);
    expect(serialAdd(b, expected)).toBe(a);
  });
});
