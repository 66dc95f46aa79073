import {
  ASSOCIATION,
  BlockDeviceCharacteristicsVpdPage,
  BlockLimitsVpdPage,
  CODE_SET,
  DESIGNATOR_TYPE,
  DEVICE_TYPE,
  encodeDesignation,
  VPD_PAGE,
  VpdPageHeader,
} from "../../../protocol/scsi/index.ts";
import {
  type LogicalUnit,
  TRANSFER_BYTES_MAX,
  TRANSFER_BYTES_OPTIMAL,
  WRITE_SAME_BYTES_MAX,
} from "./logical-unit.ts";

/** NUMBER OF LOGICAL BLOCKS of COMPARE AND WRITE has one byte. */
const COMPARE_AND_WRITE_BLOCKS_MAX = 0xff;

/** The VPD pages of a disk by PAGE CODE, ascending. */
export const VPD_PAGES: ReadonlyMap<number, (unit: LogicalUnit) => Uint8Array> = new Map([
  [VPD_PAGE.SUPPORTED_VPD_PAGES, supportedPages],
  [VPD_PAGE.UNIT_SERIAL_NUMBER, unitSerialNumber],
  [VPD_PAGE.DEVICE_IDENTIFICATION, deviceIdentification],
  [VPD_PAGE.BLOCK_LIMITS, blockLimits],
  [VPD_PAGE.BLOCK_DEVICE_CHARACTERISTICS, blockDeviceCharacteristics],
] as const);

function supportedPages(): Uint8Array {
  return page(VPD_PAGE.SUPPORTED_VPD_PAGES, [Uint8Array.from(VPD_PAGES.keys())]);
}

function unitSerialNumber({ identity }: LogicalUnit): Uint8Array {
  return page(VPD_PAGE.UNIT_SERIAL_NUMBER, [Buffer.from(identity.serial, "latin1")]);
}

function deviceIdentification({ identity }: LogicalUnit): Uint8Array {
  const { vendor, product, serial, naa } = identity;
  const logicalUnit = { association: ASSOCIATION.LOGICAL_UNIT };
  // SPC-5, "T10 vendor ID based designator format". The serial number comes first of what follows
  // the vendor: some hosts compare the first eight characters only.
  const t10 = `${vendor.padEnd(8)}${serial}-${product}`;
  return page(VPD_PAGE.DEVICE_IDENTIFICATION, [
    encodeDesignation(
      { ...logicalUnit, codeSet: CODE_SET.ASCII, designatorType: DESIGNATOR_TYPE.T10_VENDOR_ID },
      Buffer.from(t10, "latin1"),
    ),
    encodeDesignation(
      { ...logicalUnit, codeSet: CODE_SET.BINARY, designatorType: DESIGNATOR_TYPE.NAA },
      naa,
    ),
  ]);
}

function blockLimits(unit: LogicalUnit): Uint8Array {
  const { blockSize, physicalBlockSize, supportedCommands } = unit;
  const comparesAndWrites = supportedCommands.some(({ command }) => {
    return command.name === "COMPARE AND WRITE";
  });
  return BlockLimitsVpdPage.encode({
    ...head(VPD_PAGE.BLOCK_LIMITS, BlockLimitsVpdPage.size),
    wsnz: true,
    maximumCompareAndWriteLength: comparesAndWrites ? COMPARE_AND_WRITE_BLOCKS_MAX : 0,
    optimalTransferLengthGranularity: physicalBlockSize / blockSize,
    maximumTransferLength: TRANSFER_BYTES_MAX / blockSize,
    optimalTransferLength: TRANSFER_BYTES_OPTIMAL / blockSize,
    maximumWriteSameLength: WRITE_SAME_BYTES_MAX / blockSize,
  });
}

function blockDeviceCharacteristics({ rotationRate }: LogicalUnit): Uint8Array {
  return BlockDeviceCharacteristicsVpdPage.encode({
    ...head(VPD_PAGE.BLOCK_DEVICE_CHARACTERISTICS, BlockDeviceCharacteristicsVpdPage.size),
    mediumRotationRate: rotationRate,
    // READ with FUA gets what the medium has, as FUAB says.
    fuab: true,
  });
}

function head(pageCode: number, size: number) {
  return {
    peripheralDeviceType: DEVICE_TYPE.DISK,
    pageCode,
    pageLength: size - VpdPageHeader.size,
  };
}

function page(pageCode: number, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat([new Uint8Array(VpdPageHeader.size), ...parts]);
  VpdPageHeader.write(VpdPageHeader.view(bytes), head(pageCode, bytes.length));
  return bytes;
}
