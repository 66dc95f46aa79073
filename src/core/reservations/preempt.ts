/** PREEMPT and PREEMPT AND ABORT (SPC-5, "Preempting"). */
import { SENSE } from "../../protocol/scsi/index.ts";
import { CONFLICT, invalidInParameterList, type ReservationOutcome } from "./outcome.ts";
import { type PersistentReserveRequest, refuseReservation } from "./request.ts";
import type { Requester } from "./requester.ts";
import {
  type Change,
  isAllRegistrants,
  nextGeneration,
  noticesFor,
  type PersistentState,
  releasedNotices,
  reservationOf,
  withoutRegistrations,
} from "./state.ts";

/**
 * `requester` is registered with the request's key. `abort` names every preempted nexus, the
 * requester among them where it preempts itself; it counts for PREEMPT AND ABORT only.
 */
export function preempt(
  state: PersistentState,
  request: PersistentReserveRequest,
  requester: Requester,
): Change | ReservationOutcome {
  const { reservation } = state;
  const matching = [...state.registrations.values()]
    .filter(({ key }) => key === request.newKey)
    .map(({ identity }) => identity);
  if (reservation !== undefined && request.newKey === 0n) {
    if (!isAllRegistrants(reservation.type)) return invalidInParameterList(8);
    return replaceReservation(state, request, requester, [...state.registrations.keys()]);
  }
  if (matching.length === 0) return CONFLICT;
  if (reservation?.holder !== undefined && matching.includes(reservation.holder)) {
    return replaceReservation(state, request, requester, matching);
  }
  return removeRegistrations(state, requester, matching);
}

/** SPC-5, "Preempting persistent reservations and registration handling". */
function replaceReservation(
  state: PersistentState,
  request: PersistentReserveRequest,
  { identity }: Requester,
  preempted: readonly string[],
): Change | ReservationOutcome {
  const refusal = refuseReservation(request);
  if (refusal !== undefined) return refusal;
  const removed = preempted.filter((each) => each !== identity);
  const next = {
    ...withoutRegistrations(nextGeneration(state), removed),
    reservation: reservationOf(request.type, identity),
  };
  const notices = noticesFor(removed, identity, SENSE.REGISTRATIONS_PREEMPTED);
  if (state.reservation?.type !== request.type) notices.push(...releasedNotices(next, identity));
  return { next, notices, abort: preempted };
}

/** SPC-5, "Removing registrations": the requester's own too, if it has the key. */
function removeRegistrations(
  state: PersistentState,
  { identity }: Requester,
  removed: readonly string[],
): Change {
  return {
    next: withoutRegistrations(nextGeneration(state), removed),
    notices: noticesFor(removed, identity, SENSE.REGISTRATIONS_PREEMPTED),
    abort: removed,
  };
}
