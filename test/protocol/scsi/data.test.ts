/** Golden bytes: the answers of the C fileio_tgt in the recordings, and the standards' tables. */
import { describe, expect, test } from "vitest";
import {
  ASSOCIATION,
  BlockDeviceCharacteristicsVpdPage,
  BlockLimitsVpdPage,
  CachingModePage,
  CODE_SET,
  ControlModePage,
  DESIGNATOR_TYPE,
  encodeDesignation,
  InformationalExceptionsControlModePage,
  LogicalBlockProvisioningVpdPage,
  MODE_PAGE,
  ModeParameterHeader6,
  ModeParameterHeader10,
  PersistentReserveOutParameterList,
  PROVISIONING_TYPE,
  ReadCapacity10Data,
  ReadCapacity16Data,
  ReportCapabilitiesData,
  RigidDiskGeometryModePage,
  ShortLbaBlockDescriptor,
  StandardInquiry,
  TaskManagementFunctions,
  UnmapBlockDescriptor,
  UnmapParameterList,
  VERSION_DESCRIPTOR,
  VPD_PAGE,
} from "../../../src/protocol/scsi/index.ts";
import { hex, toHex } from "./traces.ts";

describe("INQUIRY data", () => {
  test("standard data as recorded", () => {
    const bytes = new Uint8Array(StandardInquiry.size);
    bytes.set(hex("000006121f000102534353545f5553526469736b31202020202020202020202033313130"));
    const view = StandardInquiry.view(bytes);
    expect(view.peripheralDeviceType).toBe(0);
    expect(view.version).toBe(6);
    expect(view.hisup).toBe(true);
    expect(view.responseDataFormat).toBe(2);
    expect(view.additionalLength).toBe(31);
    expect(view.cmdque).toBe(true);
    expect(view.t10VendorIdentification).toBe("SCST_USR");
    expect(view.productIdentification).toBe("disk1");
    expect(view.productRevisionLevel).toBe("3110");
  });

  test("version descriptors stand from byte 58", () => {
    const bytes = StandardInquiry.encode({
      versionDescriptor1: VERSION_DESCRIPTOR.SAM_5,
      versionDescriptor2: VERSION_DESCRIPTOR.SPC_5,
      versionDescriptor3: VERSION_DESCRIPTOR.SBC_4,
      versionDescriptor4: VERSION_DESCRIPTOR.ISCSI,
    });
    expect(toHex(bytes.subarray(58, 66))).toBe("00a005c006000960");
  });

  test("block limits as recorded", () => {
    const bytes = new Uint8Array(BlockLimitsVpdPage.size);
    bytes.set(hex("00b0003c00ff000800100000000004000000000000000000"));
    const view = BlockLimitsVpdPage.view(bytes);
    expect(view.pageCode).toBe(VPD_PAGE.BLOCK_LIMITS);
    expect(view.pageLength).toBe(BlockLimitsVpdPage.size - 4);
    expect(view.maximumCompareAndWriteLength).toBe(255);
    expect(view.optimalTransferLengthGranularity).toBe(8);
    expect(view.maximumTransferLength).toBe(0x10_0000);
    expect(view.optimalTransferLength).toBe(1024);
  });

  test("block device characteristics as recorded", () => {
    const bytes = new Uint8Array(BlockDeviceCharacteristicsVpdPage.size);
    bytes.set(hex("00b1003c3a98"));
    expect(BlockDeviceCharacteristicsVpdPage.view(bytes).mediumRotationRate).toBe(15_000);
  });

  test("logical block provisioning: thin, with UNMAP and both WRITE SAMEs", () => {
    const bytes = LogicalBlockProvisioningVpdPage.encode({
      pageCode: VPD_PAGE.LOGICAL_BLOCK_PROVISIONING,
      pageLength: LogicalBlockProvisioningVpdPage.size - 4,
      lbpu: true,
      lbpws: true,
      lbpws10: true,
      lbprz: 1,
      provisioningType: PROVISIONING_TYPE.THIN,
    });
    expect(toHex(bytes)).toBe("00b2000400e40200");
  });

  test("a designation descriptor as recorded", () => {
    const bytes = encodeDesignation(
      {
        codeSet: CODE_SET.ASCII,
        association: ASSOCIATION.LOGICAL_UNIT,
        designatorType: DESIGNATOR_TYPE.T10_VENDOR_ID,
      },
      hex("534353545f55535234646430643564322d6469736b3100"),
    );
    expect(toHex(bytes)).toBe("02010017534353545f55535234646430643564322d6469736b3100");
  });
});

