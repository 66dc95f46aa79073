/** CDBs of SBC-4 about the medium: capacity, caches, allocation, defects, formatting. */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";
import { uintFrom } from "./field.ts";

const operationCode = byte(0);
const serviceAction = bits(1, 4, 0);

export const RezeroUnit = wire("REZERO UNIT", { operationCode, control: byte(5) });

export const FormatUnit = wire("FORMAT UNIT", {
  operationCode,
  fmtpinfo: bits(1, 7, 6),
  longlist: flag(1, 5),
  fmtdata: flag(1, 4),
  cmplst: flag(1, 3),
  defectListFormat: bits(1, 2, 0),
  vendorSpecific: byte(2),
  ffmt: bits(4, 1, 0),
  control: byte(5),
});

export const ReassignBlocks = wire("REASSIGN BLOCKS", {
  operationCode,
  longlba: flag(1, 1),
  longlist: flag(1, 0),
  control: byte(5),
});

/** SBC, obsolete since SBC-2. */
export const Seek6 = wire("SEEK(6)", {
  operationCode,
  logicalBlockAddress: uintFrom(1, 4, 3),
  control: byte(5),
});
export const Seek10 = wire("SEEK(10)", {
  operationCode,
  logicalBlockAddress: uint(2, 5),
  control: byte(9),
});

export const StartStopUnit = wire("START STOP UNIT", {
  operationCode,
  immed: flag(1, 0),
  powerConditionModifier: bits(3, 3, 0),
  powerCondition: bits(4, 7, 4),
  noFlush: flag(4, 2),
  loej: flag(4, 1),
  start: flag(4, 0),
  control: byte(5),
});

export const ReadFormatCapacities = wire("READ FORMAT CAPACITIES", {
  operationCode,
  allocationLength: uint(7, 8),
  control: byte(9),
});

export const ReadCapacity10 = wire("READ CAPACITY(10)", {
  operationCode,
  /** Obsolete since SBC-3. */
  logicalBlockAddress: uint(2, 5),
  /** Obsolete since SBC-3. */
  pmi: flag(8, 0),
  control: byte(9),
});
export const ReadCapacity16 = wire("READ CAPACITY(16)", {
  operationCode,
  serviceAction,
  /** Obsolete since SBC-3. */
  logicalBlockAddress: uint(2, 9),
  allocationLength: uint(10, 13),
  /** Obsolete since SBC-3. */
  pmi: flag(14, 0),
  control: byte(15),
});

/** SCSI-2, optical memory devices. */
export const ReadGeneration = wire("READ GENERATION", {
  operationCode,
  logicalBlockAddress: uint(2, 5),
  allocationLength: byte(8),
  control: byte(9),
});
/** SCSI-2, optical memory devices. */
export const Erase10 = wire("ERASE(10)", {
  operationCode,
  era: flag(1, 2),
  logicalBlockAddress: uint(2, 5),
  transferLength: uint(7, 8),
  control: byte(9),
});
/** SCSI-2, optical memory devices. */
export const ReadUpdatedBlock10 = wire("READ UPDATED BLOCK(10)", {
  operationCode,
  dpo: flag(1, 4),
  fua: flag(1, 3),
  logicalBlockAddress: uint(2, 5),
  latest: flag(6, 7),
  generationAddress: uintFrom(6, 6, 7),
  control: byte(9),
});

