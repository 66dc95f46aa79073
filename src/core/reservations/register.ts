/** REGISTER and REGISTER AND IGNORE EXISTING KEY (SPC-5, "Registering" and "Unregistering"). */
import { PERSISTENT_RESERVE_OUT as ACTION, SENSE } from "../../protocol/scsi/index.ts";
import { CONFLICT, invalidInParameterList, refused, type ReservationOutcome } from "./outcome.ts";
import type { PersistentReserveRequest } from "./request.ts";
import type { Requester } from "./requester.ts";
import {
  type Change,
  isRegistrantsOnly,
  nexusIdentity,
  nextGeneration,
  type PersistentState,
  type Registration,
  REGISTRATIONS_MAX,
  releasedNotices,
  withoutRegistrations,
} from "./state.ts";
import type { TransportId } from "./transport-id.ts";

export function register(
  state: PersistentState,
  request: PersistentReserveRequest,
  requester: Requester,
): Change | ReservationOutcome {
  const ignoresKey = request.serviceAction === ACTION.REGISTER_AND_IGNORE_EXISTING_KEY;
  const own = state.registrations.get(requester.identity);
  if (!ignoresKey && request.key !== (own?.key ?? 0n)) return CONFLICT;
  const reachesOthers = ignoresKey && request.allTargetPorts;
  if (own === undefined && request.newKey === 0n && !reachesOthers) {
    return { next: nextGeneration(state), notices: [], abort: [] };
  }
  if (own !== undefined && request.specifiesInitiatorPorts) return invalidInParameterList(20, 3);
  const targetPorts = targetPortsFor(request, requester);
  // As if each target port had received the request: where it would conflict, nothing happens.
  const registrations = targetPorts
    .map((port) => registrationOf(requester.transportId, port, request.newKey))
    .filter(({ identity }) => {
      const key = state.registrations.get(identity)?.key ?? 0n;
      return ignoresKey || key === request.key;
    });
  if (request.newKey === 0n) return unregister(state, request, requester, registrations);
  const others = otherRegistrations(state, request, requester, targetPorts);
  if (!Array.isArray(others)) return others;
  return registered(state, request, [...registrations, ...others]);
}

function targetPortsFor(request: PersistentReserveRequest, requester: Requester): number[] {
  const ports = new Set([requester.relativeTargetPortIdentifier]);
  if (request.allTargetPorts) {
    const { protocolIdentifier } = requester.transportId;
    for (const port of requester.targetPorts(protocolIdentifier)) ports.add(port);
  }
  return [...ports];
}

/** SPEC_I_PT: the nexuses of other initiator ports, or why they can't be registered. */
function otherRegistrations(
  state: PersistentState,
  request: PersistentReserveRequest,
  requester: Requester,
  targetPorts: readonly number[],
): Registration[] | ReservationOutcome {
  const registrations: Registration[] = [];
  for (const id of request.transportIds) {
    // A nexus has one protocol: that of the target port.
    if (id.protocolIdentifier !== requester.transportId.protocolIdentifier) {
      return invalidInParameterList(id.at);
    }
    const ports: Iterable<TransportId> = id.of === "port" ? [id] : requester.portsOf(id).values();
    for (const port of ports) {
      if (port.identity === requester.transportId.identity) continue;
      for (const targetPort of targetPorts) {
        const registration = registrationOf(port, targetPort, request.newKey);
        if (state.registrations.has(registration.identity)) return invalidInParameterList(id.at);
        registrations.push(registration);
      }
    }
  }
  return registrations;
}

function registered(
  state: PersistentState,
  request: PersistentReserveRequest,
  added: readonly Registration[],
): Change | ReservationOutcome {
  const registrations = new Map(state.registrations);
  for (const registration of added) registrations.set(registration.identity, registration);
  if (registrations.size > REGISTRATIONS_MAX) {
    return refused(SENSE.INSUFFICIENT_REGISTRATION_RESOURCES);
  }
  const next = { ...nextGeneration(state), registrations, aptpl: request.aptpl };
  return { next, notices: [], abort: [] };
}

function unregister(
  state: PersistentState,
  request: PersistentReserveRequest,
  requester: Requester,
  registrations: readonly Registration[],
): Change {
  const identities = registrations.map(({ identity }) => identity);
  const next = withoutRegistrations(nextGeneration(state), identities);
  const { reservation } = state;
  const released = reservation !== undefined && next.reservation === undefined;
  const notices =
    released && isRegistrantsOnly(reservation.type)
      ? releasedNotices(next, requester.identity)
      : [];
  return { next: { ...next, aptpl: request.aptpl }, notices, abort: [] };
}

export function registrationOf(
  { identity: port, bytes }: TransportId,
  relativeTargetPortIdentifier: number,
  key: bigint,
): Registration {
  return {
    identity: nexusIdentity(relativeTargetPortIdentifier, port),
    port,
    transportId: bytes,
    relativeTargetPortIdentifier,
    key,
  };
}
