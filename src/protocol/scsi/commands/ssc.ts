/** The commands of SSC-5, and of its predecessors where SCST still takes them. */
import type { Layout } from "../../layout/index.ts";
import {
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_LONG_TIMEOUT as LONG,
  SCST_SMALL_TIMEOUT as SMALL,
  SCST_STRICTLY_SERIALIZED as STRICT,
  SCST_TRANSFER_LEN_TYPE_FIXED as FIXED_LENGTH,
  SCST_UNKNOWN_LENGTH,
  SCST_WRITE_EXCL_ALLOWED as WRITE_EXCL,
  SCST_WRITE_MEDIUM as WRITE_MEDIUM,
} from "../../scst/constants.ts";
import * as cdb from "../cdb.ts";
import { DEVICE_TYPE } from "../device-type.ts";
import type { ParsedCommand } from "./command.ts";
import { ALWAYS_ALLOWED as ALWAYS } from "./flags.ts";
import {
  bytes,
  command,
  type CommandRow,
  type CommandSpec,
  fixedBytes,
  type Special,
  unknownLength,
} from "./row.ts";

type More = Partial<CommandSpec>;

const types = [DEVICE_TYPE.TAPE];
const beyondScst = { beyondScst: true };
const transferLength = bytes("transferLength");

function noData(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  return command(name, { opcode, cdb: layout, flags, types, ...more });
}

function dataIn(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  const spec = { opcode, cdb: layout, direction: SCST_DATA_READ, flags, types };
  return command(name, { ...spec, length: bytes("allocationLength"), ...more });
}

function dataOut(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  const spec = { opcode, cdb: layout, direction: SCST_DATA_WRITE, flags, types };
  return command(name, { ...spec, length: transferLength, ...more });
}

/** FIXED of byte 1: TRANSFER LENGTH counts logical blocks. */
const FIXED = 0x01;

/**
 * With FIXED the length counts blocks of a length that MODE SELECT sets: where the device has
 * told none, only the initiator's own expectation can say how much data that is.
 */
function fixedBlocks(cdbBytes: Uint8Array, into: ParsedCommand, blockSize: number): undefined {
  if (((cdbBytes[1] as number) & FIXED) === 0) return;
  into.dataLength *= blockSize;
  into.bufferLength *= blockSize;
  if (blockSize === 0) into.opFlags |= SCST_UNKNOWN_LENGTH;
}

/** BYTCMP of byte 1: the data to compare with are sent (SSC-5, "VERIFY(6) command"). */
function verify(cdbBytes: Uint8Array, into: ParsedCommand, blockSize: number): undefined {
  fixedBlocks(cdbBytes, into, blockSize);
  if (((cdbBytes[1] as number) & 0x02) !== 0) return;
  into.bufferLength = 0;
  into.opFlags &= ~SCST_UNKNOWN_LENGTH;
}

/** READ POSITION, "SERVICE ACTION": two forms have a length of their own. */
function readPosition(cdbBytes: Uint8Array, into: ParsedCommand): undefined {
  const length = POSITION_LENGTHS[(cdbBytes[1] as number) & 0x1f];
  if (length === undefined) return;
  into.dataLength = length;
  into.bufferLength = length;
}

const POSITION_LENGTHS: Readonly<Record<number, number>> = { 0x00: 20, 0x01: 20, 0x06: 32 };

function read(name: string, opcode: number, layout: Layout, more?: More): CommandRow {
  const spec = { length: transferLength, special: fixedBlocks as Special, ...more };
  return dataIn(name, opcode, layout, FIXED_LENGTH | WRITE_EXCL, spec);
}

function write(name: string, opcode: number, layout: Layout, more?: More): CommandRow {
  return dataOut(name, opcode, layout, FIXED_LENGTH | WRITE_MEDIUM, {
    special: fixedBlocks,
    ...more,
  });
}

