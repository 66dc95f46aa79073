/** READ CAPACITY, GET LBA STATUS, UNMAP: SBC-4's parameter data about logical blocks. */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";
import { uintFrom } from "../cdbs/field.ts";

export const ReadCapacity10Data = wire("READ CAPACITY(10) parameter data", {
  /** FFFFFFFFh: READ CAPACITY(16) must be asked. */
  returnedLogicalBlockAddress: uint(0, 3),
  logicalBlockLength: uint(4, 7),
});

export const READ_CAPACITY_10_LBA_MAX = 0xffff_ffff;

export const ReadCapacity16Data = wire(
  "READ CAPACITY(16) parameter data",
  {
    returnedLogicalBlockAddress: uint(0, 7),
    logicalBlockLength: uint(8, 11),
    rcBasis: bits(12, 5, 4),
    pType: bits(12, 3, 1),
    protEn: flag(12, 0),
    pIExponent: bits(13, 7, 4),
    logicalBlocksPerPhysicalBlockExponent: bits(13, 3, 0),
    lbpme: flag(14, 7),
    lbprz: flag(14, 6),
    lowestAlignedLogicalBlockAddress: uintFrom(14, 5, 15),
  },
  32,
);

/** The head of UNMAP's parameter list. */
export const UnmapParameterList = wire(
  "UNMAP parameter list",
  {
    unmapDataLength: uint(0, 1),
    unmapBlockDescriptorDataLength: uint(2, 3),
  },
  8,
);

export const UnmapBlockDescriptor = wire(
  "UNMAP block descriptor",
  {
    unmapLogicalBlockAddress: uint(0, 7),
    numberOfLogicalBlocks: uint(8, 11),
  },
  16,
);

/** The head of GET LBA STATUS's parameter data. */
export const GetLbaStatusData = wire("GET LBA STATUS parameter data", {
  parameterDataLength: uint(0, 3),
  completionCondition: bits(7, 3, 1),
  rtp: flag(7, 0),
});

export const LbaStatusDescriptor = wire(
  "LBA status descriptor",
  {
    logicalBlockAddress: uint(0, 7),
    numberOfLogicalBlocks: uint(8, 11),
    provisioningStatus: bits(12, 3, 0),
    additionalStatus: byte(13),
  },
  16,
);

/** PROVISIONING STATUS */
export const PROVISIONING_STATUS = {
  /** Mapped, or the logical unit cannot say. */
  MAPPED: 0,
  DEALLOCATED: 1,
  ANCHORED: 2,
} as const;

/** The head of FORMAT UNIT's parameter list, LONGLIST zero (SBC-4, "FORMAT UNIT"). */
export const ShortFormatParameterListHeader = wire("short parameter list header", {
  protectionFieldsUsage: bits(0, 2, 0),
  fov: flag(1, 7),
  dpry: flag(1, 6),
  dcrt: flag(1, 5),
  stpf: flag(1, 4),
  ip: flag(1, 3),
  immed: flag(1, 1),
  defectListLength: uint(2, 3),
});

/** The head of FORMAT UNIT's parameter list, LONGLIST one. */
export const LongFormatParameterListHeader = wire("long parameter list header", {
  protectionFieldsUsage: bits(0, 2, 0),
  fov: flag(1, 7),
  dpry: flag(1, 6),
  dcrt: flag(1, 5),
  stpf: flag(1, 4),
  ip: flag(1, 3),
  immed: flag(1, 1),
  pIInformation: bits(3, 7, 4),
  protectionIntervalExponent: bits(3, 3, 0),
  defectListLength: uint(4, 7),
});

/** The head of SANITIZE's parameter list, service action OVERWRITE; the pattern follows. */
export const SanitizeOverwriteParameterList = wire("SANITIZE OVERWRITE parameter list", {
  invert: flag(0, 7),
  test: bits(0, 6, 5),
  overwriteCount: bits(0, 4, 0),
  initializationPatternLength: uint(2, 3),
});

/** The head of READ DEFECT DATA(10)'s parameter data. */
export const ReadDefectData10Header = wire("READ DEFECT DATA(10) header", {
  plistv: flag(1, 4),
  glistv: flag(1, 3),
  defectListFormat: bits(1, 2, 0),
  defectListLength: uint(2, 3),
});

/** The head of READ DEFECT DATA(12)'s parameter data. */
export const ReadDefectData12Header = wire("READ DEFECT DATA(12) header", {
  plistv: flag(1, 4),
  glistv: flag(1, 3),
  defectListFormat: bits(1, 2, 0),
  generationCode: uint(2, 3),
  defectListLength: uint(4, 7),
});
