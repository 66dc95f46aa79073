/** A PERSISTENT RESERVE OUT command as its CDB and parameter list say it. */
import {
  PERSISTENT_RESERVE_OUT as ACTION,
  PersistentReserveOut,
  PersistentReserveOutParameterList,
  RegisterAndMoveParameterList,
  RESERVATION_SCOPE_LOGICAL_UNIT,
} from "../../protocol/scsi/index.ts";
import {
  invalidInCdb,
  invalidInParameterList,
  parameterListLengthError,
  type ReservationOutcome,
} from "./outcome.ts";
import { isReservationType } from "./state.ts";
import { type ListedTransportId, readTransportId, TRANSPORT_ID_LENGTH } from "./transport-id.ts";

export interface PersistentReserveRequest {
  readonly serviceAction: number;
  readonly scope: number;
  readonly type: number;
  /** RESERVATION KEY */
  readonly key: bigint;
  /** SERVICE ACTION RESERVATION KEY */
  readonly newKey: bigint;
  readonly aptpl: boolean;
  readonly allTargetPorts: boolean;
  readonly specifiesInitiatorPorts: boolean;
  /** REGISTER AND MOVE */
  readonly unregister: boolean;
  readonly relativeTargetPortIdentifier: number;
  /** SPEC_I_PT and REGISTER AND MOVE; `at` is the byte of the parameter list. */
  readonly transportIds: readonly (ListedTransportId & { readonly at: number })[];
}

const { size: BASIC_LENGTH } = PersistentReserveOutParameterList;
/** Where SPEC_I_PT's list begins, after its length. */
const LIST_AT = BASIC_LENGTH + 4;

const actions = new Set<number>(Object.values(ACTION));
// No reservation is ever lost here: a saved state that can't be read keeps the device away.
actions.delete(ACTION.REPLACE_LOST_RESERVATION);

export function serviceActionOf(cdb: Uint8Array): number {
  return PersistentReserveOut.view(cdb).serviceAction;
}

export function isServiceAction(serviceAction: number): boolean {
  return actions.has(serviceAction);
}

/** Reads the request, or says why it is none. `canPersist`: APTPL may be one. */
export function readRequest(
  cdb: Uint8Array,
  data: Uint8Array,
  canPersist: boolean,
): PersistentReserveRequest | ReservationOutcome {
  // What has not arrived of the parameter list is not in it.
  const length = Math.min(PersistentReserveOut.view(cdb).parameterListLength, data.length);
  const list = data.subarray(0, length);
  if (length < BASIC_LENGTH) return parameterListLengthError();
  const request =
    serviceActionOf(cdb) === ACTION.REGISTER_AND_MOVE ? readMove(cdb, list) : readBasic(cdb, list);
  if (!("status" in request) && request.aptpl && !canPersist) {
    const byte = request.serviceAction === ACTION.REGISTER_AND_MOVE ? 17 : 20;
    return invalidInParameterList(byte, 0);
  }
  return request;
}

function readBasic(
  cdb: Uint8Array,
  list: Uint8Array,
): PersistentReserveRequest | ReservationOutcome {
  const { serviceAction, scope, type } = PersistentReserveOut.view(cdb);
  const fields = PersistentReserveOutParameterList.view(list);
  const registers =
    serviceAction === ACTION.REGISTER || serviceAction === ACTION.REGISTER_AND_IGNORE_EXISTING_KEY;
  const specifiesInitiatorPorts = fields.specIPt;
  if (specifiesInitiatorPorts && serviceAction !== ACTION.REGISTER) {
    return invalidInParameterList(20, 3);
  }
  const transportIds = specifiesInitiatorPorts ? readInitiatorPorts(list) : [];
  if ("status" in transportIds) return transportIds;
  if (!specifiesInitiatorPorts && list.length !== BASIC_LENGTH) return parameterListLengthError();
  return {
    serviceAction,
    scope,
    type,
    key: fields.reservationKey,
    newKey: fields.serviceActionReservationKey,
    // SPC-5, "Basic PERSISTENT RESERVE OUT parameter list": ignored where nothing is registered.
    aptpl: registers && fields.aptpl,
    allTargetPorts: registers && fields.allTgPt,
    specifiesInitiatorPorts,
    unregister: false,
    relativeTargetPortIdentifier: 0,
    transportIds,
  };
}

type Listed = PersistentReserveRequest["transportIds"];

function readInitiatorPorts(list: Uint8Array): Listed | ReservationOutcome {
  if (list.length < LIST_AT) return parameterListLengthError();
  const { data } = PersistentReserveOutParameterList.view(list);
  const end = LIST_AT + data.getUint32(BASIC_LENGTH);
  if (end > list.length) return parameterListLengthError();
  const ids: Listed[number][] = [];
  for (let at = LIST_AT; at < end;) {
    const id = readTransportId(list.subarray(0, end), at);
    if (id === undefined) return invalidInParameterList(at + TRANSPORT_ID_LENGTH > end ? 24 : at);
    ids.push({ ...id, at });
    at += id.length;
  }
  return ids;
}

function readMove(
  cdb: Uint8Array,
  list: Uint8Array,
): PersistentReserveRequest | ReservationOutcome {
  const { serviceAction, scope, type } = PersistentReserveOut.view(cdb);
  const fields = RegisterAndMoveParameterList.view(list);
  const at = RegisterAndMoveParameterList.size;
  const end = at + fields.transportIdLength;
  if (end > list.length || end - at < TRANSPORT_ID_LENGTH) return invalidInParameterList(20);
  const id = readTransportId(list.subarray(0, end), at);
  if (id === undefined) return invalidInParameterList(at);
  return {
    serviceAction,
    scope,
    type,
    key: fields.reservationKey,
    newKey: fields.serviceActionReservationKey,
    aptpl: fields.aptpl,
    allTargetPorts: false,
    specifiesInitiatorPorts: false,
    unregister: fields.unreg,
    relativeTargetPortIdentifier: fields.relativeTargetPortIdentifier,
    transportIds: [{ ...id, at }],
  };
}

/** What is wrong with the scope and type of a reservation to be established, if anything. */
export function refuseReservation({
  scope,
  type,
}: PersistentReserveRequest): ReservationOutcome | undefined {
  if (scope !== RESERVATION_SCOPE_LOGICAL_UNIT) return invalidInCdb(2, 7);
  return isReservationType(type) ? undefined : invalidInCdb(2, 3);
}