function verifying(name: string, opcode: number, layout: Layout, more?: More): CommandRow {
  return dataOut(name, opcode, layout, FIXED_LENGTH | WRITE_EXCL, {
    length: bytes("verificationLength"),
    special: verify,
    ...more,
  });
}

export const SSC: readonly CommandRow[] = [
  noData("REWIND", 0x01, cdb.Rewind, LONG | WRITE_EXCL),
  dataOut("FORMAT MEDIUM", 0x04, cdb.FormatMedium, LONG | WRITE_MEDIUM | STRICT),
  dataIn("READ BLOCK LIMITS", 0x05, cdb.ReadBlockLimits, SMALL | ALWAYS, {
    length: fixedBytes(6),
    special: blockLimits,
  }),
  // REASSIGN BLOCKS, SEEK BLOCK and PARTITION are vendor specific ones that SCST lets through.
  dataOut("REASSIGN BLOCKS", 0x07, cdb.ReassignBlocks, WRITE_MEDIUM, { length: unknownLength() }),
  read("READ(6)", 0x08, cdb.TapeRead6),
  write("WRITE(6)", 0x0a, cdb.TapeWrite6),
  noData("SET CAPACITY", 0x0b, cdb.SetCapacity, WRITE_MEDIUM | STRICT),
  noData("SEEK BLOCK", 0x0c, cdb.VendorSpecific6, LONG),
  noData("PARTITION", 0x0d, cdb.VendorSpecific6, LONG | WRITE_MEDIUM),
  read("READ REVERSE(6)", 0x0f, cdb.ReadReverse6),
  noData("WRITE FILEMARKS(6)", 0x10, cdb.WriteFilemarks6, WRITE_MEDIUM),
  noData("SPACE(6)", 0x11, cdb.Space6, LONG | WRITE_EXCL),
  verifying("VERIFY(6)", 0x13, cdb.TapeVerify6),
  read("RECOVER BUFFERED DATA", 0x14, cdb.RecoverBufferedData),
  noData("ERASE(6)", 0x19, cdb.Erase6, LONG | WRITE_MEDIUM),
  noData("LOAD UNLOAD", 0x1b, cdb.LoadUnload, LONG),
  noData("LOCATE(10)", 0x2b, cdb.Locate10, LONG | WRITE_EXCL),
  dataIn("READ POSITION", 0x34, cdb.ReadPosition, SMALL | WRITE_EXCL, { special: readPosition }),
  dataIn("REPORT DENSITY SUPPORT", 0x44, cdb.ReportDensitySupport, ALWAYS),
  noData("WRITE FILEMARKS(16)", 0x80, cdb.WriteFilemarks16, WRITE_MEDIUM),
  read("READ REVERSE(16)", 0x81, cdb.ReadReverse16, beyondScst),
  noData("ALLOW OVERWRITE", 0x82, cdb.AllowOverwrite, WRITE_EXCL, beyondScst),
  read("READ(16)", 0x88, cdb.TapeRead16, beyondScst),
  write("WRITE(16)", 0x8a, cdb.TapeWrite16, beyondScst),
  verifying("VERIFY(16)", 0x8f, cdb.TapeVerify16, beyondScst),
  noData("SPACE(16)", 0x91, cdb.Space16, LONG | WRITE_EXCL),
  noData("LOCATE(16)", 0x92, cdb.Locate16, LONG | WRITE_EXCL),
  noData("ERASE(16)", 0x93, cdb.Erase16, LONG | WRITE_MEDIUM),
  dataIn("SERVICE ACTION IN(12)", 0xab, cdb.ServiceActionIn12),
];

/** READ BLOCK LIMITS with MLOI returns MAXIMUM LOGICAL OBJECT IDENTIFIER, 20 bytes. */
function blockLimits(cdbBytes: Uint8Array, into: ParsedCommand): undefined {
  if (((cdbBytes[1] as number) & 0x01) === 0) return;
  into.dataLength = 20;
  into.bufferLength = 20;
}
