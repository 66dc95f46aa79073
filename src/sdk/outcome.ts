import { UsageError } from "../protocol/errors.ts";
import { type SenseCondition, type SenseDetails, STATUS } from "../protocol/scsi/index.ts";

/**
 * How a command ended: a value, given back by a handler and never thrown. What an initiator may
 * legitimately cause is an outcome; a thrown error is turned into sense by the SDK.
 */
export interface Outcome {
  /** A SCSI status. */
  readonly status: number;
  /** With CHECK CONDITION. */
  readonly sense?: SenseCondition;
  readonly details?: SenseDetails;
  /** The core shall write the block in the buffer to these ranges (WRITE SAME only). */
  readonly writeSame?: readonly WriteSameRange[];
}

/** Ranges that a handler can split a WRITE SAME into. */
export const WRITE_SAME_RANGES_MAX = 15;

export interface WriteSameRange {
  /** The first logical block. */
  readonly lba: number;
  /** How many logical blocks. */
  readonly blocks: number;
}

/** A handler in JavaScript may give anything. */
export function isOutcome(value: unknown): value is Outcome {
  return typeof value === "object" && typeof (value as Outcome | null)?.status === "number";
}

/** The command did what it should. */
export const good: Outcome = Object.freeze({ status: STATUS.GOOD });

/** SAM-6 CONDITION MET, as PRE-FETCH answers it. */
export const conditionMet: Outcome = Object.freeze({ status: STATUS.CONDITION_MET });

/** The device can't take the command now; the initiator tries again. */
export const busy: Outcome = Object.freeze({ status: STATUS.BUSY });

/** The task set is full; the initiator waits for a command to end before it tries again. */
export const taskSetFull: Outcome = Object.freeze({ status: STATUS.TASK_SET_FULL });

export const reservationConflict: Outcome = Object.freeze({
  status: STATUS.RESERVATION_CONFLICT,
});

/** CHECK CONDITION with the sense that says why. */
export function checkCondition(sense: SenseCondition, details?: SenseDetails): Outcome {
  return details === undefined
    ? { status: STATUS.CHECK_CONDITION, sense }
    : { status: STATUS.CHECK_CONDITION, sense, details };
}

/**
 * For a WRITE SAME: the core writes the buffer's block to `ranges`, as WRITE(16) commands to
 * the handler. An empty list means the range that the CDB names; there can be 15 ranges.
 */
export function doWriteSame(ranges: readonly WriteSameRange[] = []): Outcome {
  if (ranges.length > WRITE_SAME_RANGES_MAX) {
    throw new UsageError(
      "WRITE_SAME_RANGES",
      `${ranges.length} ranges for a WRITE SAME: there can be ${WRITE_SAME_RANGES_MAX}`,
    );
  }
  return { status: STATUS.GOOD, writeSame: ranges };
}
