/** How a command about reservations ends. */
import {
  SENSE,
  type SenseCondition,
  type SenseDetails,
  type SenseFieldPointer,
  STATUS,
  type Status,
} from "../../protocol/scsi/index.ts";
import type { ReservationNexus } from "./nexus.ts";

export interface ReservationOutcome {
  readonly status: Status;
  /** With CHECK CONDITION. */
  readonly sense?: SenseCondition;
  readonly details?: SenseDetails;
  /** Parameter data, whole: the allocation length cuts it. */
  readonly data?: Uint8Array;
  /** PREEMPT AND ABORT: whose commands are to be aborted, but for the one that asked for it. */
  readonly abort?: readonly ReservationNexus[];
  /** Something was established, released or registered that the device may want to hear of. */
  readonly changed?: boolean;
}

export const GOOD: ReservationOutcome = Object.freeze({ status: STATUS.GOOD });
export const CHANGED: ReservationOutcome = Object.freeze({ status: STATUS.GOOD, changed: true });
export const CONFLICT: ReservationOutcome = Object.freeze({ status: STATUS.RESERVATION_CONFLICT });
export const INVALID_OPCODE = refused(SENSE.INVALID_OPCODE);

/** Bits of a field pointer: that of a field is its most significant one. */
type Bit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

export function invalidInCdb(byte: number, bit?: Bit): ReservationOutcome {
  return refused(SENSE.INVALID_FIELD_IN_CDB, pointer(true, byte, bit));
}

export function invalidInParameterList(byte: number, bit?: Bit): ReservationOutcome {
  return refused(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, pointer(false, byte, bit));
}

/** The PARAMETER LIST LENGTH field of PERSISTENT RESERVE OUT is wrong. */
export function parameterListLengthError(): ReservationOutcome {
  return refused(SENSE.PARAMETER_LIST_LENGTH_ERROR, pointer(true, 5));
}

export function invalidRelease(bit: Bit): ReservationOutcome {
  return refused(SENSE.INVALID_RELEASE_OF_PERSISTENT_RESERVATION, pointer(true, 2, bit));
}

export function refused(
  sense: SenseCondition,
  fieldPointer?: SenseFieldPointer,
): ReservationOutcome {
  const outcome: ReservationOutcome =
    fieldPointer === undefined
      ? { status: STATUS.CHECK_CONDITION, sense }
      : { status: STATUS.CHECK_CONDITION, sense, details: { fieldPointer } };
  return Object.freeze(outcome);
}

function pointer(inCdb: boolean, byte: number, bit?: Bit): SenseFieldPointer {
  return bit === undefined ? { inCdb, byte } : { inCdb, byte, bit };
}
