import { ERRNO } from "../../protocol/errno.ts";
import { SENSE } from "../../protocol/scsi/index.ts";
import { checkCondition, type Outcome } from "../outcome.ts";

/** INVALID FIELD IN CDB with a pointer to the byte, and to the (most significant) bit. */
export function invalidFieldInCdb(byte: number, bit?: number): Outcome {
  return checkCondition(SENSE.INVALID_FIELD_IN_CDB, {
    fieldPointer: bit === undefined ? { inCdb: true, byte } : { inCdb: true, byte, bit },
  });
}

export function invalidFieldInParameterList(byte: number, bit?: number): Outcome {
  return checkCondition(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, {
    fieldPointer: bit === undefined ? { inCdb: false, byte } : { inCdb: false, byte, bit },
  });
}

/** The core hands LBAs on as signed numbers: from 2^63 on they are negative, and not told. */
export function lbaOutOfRange(lba: number): Outcome {
  return checkCondition(SENSE.LBA_OUT_OF_RANGE, lba < 0 ? undefined : { information: lba });
}

export const invalidOpcode: Outcome = Object.freeze(checkCondition(SENSE.INVALID_OPCODE));
export const writeProtected: Outcome = Object.freeze(checkCondition(SENSE.WRITE_PROTECTED));

/**
 * The LBA of a range that is one block. Which block of more than one the store failed at it does
 * not say, and hosts take the LBA that they are told for the one that is damaged.
 */
export function soleBlock(
  { blockSize }: { readonly blockSize: number },
  lba: number,
  lengthBytes: number,
): number | undefined {
  return lengthBytes <= blockSize ? lba : undefined;
}

/** The store failed to read, at `lba` where that is known. Other faults go on. */
export function readFailed(error: unknown, lba: number | undefined): Outcome {
  if (errnoOf(error) === ERRNO.EIO) {
    return checkCondition(SENSE.UNRECOVERED_READ_ERROR, placeOf(lba));
  }
  throw error;
}

/** The store failed to write, at `lba` where that is known, or to flush. Other faults go on. */
export function writeFailed(error: unknown, lba?: number): Outcome {
  const details = placeOf(lba);
  switch (errnoOf(error)) {
    case ERRNO.EIO:
      return checkCondition(SENSE.WRITE_ERROR, details);
    case ERRNO.ENOSPC:
    case ERRNO.EDQUOT:
      return checkCondition(SENSE.SPACE_ALLOCATION_FAILED_WRITE_PROTECT, details);
    case ERRNO.EROFS:
      return writeProtected;
    default:
      throw error;
  }
}

function placeOf(lba: number | undefined) {
  return lba === undefined ? undefined : { information: lba };
}

function errnoOf(error: unknown): number | undefined {
  const errno = (error as { errno?: unknown } | null)?.errno;
  return typeof errno === "number" ? Math.abs(errno) : undefined;
}
