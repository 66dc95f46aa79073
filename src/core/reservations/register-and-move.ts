/** REGISTER AND MOVE (SPC-5, "Registering and moving the reservation"). */
import { SENSE } from "../../protocol/scsi/index.ts";
import {
  CONFLICT,
  invalidInCdb,
  invalidInParameterList,
  refused,
  type ReservationOutcome,
} from "./outcome.ts";
import { registrationOf } from "./register.ts";
import type { PersistentReserveRequest } from "./request.ts";
import type { Requester } from "./requester.ts";
import {
  type Change,
  isAllRegistrants,
  isHolder,
  nextGeneration,
  type PersistentState,
  REGISTRATIONS_MAX,
  withoutRegistrations,
} from "./state.ts";
import type { TransportId } from "./transport-id.ts";

/** `requester` is registered with the request's key. */
export function registerAndMove(
  state: PersistentState,
  request: PersistentReserveRequest,
  requester: Requester,
): Change | ReservationOutcome {
  const { reservation } = state;
  if (reservation === undefined) return invalidInCdb(1, 4);
  if (isAllRegistrants(reservation.type)) return CONFLICT;
  if (!isHolder(state, requester.identity)) return CONFLICT;
  if (request.newKey === 0n) return invalidInParameterList(8);
  const to = destinationOf(request, requester);
  if ("status" in to) return to;
  const moved = registrationOf(to, request.relativeTargetPortIdentifier, request.newKey);
  const registrations = new Map(state.registrations).set(moved.identity, moved);
  if (registrations.size > REGISTRATIONS_MAX) {
    return refused(SENSE.INSUFFICIENT_REGISTRATION_RESOURCES);
  }
  const next = {
    ...nextGeneration(state),
    registrations,
    reservation: { type: reservation.type, holder: moved.identity },
    aptpl: request.aptpl,
  };
  const removed = request.unregister ? [requester.identity] : [];
  return { next: withoutRegistrations(next, removed), notices: [], abort: [] };
}

function destinationOf(
  request: PersistentReserveRequest,
  requester: Requester,
): TransportId | ReservationOutcome {
  const [id] = request.transportIds;
  if (id === undefined) return invalidInParameterList(20);
  const port = id.of === "port" ? id : onlyPortOf(id, requester);
  if (port === undefined) return invalidInParameterList(id.at);
  if (port.identity === requester.transportId.identity) return invalidInParameterList(id.at);
  // A reservation that moves to where nobody can come from would lock everybody out.
  const targetPorts = requester.targetPorts(port.protocolIdentifier);
  if (!targetPorts.has(request.relativeTargetPortIdentifier)) return invalidInParameterList(18);
  return port;
}

/** The holder is one port: a name will do only if it means one. */
function onlyPortOf(device: TransportId, requester: Requester): TransportId | undefined {
  const ports = [...requester.portsOf(device).values()];
  return ports.length === 1 ? ports[0] : undefined;
}
