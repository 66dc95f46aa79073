/** RESERVE, RELEASE and CLEAR; the requester is registered with the request's key. */
import { RESERVATION_SCOPE_LOGICAL_UNIT, SENSE } from "../../protocol/scsi/index.ts";
import { CONFLICT, invalidRelease, type ReservationOutcome } from "./outcome.ts";
import { type PersistentReserveRequest, refuseReservation } from "./request.ts";
import type { Requester } from "./requester.ts";
import {
  type Change,
  isAllRegistrants,
  isHolder,
  isRegistrantsOnly,
  nextGeneration,
  noticesFor,
  type PersistentState,
  releasedNotices,
  reservationOf,
  withoutRegistrations,
} from "./state.ts";

/** SPC-5, "Reserving". */
export function reserve(
  state: PersistentState,
  request: PersistentReserveRequest,
  { identity }: Requester,
): Change | ReservationOutcome {
  const { reservation } = state;
  if (reservation !== undefined && !isHolder(state, identity)) return CONFLICT;
  const refusal = refuseReservation(request);
  if (refusal !== undefined) return refusal;
  if (reservation === undefined) {
    return unnoticed({ ...state, reservation: reservationOf(request.type, identity) });
  }
  return reservation.type === request.type ? unnoticed(state) : CONFLICT;
}

/** SPC-5, "Releasing". */
export function release(
  state: PersistentState,
  request: PersistentReserveRequest,
  { identity }: Requester,
): Change | ReservationOutcome {
  const { reservation } = state;
  if (reservation === undefined || !isHolder(state, identity)) return unnoticed(state);
  if (request.scope !== RESERVATION_SCOPE_LOGICAL_UNIT) return invalidRelease(7);
  const { type } = reservation;
  if (request.type !== type) return invalidRelease(3);
  const next = { ...state, reservation: undefined };
  const told = isRegistrantsOnly(type) || isAllRegistrants(type);
  return { next, notices: told ? releasedNotices(state, identity) : [], abort: [] };
}

/** SPC-5, "Clearing". */
export function clear(state: PersistentState, { identity }: Requester): Change {
  const all = [...state.registrations.keys()];
  return {
    next: withoutRegistrations(nextGeneration(state), all),
    notices: noticesFor(all, identity, SENSE.RESERVATIONS_PREEMPTED),
    abort: [],
  };
}

function unnoticed(next: PersistentState): Change {
  return { next, notices: [], abort: [] };
}
