/** PERSISTENT RESERVE IN: the parameter data, whole (SPC-5). */
import {
  FullStatusDescriptor,
  PERSISTENT_RESERVE_IN as ACTION,
  PersistentReserveIn,
  PersistentReserveInHeader,
  ReportCapabilitiesData,
  RESERVATION_SCOPE_LOGICAL_UNIT,
  ReservationDescriptor,
  STATUS,
} from "../../protocol/scsi/index.ts";
import { invalidInCdb, type ReservationOutcome } from "./outcome.ts";
import { isHolder, type PersistentState } from "./state.ts";

const scope = RESERVATION_SCOPE_LOGICAL_UNIT;

/** Answers the service action in `cdb`. */
export function report(
  state: PersistentState,
  cdb: Uint8Array,
  canPersist: boolean,
): ReservationOutcome {
  switch (PersistentReserveIn.view(cdb).serviceAction) {
    case ACTION.READ_KEYS:
      return good(readKeys(state));
    case ACTION.READ_RESERVATION:
      return good(readReservation(state));
    case ACTION.REPORT_CAPABILITIES:
      return good(reportCapabilities(state, canPersist));
    case ACTION.READ_FULL_STATUS:
      return good(readFullStatus(state));
    default:
      return invalidInCdb(1, 4);
  }
}

function good(data: Uint8Array): ReservationOutcome {
  return { status: STATUS.GOOD, data };
}

function readKeys(state: PersistentState): Uint8Array {
  const { registrations } = state;
  const data = withHeader(state, 8 * registrations.size);
  const view = new DataView(data.buffer);
  let at: number = PersistentReserveInHeader.size;
  for (const { key } of registrations.values()) {
    view.setBigUint64(at, key);
    at += 8;
  }
  return data;
}

function readReservation(state: PersistentState): Uint8Array {
  const { reservation, registrations } = state;
  if (reservation === undefined) return withHeader(state, 0);
  const data = withHeader(state, ReservationDescriptor.size);
  const { holder, type } = reservation;
  const reservationKey = holder === undefined ? 0n : (registrations.get(holder)?.key ?? 0n);
  const view = ReservationDescriptor.view(data, PersistentReserveInHeader.size);
  ReservationDescriptor.write(view, { reservationKey, scope, type });
  return data;
}

/**
 * TEST UNIT READY and RECEIVE COPY RESULTS pass every reservation, the others of the standard's
 * list pass a write exclusive one: the command sets' rows say so.
 */
const ALLOW_COMMANDS = 0b100;

function reportCapabilities(state: PersistentState, canPersist: boolean): Uint8Array {
  return ReportCapabilitiesData.encode({
    length: ReportCapabilitiesData.size,
    crh: true,
    sipC: true,
    atpC: true,
    ptplC: canPersist,
    tmv: true,
    allowCommands: ALLOW_COMMANDS,
    ptplA: state.aptpl,
    wrExAr: true,
    exAcRo: true,
    wrExRo: true,
    exAc: true,
    wrEx: true,
    exAcAr: true,
  });
}

function readFullStatus(state: PersistentState): Uint8Array {
  const { registrations, reservation } = state;
  const all = [...registrations.values()];
  const size = FullStatusDescriptor.size;
  const length = all.reduce((sum, { transportId }) => sum + size + transportId.length, 0);
  const data = withHeader(state, length);
  let at: number = PersistentReserveInHeader.size;
  for (const { identity, key, relativeTargetPortIdentifier, transportId } of all) {
    const rHolder = isHolder(state, identity);
    FullStatusDescriptor.write(FullStatusDescriptor.view(data, at), {
      reservationKey: key,
      rHolder,
      scope,
      type: rHolder ? (reservation?.type ?? 0) : 0,
      relativeTargetPortIdentifier,
      additionalDescriptorLength: transportId.length,
    });
    data.set(transportId, at + size);
    at += size + transportId.length;
  }
  return data;
}

function withHeader({ generation }: PersistentState, additionalLength: number): Uint8Array {
  return PersistentReserveInHeader.encode(
    { prgeneration: generation, additionalLength },
    PersistentReserveInHeader.size + additionalLength,
  );
}
