import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** The most that one command transfers, in bytes. */
export const TRANSFER_BYTES_MAX = 16 * 1024 * 1024;

const FIXED = 0x01;
const SILI = 0x02;
const EXPLICIT = 0x0c;

/** What READ, WRITE and VERIFY ask for: one block of so many bytes, or so many fixed blocks. */
export interface Transfer {
  readonly fixed: boolean;
  /** Suppress the incorrect-length indicator; in VERIFY it is BYTCMP. */
  readonly sili: boolean;
  /** Blocks with `fixed`, bytes without: TRANSFER LENGTH as the CDB has it. */
  readonly count: number;
  /** Bytes of one block in the initiator's buffer. */
  readonly blockLength: number;
  readonly blocks: number;
}

/** TRANSFER LENGTH, or VERIFICATION LENGTH, stands in the same bytes of each CDB of a length. */
export function transferCount(cdb: Uint8Array): number {
  const at = lengthByte(cdb);
  const high = (cdb[at] as number) * 0x1_0000;
  return high + (((cdb[at + 1] as number) << 8) | (cdb[at + 2] as number));
}

export function lengthByte(cdb: Uint8Array): number {
  return (cdb[0] as number) < 0x80 ? 2 : 12;
}

export function isFixed(cdb: Uint8Array): boolean {
  return ((cdb[1] as number) & FIXED) !== 0;
}

/** Reads the CDB, or says what is wrong with it. */
export function transferOf(unit: TapeUnit, { cdb }: ScsiCommand): Transfer | Outcome {
  const fixed = isFixed(cdb);
  const count = transferCount(cdb);
  // Explicit addresses (FCS, LCS of the 16-byte CDBs) belong to drives in explicit address mode.
  const isWrite16 = cdb[0] === 0x8a;
  if (isWrite16 && ((cdb[1] as number) & EXPLICIT) !== 0) return invalidFieldInCdb(1, 3);
  const sili = ((cdb[1] as number) & SILI) !== 0;
  if (fixed) {
    const { blockLength } = unit.mode;
    // SSC-5, "READ(6) command": FIXED in variable block mode, and SILI with FIXED.
    if (blockLength === 0) return invalidFieldInCdb(1, 0);
    if (count * blockLength > TRANSFER_BYTES_MAX) return invalidFieldInCdb(lengthByte(cdb));
    return { fixed, sili, count, blockLength, blocks: count };
  }
  const protection = unit.mode.protectionMethod === 0 ? 0 : 4;
  if (count > unit.personality.blockLengthMax + protection) {
    return invalidFieldInCdb(lengthByte(cdb));
  }
  return { fixed, sili, count, blockLength: count, blocks: count === 0 ? 0 : 1 };
}
