import { ERRNO } from "../../../protocol/errno.ts";
import { SENSE } from "../../../protocol/scsi/index.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";

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

/** The store failed to read: the initiator is told from which LBA on. Other faults go on. */
export function readFailed(error: unknown, lba: number): Outcome {
  if (errnoOf(error) === ERRNO.EIO) {
    return checkCondition(SENSE.UNRECOVERED_READ_ERROR, { information: lba });
  }
  throw error;
}

/** The store failed to write, or to flush where there is no LBA. Other faults go on. */
export function writeFailed(error: unknown, lba?: number): Outcome {
  const details = lba === undefined ? undefined : { information: lba };
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

function errnoOf(error: unknown): number | undefined {
  const errno = (error as { errno?: unknown } | null)?.errno;
  return typeof errno === "number" ? Math.abs(errno) : undefined;
}
