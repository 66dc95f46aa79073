/** CDBs of SBC-4 that read, write and compare logical blocks. */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";
import { uintFrom } from "./field.ts";

const operationCode = byte(0);

/** READ(6), WRITE(6): a transfer length of zero is 256 blocks. */
const sixBytes = {
  operationCode,
  logicalBlockAddress: uintFrom(1, 4, 3),
  transferLength: byte(4),
  control: byte(5),
};

const tenBytes = {
  logicalBlockAddress: uint(2, 5),
  groupNumber: bits(6, 5, 0),
  transferLength: uint(7, 8),
  control: byte(9),
};

const twelveBytes = {
  logicalBlockAddress: uint(2, 5),
  transferLength: uint(6, 9),
  groupNumber: bits(10, 5, 0),
  control: byte(11),
};

/** DLD2, DLD1 and DLD0: the duration limit descriptor. */
const sixteenBytes = {
  dld2: flag(1, 0),
  logicalBlockAddress: uint(2, 9),
  transferLength: uint(10, 13),
  dld1: flag(14, 7),
  dld0: flag(14, 6),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
};

/** SPC-5, "Variable length CDB formats": the control byte comes second. */
const thirtyTwoBytes = {
  operationCode,
  control: byte(1),
  groupNumber: bits(6, 5, 0),
  additionalCdbLength: byte(7),
  serviceAction: uint(8, 9),
  logicalBlockAddress: uint(12, 19),
  expectedInitialLogicalBlockReferenceTag: uint(20, 23),
  expectedLogicalBlockApplicationTag: uint(24, 25),
  logicalBlockApplicationTagMask: uint(26, 27),
};

const read = { rdprotect: bits(1, 7, 5), dpo: flag(1, 4), fua: flag(1, 3), rarc: flag(1, 2) };
const write = { wrprotect: bits(1, 7, 5), dpo: flag(1, 4), fua: flag(1, 3) };
const writeAndVerify = { wrprotect: bits(1, 7, 5), dpo: flag(1, 4), bytchk: bits(1, 2, 1) };
const verify = { vrprotect: bits(1, 7, 5), dpo: flag(1, 4), bytchk: bits(1, 2, 1) };

export const Read6 = wire("READ(6)", sixBytes);
export const Read10 = wire("READ(10)", { operationCode, ...read, ...tenBytes });
export const Read12 = wire("READ(12)", { operationCode, ...read, ...twelveBytes });
export const Read16 = wire("READ(16)", { operationCode, ...read, ...sixteenBytes });
export const Read32 = wire("READ(32)", {
  ...thirtyTwoBytes,
  rdprotect: bits(10, 7, 5),
  dpo: flag(10, 4),
  fua: flag(10, 3),
  rarc: flag(10, 2),
  transferLength: uint(28, 31),
});

export const Write6 = wire("WRITE(6)", sixBytes);
export const Write10 = wire("WRITE(10)", { operationCode, ...write, ...tenBytes });
export const Write12 = wire("WRITE(12)", { operationCode, ...write, ...twelveBytes });
export const Write16 = wire("WRITE(16)", { operationCode, ...write, ...sixteenBytes });
export const Write32 = wire("WRITE(32)", {
  ...thirtyTwoBytes,
  wrprotect: bits(10, 7, 5),
  dpo: flag(10, 4),
  fua: flag(10, 3),
  transferLength: uint(28, 31),
});

