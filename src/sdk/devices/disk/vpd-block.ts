import {
  BlockDeviceCharacteristicsVpdPage,
  BlockLimitsVpdPage,
  DEVICE_TYPE,
  LogicalBlockProvisioningVpdPage,
  PROVISIONING_TYPE,
  VPD_PAGE,
  VpdPageHeader,
} from "../../../protocol/scsi/index.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { thresholdExponent } from "./provisioning.ts";

/** NUMBER OF LOGICAL BLOCKS of COMPARE AND WRITE has one byte. */
const COMPARE_AND_WRITE_BLOCKS_MAX = 0xff;
/** WABEREQ 01b: after a BLOCK ERASE reads succeed. */
const READS_AFTER_ERASE = 1;
/** LBPRZ of VPD page B2h, xx1b: unmapped blocks read as zeros. */
const READS_AS_ZEROS = 1;

export function blockLimits(unit: LogicalUnit): Uint8Array {
  const { blockSize, settings } = unit;
  const { limits, physicalBlockSize, thinProvisioned } = settings;
  const granularity = physicalBlockSize / blockSize;
  const unmapping = {
    maximumUnmapLbaCount: limits.unmapBytes / blockSize,
    maximumUnmapBlockDescriptorCount: limits.unmapDescriptors,
    optimalUnmapGranularity: granularity,
    ugavalid: true,
  };
  return BlockLimitsVpdPage.encode({
    ...head(VPD_PAGE.BLOCK_LIMITS, BlockLimitsVpdPage.size),
    wsnz: !settings.writeSameZeroIsToEnd,
    maximumCompareAndWriteLength: has(unit, "COMPARE AND WRITE") ? COMPARE_AND_WRITE_BLOCKS_MAX : 0,
    optimalTransferLengthGranularity: granularity,
    maximumTransferLength: limits.transferBytes / blockSize,
    optimalTransferLength: limits.optimalTransferBytes / blockSize,
    ...(thinProvisioned ? unmapping : {}),
    maximumWriteSameLength: limits.writeSameBytes / blockSize,
    // Any block may be the first one of an atomic write, and any number of blocks goes.
    maximumAtomicTransferLength: limits.atomicBytes / blockSize,
  });
}

export function blockDeviceCharacteristics(unit: LogicalUnit): Uint8Array {
  return BlockDeviceCharacteristicsVpdPage.encode({
    ...head(VPD_PAGE.BLOCK_DEVICE_CHARACTERISTICS, BlockDeviceCharacteristicsVpdPage.size),
    mediumRotationRate: unit.settings.rotationRate,
    wabereq: has(unit, "SANITIZE, BLOCK ERASE") ? READS_AFTER_ERASE : 0,
    // READ with FUA gets what the medium has, as FUAB says.
    fuab: true,
  });
}

export function logicalBlockProvisioning(unit: LogicalUnit): Uint8Array {
  return LogicalBlockProvisioningVpdPage.encode({
    ...head(VPD_PAGE.LOGICAL_BLOCK_PROVISIONING, LogicalBlockProvisioningVpdPage.size),
    thresholdExponent: thresholdExponent(unit),
    lbpu: true,
    lbpws: true,
    lbpws10: true,
    lbprz: READS_AS_ZEROS,
    provisioningType: PROVISIONING_TYPE.THIN,
  });
}

function has({ supportedCommands }: LogicalUnit, name: string): boolean {
  return supportedCommands.some(({ command }) => command.name === name);
}

function head(pageCode: number, size: number) {
  return {
    peripheralDeviceType: DEVICE_TYPE.DISK,
    pageCode,
    pageLength: size - VpdPageHeader.size,
  };
}
