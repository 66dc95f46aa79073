/** EXTENDED COPY(LID1): the tables of SPC-4, byte by byte. */
import { describe, expect, test } from "vitest";
import {
  BlockToBlockSegmentDescriptor,
  COPY_COMMAND_STATUS,
  COPY_DESCRIPTOR_TYPE,
  CopyFailureDetailsData,
  CopyOperatingParametersData,
  CopyStatusData,
  ExtendedCopyParameterList,
  IdentificationCscdDescriptor,
  LIST_ID_USAGE,
  SegmentDescriptorHeader,
  TRANSFER_COUNT_UNITS_KIB,
} from "../../../src/protocol/scsi/index.ts";
import { hex, toHex } from "./traces.ts";

describe("parameter list", () => {
  test("header", () => {
    const bytes = ExtendedCopyParameterList.encode({
      listIdentifier: 7,
      str: true,
      listIdUsage: LIST_ID_USAGE.DISCARD,
      priority: 1,
      cscdDescriptorListLength: 0x40,
      segmentDescriptorListLength: 0x1c,
      inlineDataLength: 0x01020304,
    });
    expect(toHex(bytes)).toBe("07310040000000000000001c01020304");
  });

  test("identification descriptor CSCD descriptor, as ESX sends it", () => {
    const bytes = hex("e400000001030010600140500000000000000000000000010000000000000200");
    const view = IdentificationCscdDescriptor.view(bytes);
    expect(IdentificationCscdDescriptor.size).toBe(32);
    expect(view.descriptorTypeCode).toBe(COPY_DESCRIPTOR_TYPE.IDENTIFICATION);
    expect([view.codeSet, view.association, view.designatorType]).toEqual([1, 0, 3]);
    expect(view.designatorLength).toBe(16);
    expect(toHex(view.designator)).toBe("6001405000000000000000000000000100000000");
    expect(view.diskBlockLength).toBe(512);
  });

  test("block to block segment descriptor", () => {
    const bytes = BlockToBlockSegmentDescriptor.encode({
      descriptorTypeCode: COPY_DESCRIPTOR_TYPE.BLOCK_TO_BLOCK,
      dc: true,
      cat: true,
      descriptorLength: BlockToBlockSegmentDescriptor.size - SegmentDescriptorHeader.size,
      sourceCscdDescriptorId: 1,
      destinationCscdDescriptorId: 2,
      blockDeviceNumberOfBlocks: 0x800,
      sourceLogicalBlockAddress: 0x10,
      destinationLogicalBlockAddress: 0x1_0000_0020,
    });
    expect(toHex(bytes)).toBe("02030018000100020000080000000000000000100000000100000020");
  });
});

describe("parameter data", () => {
  test("copy status", () => {
    const bytes = CopyStatusData.encode({
      availableData: 8,
      copyCommandStatus: COPY_COMMAND_STATUS.COMPLETED_WITH_ERRORS,
      segmentsProcessed: 3,
      transferCountUnits: TRANSFER_COUNT_UNITS_KIB,
      transferCount: 0x400,
    });
    expect(toHex(bytes)).toBe("000000080200030100000400");
  });

  test("sizes before what follows", () => {
    expect(CopyOperatingParametersData.size).toBe(44);
    expect(CopyFailureDetailsData.size).toBe(60);
    const details = CopyFailureDetailsData.encode({
      extendedCopyCommandStatus: 2,
      senseDataLength: 18,
    });
    expect(toHex(details.subarray(56))).toBe("02000012");
  });
});
