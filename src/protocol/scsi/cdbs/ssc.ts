/** CDBs of SSC-5: sequential access devices. */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

const operationCode = byte(0);

/** An opcode whose fields are the vendor's own. */
export const VendorSpecific6 = wire("vendor specific CDB", { operationCode, control: byte(5) });

export const Rewind = wire("REWIND", { operationCode, immed: flag(1, 0), control: byte(5) });

export const FormatMedium = wire("FORMAT MEDIUM", {
  operationCode,
  verify: flag(1, 1),
  immed: flag(1, 0),
  format: bits(2, 3, 0),
  transferLength: uint(3, 4),
  control: byte(5),
});

export const SetCapacity = wire("SET CAPACITY", {
  operationCode,
  immed: flag(1, 0),
  capacityProportionValue: uint(3, 4),
  control: byte(5),
});

const transfer6 = {
  operationCode,
  sili: flag(1, 1),
  fixed: flag(1, 0),
  transferLength: uint(2, 4),
  control: byte(5),
};

export const TapeRead6 = wire("READ(6)", transfer6);

export const TapeWrite6 = wire("WRITE(6)", {
  operationCode,
  fixed: flag(1, 0),
  transferLength: uint(2, 4),
  control: byte(5),
});

export const ReadReverse6 = wire("READ REVERSE(6)", {
  ...transfer6,
  byteOrder: flag(1, 2),
});

export const TapeVerify6 = wire("VERIFY(6)", {
  operationCode,
  vte: flag(1, 5),
  vlbpm: flag(1, 4),
  vbf: flag(1, 3),
  immed: flag(1, 2),
  bytcmp: flag(1, 1),
  fixed: flag(1, 0),
  verificationLength: uint(2, 4),
  control: byte(5),
});

export const RecoverBufferedData = wire("RECOVER BUFFERED DATA", transfer6);

export const WriteFilemarks6 = wire("WRITE FILEMARKS(6)", {
  operationCode,
  wsmk: flag(1, 1),
  immed: flag(1, 0),
  filemarkCount: uint(2, 4),
  control: byte(5),
});

export const Erase6 = wire("ERASE(6)", {
  operationCode,
  smd: flag(1, 2),
  immed: flag(1, 1),
  long: flag(1, 0),
  control: byte(5),
});

export const LoadUnload = wire("LOAD UNLOAD", {
  operationCode,
  immed: flag(1, 0),
  hold: flag(4, 3),
  eot: flag(4, 2),
  reten: flag(4, 1),
  load: flag(4, 0),
  control: byte(5),
});

export const Locate10 = wire("LOCATE(10)", {
  operationCode,
  bt: flag(1, 2),
  cp: flag(1, 1),
  immed: flag(1, 0),
  logicalObjectIdentifier: uint(3, 6),
  partition: byte(8),
  control: byte(9),
});

export const ReadPosition = wire("READ POSITION", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  allocationLength: uint(7, 8),
  control: byte(9),
});

export const ReportDensitySupport = wire("REPORT DENSITY SUPPORT", {
  operationCode,
  mediumType: flag(1, 1),
  media: flag(1, 0),
  allocationLength: uint(7, 8),
  control: byte(9),
});

const explicit16 = {
  operationCode,
  partition: byte(3),
  logicalObjectIdentifier: uint(4, 11),
  control: byte(15),
};

export const WriteFilemarks16 = wire("WRITE FILEMARKS(16)", {
  ...explicit16,
  fcs: flag(1, 3),
  lcs: flag(1, 2),
  immed: flag(1, 0),
  filemarkCount: uint(12, 14),
});

export const AllowOverwrite = wire("ALLOW OVERWRITE", {
  ...explicit16,
  allowOverwrite: bits(2, 3, 0),
});

export const TapeRead16 = wire("READ(16)", {
  ...explicit16,
  sili: flag(1, 1),
  fixed: flag(1, 0),
  transferLength: uint(12, 14),
});

export const TapeWrite16 = wire("WRITE(16)", {
  ...explicit16,
  fcs: flag(1, 3),
  lcs: flag(1, 2),
  fixed: flag(1, 0),
  transferLength: uint(12, 14),
});

export const ReadReverse16 = wire("READ REVERSE(16)", {
  ...explicit16,
  byteOrder: flag(1, 2),
  sili: flag(1, 1),
  fixed: flag(1, 0),
  transferLength: uint(12, 14),
});

export const TapeVerify16 = wire("VERIFY(16)", {
  ...explicit16,
  vte: flag(1, 5),
  vlbpm: flag(1, 4),
  vbf: flag(1, 3),
  immed: flag(1, 2),
  bytcmp: flag(1, 1),
  fixed: flag(1, 0),
  verificationLength: uint(12, 14),
});

export const Space16 = wire("SPACE(16)", {
  operationCode,
  code: bits(1, 3, 0),
  count: uint(4, 11),
  parameterListLength: uint(12, 13),
  control: byte(15),
});

export const Locate16 = wire("LOCATE(16)", {
  operationCode,
  destType: bits(1, 5, 3),
  cp: flag(1, 1),
  immed: flag(1, 0),
  bam: flag(2, 0),
  partition: byte(3),
  logicalIdentifier: uint(4, 11),
  control: byte(15),
});

export const Erase16 = wire("ERASE(16)", {
  ...explicit16,
  fcs: flag(1, 3),
  lcs: flag(1, 2),
  smd: flag(2, 2),
  immed: flag(1, 1),
  long: flag(1, 0),
});

/** SPC-5, "SERVICE ACTION IN(12)". */
export const ServiceActionIn12 = wire("SERVICE ACTION IN(12)", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  allocationLength: uint(6, 9),
  control: byte(11),
});
