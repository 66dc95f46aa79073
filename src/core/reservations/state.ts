/**
 * What persistent reservations there are at a logical unit. A state never changes: a service
 * action makes the next one, which counts once it has been saved.
 */
import { RESERVATION_TYPE as TYPE, SENSE, type SenseCondition } from "../../protocol/scsi/index.ts";
import { deviceOf } from "./transport-id.ts";

/** How many I_T nexuses may be registered. */
export const REGISTRATIONS_MAX = 16_384;

/** One registered I_T nexus. */
export interface Registration {
  /** {@link nexusIdentity} */
  readonly identity: string;
  /** The identity of its initiator port. */
  readonly port: string;
  readonly transportId: Uint8Array;
  readonly relativeTargetPortIdentifier: number;
  /** The reservation key; never zero. */
  readonly key: bigint;
}

export interface PersistentReservation {
  /** `RESERVATION_TYPE` */
  readonly type: number;
  /** The identity of the holder; undefined for the all registrants types. */
  readonly holder: string | undefined;
}

export interface PersistentState {
  /** By identity, in the order of registration. */
  readonly registrations: ReadonlyMap<string, Registration>;
  readonly reservation: PersistentReservation | undefined;
  /** The last APTPL bit: reservations persist through power loss. */
  readonly aptpl: boolean;
  /** PRGENERATION */
  readonly generation: number;
}

/** What a service action does. */
export interface Change {
  readonly next: PersistentState;
  /** Unit attentions for registered nexuses, by identity. */
  readonly notices: readonly Notice[];
  /** PREEMPT AND ABORT: whose commands are aborted, by identity. */
  readonly abort: readonly string[];
}

export interface Notice {
  readonly identity: string;
  readonly condition: SenseCondition;
}

export const NOTHING_RESERVED: PersistentState = Object.freeze({
  registrations: new Map<string, Registration>(),
  reservation: undefined,
  aptpl: false,
  generation: 0,
});

/** What an I_T nexus is known by: its target port and its initiator port. */
export function nexusIdentity(relativeTargetPortIdentifier: number, port: string): string {
  return `${relativeTargetPortIdentifier}/${port}`;
}

const types = new Set<number>(Object.values(TYPE));

export function isReservationType(type: number): boolean {
  return types.has(type);
}

/** Every registrant holds the reservation. */
export function isAllRegistrants(type: number): boolean {
  return (
    type === TYPE.WRITE_EXCLUSIVE_ALL_REGISTRANTS || type === TYPE.EXCLUSIVE_ACCESS_ALL_REGISTRANTS
  );
}

/** One registrant holds the reservation, and every registrant has access. */
export function isRegistrantsOnly(type: number): boolean {
  return (
    type === TYPE.WRITE_EXCLUSIVE_REGISTRANTS_ONLY ||
    type === TYPE.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY
  );
}

/** Those without access may read at least. */
export function isWriteExclusive(type: number): boolean {
  return (
    type === TYPE.WRITE_EXCLUSIVE ||
    type === TYPE.WRITE_EXCLUSIVE_REGISTRANTS_ONLY ||
    type === TYPE.WRITE_EXCLUSIVE_ALL_REGISTRANTS
  );
}

export function reservationOf(type: number, holder: string): PersistentReservation {
  return { type, holder: isAllRegistrants(type) ? undefined : holder };
}

/** SPC-5, "Persistent reservation holder". */
export function isHolder(state: PersistentState, identity: string): boolean {
  const { reservation, registrations } = state;
  if (reservation === undefined) return false;
  if (isAllRegistrants(reservation.type)) return registrations.has(identity);
  return reservation.holder === identity;
}

/** True for nexuses that the reservation does not restrict at all. */
export function hasAccess(state: PersistentState, identity: string): boolean {
  const { reservation, registrations } = state;
  if (reservation === undefined) return true;
  if (isRegistrantsOnly(reservation.type)) return registrations.has(identity);
  return isHolder(state, identity);
}

/** The state with PRGENERATION one up. */
export function nextGeneration(state: PersistentState): PersistentState {
  return { ...state, generation: (state.generation + 1) >>> 0 };
}

/**
 * The state without some registrations. The reservation goes with its holder, or with the last
 * of its holders.
 */
export function withoutRegistrations(
  state: PersistentState,
  identities: Iterable<string>,
): PersistentState {
  const registrations = new Map(state.registrations);
  for (const identity of identities) registrations.delete(identity);
  let { reservation } = state;
  if (reservation !== undefined) {
    const held =
      reservation.holder === undefined
        ? registrations.size > 0
        : registrations.has(reservation.holder);
    if (!held) reservation = undefined;
  }
  return { ...state, registrations, reservation };
}

/**
 * The state as it is when `port` shows itself at a target port. SCST lets REGISTER AND MOVE name
 * an iSCSI initiator without its port, and saves that: the first port that comes is meant.
 */
export function adopt(
  state: PersistentState,
  target: number,
  port: { readonly identity: string; readonly bytes: Uint8Array },
): PersistentState {
  const device = deviceOf(port.identity);
  const before = device === undefined ? undefined : nexusIdentity(target, device);
  if (before === undefined || !state.registrations.has(before)) return state;
  const identity = nexusIdentity(target, port.identity);
  if (state.registrations.has(identity)) return state;
  const registrations = new Map<string, Registration>();
  for (const each of state.registrations.values()) {
    const adopted = { ...each, identity, port: port.identity, transportId: port.bytes };
    const registration = each.identity === before ? adopted : each;
    registrations.set(registration.identity, registration);
  }
  const { reservation } = state;
  if (reservation?.holder !== before) return { ...state, registrations };
  return { ...state, registrations, reservation: { ...reservation, holder: identity } };
}

/** RESERVATIONS RELEASED for every registrant of `state` but one. */
export function releasedNotices(state: PersistentState, except: string): Notice[] {
  return noticesFor(state.registrations.keys(), except, SENSE.RESERVATIONS_RELEASED);
}

export function noticesFor(
  identities: Iterable<string>,
  except: string,
  condition: SenseCondition,
): Notice[] {
  const notices: Notice[] = [];
  for (const identity of identities) {
    if (identity !== except) notices.push({ identity, condition });
  }
  return notices;
}