describe("capacity and provisioning", () => {
  test("capacity as recorded: 131072 blocks of 512 bytes", () => {
    const ten = { returnedLogicalBlockAddress: 0x1_ffff, logicalBlockLength: 512 };
    expect(toHex(ReadCapacity10Data.encode(ten))).toBe("0001ffff00000200");
    const sixteen = ReadCapacity16Data.encode({
      ...ten,
      logicalBlocksPerPhysicalBlockExponent: 3,
    });
    expect(toHex(sixteen)).toBe(`000000000001ffff000002000003${"00".repeat(18)}`);
  });

  test("READ CAPACITY(16): thin provisioning and alignment share two bytes", () => {
    const bytes = ReadCapacity16Data.encode({
      lbpme: true,
      lbprz: true,
      lowestAlignedLogicalBlockAddress: 0x3fff,
    });
    expect(toHex(bytes.subarray(14, 16))).toBe("ffff");
    expect(ReadCapacity16Data.view(hex(`${"00".repeat(14)}c001${"00".repeat(16)}`))).toMatchObject({
      lbpme: true,
      lbprz: true,
      lowestAlignedLogicalBlockAddress: 1,
    });
  });

  test("UNMAP's parameter list with one descriptor", () => {
    const list = UnmapParameterList.encode({
      unmapDataLength: 22,
      unmapBlockDescriptorDataLength: 16,
    });
    const block = UnmapBlockDescriptor.encode({
      unmapLogicalBlockAddress: 0x40,
      numberOfLogicalBlocks: 8,
    });
    expect(toHex(list) + toHex(block)).toBe(
      "00160010000000000000000000000040000000080000000000".slice(0, 48),
    );
  });
});

describe("mode pages", () => {
  // The recorded answer to MODE SENSE(6), page 3Fh: header, block descriptor, pages.
  const recorded = hex(
    `830010080002000000000200
     010ac00bf00000000500ffff
     020e8080000a00000000000000000000
     03160000000000000000003802000000000000004000000008121400ffff0000ffffffff80140000000000000a0a`,
  );

  test("header and block descriptor as recorded", () => {
    const header = ModeParameterHeader6.view(recorded);
    expect(header.modeDataLength).toBe(0x83);
    expect(header.blockDescriptorLength).toBe(ShortLbaBlockDescriptor.size);
    const block = ShortLbaBlockDescriptor.view(recorded, ModeParameterHeader6.size);
    expect(block.numberOfLogicalBlocks).toBe(0x2_0000);
    expect(block.logicalBlockLength).toBe(512);
    expect(ModeParameterHeader10.size).toBe(8);
  });

  test("the control page as recorded", () => {
    const view = ControlModePage.view(hex("0a0a20100040000000 00024b"));
    expect(view.pageCode).toBe(MODE_PAGE.CONTROL);
    expect(view.tst).toBe(1);
    expect(view.queueAlgorithmModifier).toBe(1);
    expect(view.qerr).toBe(0);
    expect(view.tas).toBe(true);
    expect(view.extendedSelfTestCompletionTime).toBe(0x24b);
  });

  test("the caching page as recorded", () => {
    const view = CachingModePage.view(hex("08121400ffff0000ffffffff8014000000000000"));
    expect(view.pageCode).toBe(MODE_PAGE.CACHING);
    expect(view.pageLength).toBe(CachingModePage.size - 2);
    expect(view.disc).toBe(true);
    expect(view.wce).toBe(true);
    expect(view.rcd).toBe(false);
    expect(view.fsw).toBe(true);
    expect(view.numberOfCacheSegments).toBe(20);
  });

  test("the other pages as recorded", () => {
    const geometry = RigidDiskGeometryModePage.view(
      hex("041600000aff00000000000000000000000000003a980000"),
    );
    expect(geometry.numberOfCylinders).toBe(10);
    expect(geometry.numberOfHeads).toBe(255);
    expect(geometry.mediumRotationRate).toBe(15_000);
    const exceptions = InformationalExceptionsControlModePage.view(hex("1c0a08000000000000000000"));
    expect(exceptions.dexcpt).toBe(true);
  });
});

describe("reports", () => {
  test("supported task management functions as recorded", () => {
    const bytes = TaskManagementFunctions.encode({
      ats: true,
      atss: true,
      cacas: true,
      ctss: true,
      lurs: true,
    });
    expect(toHex(bytes)).toBe("f8000000");
  });

  test("PERSISTENT RESERVE: capabilities and parameter list", () => {
    const bytes = ReportCapabilitiesData.encode({
      length: 8,
      crh: true,
      sipC: true,
      atpC: true,
      ptplC: true,
      tmv: true,
      wrExAr: true,
      exAcRo: true,
      wrExRo: true,
      exAc: true,
      wrEx: true,
      exAcAr: true,
    });
    expect(toHex(bytes)).toBe("00081d80ea010000");
    const list = PersistentReserveOutParameterList.encode({
      reservationKey: 0xfedc_ba98_7654_3210n,
      serviceActionReservationKey: 1n,
      specIPt: true,
      allTgPt: true,
      aptpl: true,
    });
    expect(toHex(list)).toBe(
      "fedcba987654321000000000000000010000 00000d000000".replaceAll(" ", ""),
    );
  });
});