export const WriteAndVerify10 = wire("WRITE AND VERIFY(10)", {
  operationCode,
  ...writeAndVerify,
  ...tenBytes,
});
export const WriteAndVerify12 = wire("WRITE AND VERIFY(12)", {
  operationCode,
  ...writeAndVerify,
  ...twelveBytes,
});
export const WriteAndVerify16 = wire("WRITE AND VERIFY(16)", {
  operationCode,
  ...writeAndVerify,
  logicalBlockAddress: uint(2, 9),
  transferLength: uint(10, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});
export const WriteAndVerify32 = wire("WRITE AND VERIFY(32)", {
  ...thirtyTwoBytes,
  wrprotect: bits(10, 7, 5),
  dpo: flag(10, 4),
  bytchk: bits(10, 2, 1),
  transferLength: uint(28, 31),
});

export const Verify10 = wire("VERIFY(10)", {
  operationCode,
  ...verify,
  logicalBlockAddress: uint(2, 5),
  groupNumber: bits(6, 5, 0),
  verificationLength: uint(7, 8),
  control: byte(9),
});
export const Verify12 = wire("VERIFY(12)", {
  operationCode,
  ...verify,
  logicalBlockAddress: uint(2, 5),
  verificationLength: uint(6, 9),
  groupNumber: bits(10, 5, 0),
  control: byte(11),
});
export const Verify16 = wire("VERIFY(16)", {
  operationCode,
  ...verify,
  logicalBlockAddress: uint(2, 9),
  verificationLength: uint(10, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});
export const Verify32 = wire("VERIFY(32)", {
  ...thirtyTwoBytes,
  vrprotect: bits(10, 7, 5),
  dpo: flag(10, 4),
  bytchk: bits(10, 2, 1),
  verificationLength: uint(28, 31),
});

export const CompareAndWrite = wire("COMPARE AND WRITE", {
  operationCode,
  ...write,
  logicalBlockAddress: uint(2, 9),
  numberOfLogicalBlocks: byte(13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});

export const Orwrite16 = wire("ORWRITE(16)", {
  operationCode,
  orprotect: bits(1, 7, 5),
  dpo: flag(1, 4),
  fua: flag(1, 3),
  logicalBlockAddress: uint(2, 9),
  transferLength: uint(10, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});

export const WriteAtomic16 = wire("WRITE ATOMIC(16)", {
  operationCode,
  ...write,
  logicalBlockAddress: uint(2, 9),
  atomicBoundary: uint(10, 11),
  transferLength: uint(12, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});

export const WriteSame10 = wire("WRITE SAME(10)", {
  operationCode,
  wrprotect: bits(1, 7, 5),
  anchor: flag(1, 4),
  unmap: flag(1, 3),
  /** Obsolete since SBC-3. */
  pbdata: flag(1, 2),
  /** Obsolete since SBC-3. */
  lbdata: flag(1, 1),
  logicalBlockAddress: uint(2, 5),
  groupNumber: bits(6, 5, 0),
  numberOfLogicalBlocks: uint(7, 8),
  control: byte(9),
});
export const WriteSame16 = wire("WRITE SAME(16)", {
  operationCode,
  wrprotect: bits(1, 7, 5),
  anchor: flag(1, 4),
  unmap: flag(1, 3),
  /** Obsolete since SBC-3. */
  pbdata: flag(1, 2),
  /** Obsolete since SBC-3. */
  lbdata: flag(1, 1),
  ndob: flag(1, 0),
  logicalBlockAddress: uint(2, 9),
  numberOfLogicalBlocks: uint(10, 13),
  groupNumber: bits(14, 5, 0),
  control: byte(15),
});
export const WriteSame32 = wire("WRITE SAME(32)", {
  ...thirtyTwoBytes,
  wrprotect: bits(10, 7, 5),
  anchor: flag(10, 4),
  unmap: flag(10, 3),
  /** Obsolete since SBC-3. */
  pbdata: flag(10, 2),
  /** Obsolete since SBC-3. */
  lbdata: flag(10, 1),
  ndob: flag(10, 0),
  numberOfLogicalBlocks: uint(28, 31),
});

/** SBC-3, "XDWRITE" family: obsolete in SBC-4. */
export const Xdread10 = wire("XDREAD(10)", { operationCode, xorpinfo: flag(1, 0), ...tenBytes });
export const Xdwrite10 = wire("XDWRITE(10)", {
  operationCode,
  ...write,
  disableWrite: flag(1, 2),
  ...tenBytes,
});
export const Xdwriteread10 = wire("XDWRITEREAD(10)", {
  operationCode,
  ...write,
  disableWrite: flag(1, 2),
  xorpinfo: flag(1, 0),
  ...tenBytes,
});
export const Xpwrite10 = wire("XPWRITE(10)", {
  operationCode,
  dpo: flag(1, 4),
  fua: flag(1, 3),
  xorpinfo: flag(1, 0),
  ...tenBytes,
});

export const ReadLong10 = wire("READ LONG(10)", {
  operationCode,
  pblock: flag(1, 2),
  correct: flag(1, 1),
  logicalBlockAddress: uint(2, 5),
  byteTransferLength: uint(7, 8),
  control: byte(9),
});
export const ReadLong16 = wire("READ LONG(16)", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  logicalBlockAddress: uint(2, 9),
  byteTransferLength: uint(12, 13),
  pblock: flag(14, 1),
  correct: flag(14, 0),
  control: byte(15),
});
export const WriteLong10 = wire("WRITE LONG(10)", {
  operationCode,
  corDis: flag(1, 7),
  wrUncor: flag(1, 6),
  pblock: flag(1, 5),
  logicalBlockAddress: uint(2, 5),
  byteTransferLength: uint(7, 8),
  control: byte(9),
});
export const WriteLong16 = wire("WRITE LONG(16)", {
  operationCode,
  corDis: flag(1, 7),
  wrUncor: flag(1, 6),
  pblock: flag(1, 5),
  serviceAction: bits(1, 4, 0),
  logicalBlockAddress: uint(2, 9),
  byteTransferLength: uint(12, 13),
  control: byte(15),
});
