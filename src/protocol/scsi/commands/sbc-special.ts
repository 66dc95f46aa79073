/** What single opcodes of SBC do differently from the standard parse. */
import {
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_UNKNOWN_LENGTH,
} from "../../scst/constants.ts";
import { SENSE, type SenseCondition } from "../sense.ts";
import type { ParsedCommand } from "./command.ts";
import { ALWAYS_ALLOWED } from "./flags.ts";
import { invalidField } from "./row.ts";

/** BYTCHK says whether the data is compared with what is sent (SBC-4, "VERIFY(10) command"). */
export function verify(
  cdb: Uint8Array,
  into: ParsedCommand,
  blockSize: number,
): SenseCondition | undefined {
  switch (((cdb[1] as number) >> 1) & 0x03) {
    case 0:
      into.bufferLength = 0;
      return undefined;
    case 1:
      return undefined;
    case 3:
      // One block, against which every block is compared.
      if (into.dataLength > 0) into.bufferLength = blockSize;
      return undefined;
    default:
      return invalidField(into, 1, 2);
  }
}

/** One block is sent and written to many, or none with NDOB. */
export function writeSame(
  cdb: Uint8Array,
  into: ParsedCommand,
  blockSize: number,
): SenseCondition | undefined {
  const flags = cdb[1] as number;
  const anchor = (flags & 0x10) !== 0;
  const unmap = (flags & 0x08) !== 0;
  // In WRITE SAME(10) the bit is obsolete (RELADR).
  const ndob = cdb[0] === 0x93 && (flags & 0x01) !== 0;
  if (anchor && !unmap) return invalidField(into, 1, 4);
  into.bufferLength = ndob ? 0 : blockSize;
  return undefined;
}

/** The data to compare with, then the data to write. */
export function compareAndWrite(_cdb: Uint8Array, into: ParsedCommand): undefined {
  into.bufferLength = 2 * into.dataLength;
}

/** Enough for the parameter lists that initiators send. */
const FORMAT_LIST_GUESS = 4096;

/** With FMTDATA a parameter list comes, whose length stands in itself. */
export function formatUnit(cdb: Uint8Array, into: ParsedCommand): undefined {
  if (((cdb[1] as number) & 0x10) === 0) return;
  into.dataDirection = SCST_DATA_WRITE;
  into.opFlags |= SCST_UNKNOWN_LENGTH;
  into.dataLength = FORMAT_LIST_GUESS;
  into.bufferLength = FORMAT_LIST_GUESS;
}

/** Starting a started unit disturbs nobody's reservation (SBC-4, "Reservations"). */
export function startStop(cdb: Uint8Array, into: ParsedCommand): undefined {
  if (((cdb[4] as number) & 0xf1) === 0x01) into.opFlags |= ALWAYS_ALLOWED;
}

/** 32-byte CDBs are for media with type 2 protection (SBC-4, "Protection types"). */
export function withType2ProtectionOnly(): SenseCondition {
  return SENSE.INVALID_OPCODE;
}

const RETURN_RESPONSE_INFORMATION = 0xf;
const ATA_PASS_THROUGH_12 = 0xa1;
const ATA_SECTOR = 512;

/** Which field holds the length, and in which unit, the CDB says (SAT-4, "ATA PASS-THROUGH"). */
export function ataPassThrough(
  cdb: Uint8Array,
  into: ParsedCommand,
  blockSize: number,
): SenseCondition | undefined {
  const multipleCount = (cdb[1] as number) >> 5;
  const protocol = ((cdb[1] as number) >> 1) & 0x0f;
  const tType = ((cdb[2] as number) & 0x10) !== 0;
  const tDir = ((cdb[2] as number) & 0x08) !== 0;
  const bytBlok = ((cdb[2] as number) & 0x04) !== 0;
  const tLength = (cdb[2] as number) & 0x03;
  into.lba = 0;
  if (protocol === RETURN_RESPONSE_INFORMATION || tLength === 0) return undefined;
  // A length in the transport's own unit (TPSIU) cannot be known here.
  if (tLength === 3) return invalidField(into, 2, 1);
  let length = ataCount(cdb, tLength);
  if (bytBlok) length *= tType ? blockSize : ATA_SECTOR;
  length *= 2 ** multipleCount;
  into.dataLength = length;
  into.bufferLength = length;
  into.dataDirection = tDir ? SCST_DATA_READ : SCST_DATA_WRITE;
  return undefined;
}

/** T_LENGTH 1: FEATURES; 2: COUNT. With EXTEND both have two bytes. */
function ataCount(cdb: Uint8Array, tLength: number): number {
  if (cdb[0] === ATA_PASS_THROUGH_12) return cdb[2 + tLength] as number;
  const low = cdb[2 + 2 * tLength] as number;
  const extend = ((cdb[1] as number) & 0x01) !== 0;
  return extend ? (cdb[1 + 2 * tLength] as number) * 256 + low : low;
}

/** WRITE LONG with WR_UNCOR marks the block and takes no data (SBC-4, "WRITE LONG(10)"). */
export function writeLong(cdb: Uint8Array, into: ParsedCommand): undefined {
  if (((cdb[1] as number) & 0x40) === 0) return;
  into.dataLength = 0;
  into.bufferLength = 0;
  into.dataDirection = SCST_DATA_NONE;
}
