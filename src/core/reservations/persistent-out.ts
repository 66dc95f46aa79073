/** PERSISTENT RESERVE OUT: from CDB and parameter list to the next state. */
import { PERSISTENT_RESERVE_OUT as ACTION } from "../../protocol/scsi/index.ts";
import { CONFLICT, invalidInCdb, type ReservationOutcome } from "./outcome.ts";
import { preempt } from "./preempt.ts";
import { registerAndMove } from "./register-and-move.ts";
import { register } from "./register.ts";
import {
  isServiceAction,
  type PersistentReserveRequest,
  readRequest,
  serviceActionOf,
} from "./request.ts";
import type { Requester } from "./requester.ts";
import { clear, release, reserve } from "./reserve.ts";
import type { Change, PersistentState } from "./state.ts";

/** What the command would change, or why it can't. */
export function planChange(
  state: PersistentState,
  cdb: Uint8Array,
  data: Uint8Array,
  requester: Requester,
  canPersist: boolean,
): Change | ReservationOutcome {
  const serviceAction = serviceActionOf(cdb);
  if (!isServiceAction(serviceAction)) return invalidInCdb(1, 4);
  const registers =
    serviceAction === ACTION.REGISTER || serviceAction === ACTION.REGISTER_AND_IGNORE_EXISTING_KEY;
  const own = state.registrations.get(requester.identity);
  if (!registers && own === undefined) return CONFLICT;
  const request = readRequest(cdb, data, canPersist);
  if ("status" in request) return request;
  if (registers) return register(state, request, requester);
  // SPC-5, "RESERVATION KEY": verified whatever the service action and scope.
  if (own?.key !== request.key) return CONFLICT;
  return perform(state, request, requester);
}

function perform(
  state: PersistentState,
  request: PersistentReserveRequest,
  requester: Requester,
): Change | ReservationOutcome {
  switch (request.serviceAction) {
    case ACTION.RESERVE:
      return reserve(state, request, requester);
    case ACTION.RELEASE:
      return release(state, request, requester);
    case ACTION.CLEAR:
      return clear(state, requester);
    case ACTION.REGISTER_AND_MOVE:
      return registerAndMove(state, request, requester);
    case ACTION.PREEMPT:
      return withoutAbort(preempt(state, request, requester));
    default:
      return preempt(state, request, requester);
  }
}

function withoutAbort(result: Change | ReservationOutcome): Change | ReservationOutcome {
  return "status" in result ? result : { ...result, abort: [] };
}