export const Prefetch10 = wire("PRE-FETCH(10)", {
  operationCode,
  immed: flag(1, 1),
  logicalBlockAddress: uint(2, 5),
  groupNumber: bits(6, 5, 0),
  prefetchLength: uint(7, 8),
  control: byte(9),
});
export const Prefetch16 = wire("PRE-FETCH(16)", {
  operationCode,
  immed: flag(1, 1),
  logicalBlockAddress: uint(2, 9),
  prefetchLength: uint(10, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});

export const SynchronizeCache10 = wire("SYNCHRONIZE CACHE(10)", {
  operationCode,
  immed: flag(1, 1),
  logicalBlockAddress: uint(2, 5),
  groupNumber: bits(6, 5, 0),
  numberOfLogicalBlocks: uint(7, 8),
  control: byte(9),
});
export const SynchronizeCache16 = wire("SYNCHRONIZE CACHE(16)", {
  operationCode,
  immed: flag(1, 1),
  logicalBlockAddress: uint(2, 9),
  numberOfLogicalBlocks: uint(10, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});

/** SBC-2, obsolete since SBC-3. */
export const LockUnlockCache10 = wire("LOCK UNLOCK CACHE(10)", {
  operationCode,
  lock: flag(1, 1),
  logicalBlockAddress: uint(2, 5),
  numberOfLogicalBlocks: uint(7, 8),
  control: byte(9),
});
export const LockUnlockCache16 = wire("LOCK UNLOCK CACHE(16)", {
  operationCode,
  lock: flag(1, 1),
  logicalBlockAddress: uint(2, 9),
  numberOfLogicalBlocks: uint(10, 13),
  control: byte(15),
});

export const ReadDefectData10 = wire("READ DEFECT DATA(10)", {
  operationCode,
  reqPlist: flag(2, 4),
  reqGlist: flag(2, 3),
  defectListFormat: bits(2, 2, 0),
  allocationLength: uint(7, 8),
  control: byte(9),
});
export const ReadDefectData12 = wire("READ DEFECT DATA(12)", {
  operationCode,
  reqPlist: flag(1, 4),
  reqGlist: flag(1, 3),
  defectListFormat: bits(1, 2, 0),
  addressDescriptorIndex: uint(2, 5),
  allocationLength: uint(6, 9),
  control: byte(11),
});

export const Unmap = wire("UNMAP", {
  operationCode,
  anchor: flag(1, 0),
  groupNumber: bits(6, 5, 0),
  parameterListLength: uint(7, 8),
  control: byte(9),
});

export const Sanitize = wire("SANITIZE", {
  operationCode,
  immed: flag(1, 7),
  znr: flag(1, 6),
  ause: flag(1, 5),
  serviceAction,
  parameterListLength: uint(7, 8),
  control: byte(9),
});

/** SBC, obsolete since SBC-2. */
export const Rebuild16 = wire("REBUILD(16)", {
  operationCode,
  dpo: flag(1, 4),
  fua: flag(1, 3),
  intdata: flag(1, 2),
  portControl: bits(1, 1, 0),
  logicalBlockAddress: uint(2, 5),
  rebuildLength: uint(6, 9),
  parameterListLength: uint(10, 13),
  control: byte(15),
});
/** SBC, obsolete since SBC-2. */
export const Regenerate16 = wire("REGENERATE(16)", {
  operationCode,
  dpo: flag(1, 4),
  fua: flag(1, 3),
  intdata: flag(1, 2),
  portControl: bits(1, 1, 0),
  logicalBlockAddress: uint(2, 5),
  regenerateLength: uint(6, 9),
  parameterListLength: uint(10, 13),
  control: byte(15),
});

export const GetLbaStatus = wire("GET LBA STATUS(16)", {
  operationCode,
  serviceAction,
  startingLogicalBlockAddress: uint(2, 9),
  allocationLength: uint(10, 13),
  reportType: byte(14),
  control: byte(15),
});

export const ReportReferrals = wire("REPORT REFERRALS", {
  operationCode,
  serviceAction,
  logicalBlockAddress: uint(2, 9),
  allocationLength: uint(10, 13),
  oneSeg: flag(14, 0),
  control: byte(15),
});

export const StreamControl = wire("STREAM CONTROL", {
  operationCode,
  strCtl: bits(1, 6, 5),
  serviceAction,
  strId: uint(4, 5),
  allocationLength: uint(10, 13),
  control: byte(15),
});

export const BackgroundControl = wire("BACKGROUND CONTROL", {
  operationCode,
  serviceAction,
  boCtl: bits(2, 7, 6),
  boTime: byte(3),
  allocationLength: uint(10, 13),
  control: byte(15),
});

export const GetStreamStatus = wire("GET STREAM STATUS", {
  operationCode,
  serviceAction,
  startingStreamIdentifier: uint(4, 5),
  allocationLength: uint(10, 13),
  control: byte(15),
});

/** What every SERVICE ACTION IN(16) has (SPC-5, "SERVICE ACTION IN(16)"). */
export const ServiceActionIn16 = wire("SERVICE ACTION IN(16)", {
  operationCode,
  serviceAction,
  control: byte(15),
});

/** SAT-4. */
export const AtaPassThrough12 = wire("ATA PASS-THROUGH(12)", {
  operationCode,
  multipleCount: bits(1, 7, 5),
  protocol: bits(1, 4, 1),
  offLine: bits(2, 7, 6),
  ckCond: flag(2, 5),
  tType: flag(2, 4),
  tDir: flag(2, 3),
  bytBlok: flag(2, 2),
  tLength: bits(2, 1, 0),
  features: byte(3),
  count: byte(4),
  lba: uint(5, 7),
  device: byte(8),
  command: byte(9),
  control: byte(11),
});
/** SAT-4. */
export const AtaPassThrough16 = wire("ATA PASS-THROUGH(16)", {
  operationCode,
  multipleCount: bits(1, 7, 5),
  protocol: bits(1, 4, 1),
  extend: flag(1, 0),
  offLine: bits(2, 7, 6),
  ckCond: flag(2, 5),
  tType: flag(2, 4),
  tDir: flag(2, 3),
  bytBlok: flag(2, 2),
  tLength: bits(2, 1, 0),
  features: uint(3, 4),
  count: uint(5, 6),
  lba: uint(7, 12),
  device: byte(13),
  command: byte(14),
  control: byte(15),
});

/** SSC-5; SCST passes it on to disks too, as vendor specific. */
export const ReadBlockLimits = wire("READ BLOCK LIMITS", {
  operationCode,
  mloi: flag(1, 0),
  control: byte(5),
});
/** SSC-5; SCST passes it on to disks too, as vendor specific. */
export const Space6 = wire("SPACE(6)", {
  operationCode,
  code: bits(1, 3, 0),
  count: uint(2, 4),
  control: byte(5),
});
