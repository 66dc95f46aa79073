/**
 * The file in which SCST keeps the persistent reservations of a device with APTPL, usually
 * /var/lib/scst/pr/NAME. A head:
 *
 *     0   u64  signature    8   u64  version, 1
 *     16  u8   APTPL        17  u8   a reservation is set
 *     18  u8   TYPE         19  u8   SCOPE
 *
 * and one record after the other, without padding:
 *
 *     u8  is the holder     TransportID     u64 reservation key, big-endian     u16 relative
 *                                                                               target port
 *
 * Other numbers are in the byte order of the machine that wrote them.
 */
import { ProtocolError } from "../../protocol/errors.ts";
import {
  PROTOCOL_IDENTIFIER,
  RESERVATION_SCOPE_LOGICAL_UNIT,
  TransportIdHeader,
} from "../../protocol/scsi/index.ts";
import {
  isAllRegistrants,
  isReservationType,
  nexusIdentity,
  NOTHING_RESERVED,
  type PersistentReservation,
  type PersistentState,
  type Registration,
  REGISTRATIONS_MAX,
  reservationOf,
} from "./state.ts";
import {
  iscsiBytes,
  iscsiPartsOf,
  type ListedTransportId,
  readIscsiTransportId,
  readPlainTransportId,
} from "./transport-id.ts";

const SIGNATURE = 0xbbee_eeaa_eebb_dd77n;
const VERSION = 1n;
const HEAD_LENGTH = 20;
/** What a record has beside its TransportID. */
const RECORD_LENGTH = 11;
/** What stands for TYPE where nothing is reserved. */
const NO_TYPE = 0xff;

/** As in SCST. */
export const SAVED_STATE_LENGTH_MAX = 15 * 1024 * 1024 - 1;

/** A state as bytes, in little-endian order. */
export function encodeState(state: PersistentState): Uint8Array {
  const { reservation } = state;
  const records = [...state.registrations.values()].map((registration) => ({
    registration,
    transportId: asSaved(registration.transportId),
  }));
  const length = records.reduce(
    (sum, { transportId }) => sum + RECORD_LENGTH + transportId.length,
    HEAD_LENGTH,
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, SIGNATURE, true);
  view.setBigUint64(8, VERSION, true);
  bytes[16] = state.aptpl ? 1 : 0;
  bytes[17] = reservation === undefined ? 0 : 1;
  bytes[18] = reservation?.type ?? NO_TYPE;
  bytes[19] = RESERVATION_SCOPE_LOGICAL_UNIT;
  let at = HEAD_LENGTH;
  for (const { registration, transportId } of records) {
    bytes[at] = reservation?.holder === registration.identity ? 1 : 0;
    bytes.set(transportId, at + 1);
    at += 1 + transportId.length;
    view.setBigUint64(at, registration.key);
    view.setUint16(at + 8, registration.relativeTargetPortIdentifier, true);
    at += 10;
  }
  return bytes;
}

/**
 * Reads a saved state. PRGENERATION begins at zero again (SPC-5, "READ KEYS service action").
 *
 * @throws {ProtocolError} `SAVED_RESERVATIONS` when the bytes are no saved state, or not all of one
 */
export function decodeState(bytes: Uint8Array): PersistentState {
  const littleEndian = checkHead(bytes);
  const type = bytes[18] as number;
  const reserved = bytes[17] !== 0;
  const registrations = new Map<string, Registration>();
  let holder: string | undefined;
  let at = HEAD_LENGTH;
  while (at < bytes.length) {
    const isHolder = bytes[at] as number;
    const { registration, length } = decodeRecord(bytes, at, littleEndian);
    const { identity } = registration;
    check(!registrations.has(identity), `two registrations of ${identity}`);
    check(registrations.size < REGISTRATIONS_MAX, "too many registrations");
    check(isHolder <= 1 && (isHolder === 0 || holder === undefined), "two reservation holders");
    registrations.set(identity, registration);
    if (isHolder === 1) holder = identity;
    at += length;
  }
  const reservation = reserved ? decodeReservation(type, holder, registrations.size) : undefined;
  check(reserved || holder === undefined, "a reservation holder without a reservation");
  // What was not to persist does not: SCST writes no such file.
  if (bytes[16] === 0) return NOTHING_RESERVED;
  return { registrations, reservation, aptpl: true, generation: 0 };
}

/** Answers whether the bytes are in little-endian order. */
function checkHead(bytes: Uint8Array): boolean {
  const { length } = bytes;
  check(length >= HEAD_LENGTH, `${length} bytes, and the head alone has ${HEAD_LENGTH}`);
  check(length <= SAVED_STATE_LENGTH_MAX, `${length} bytes, more than ${SAVED_STATE_LENGTH_MAX}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const littleEndian = view.getBigUint64(0, true) === SIGNATURE;
  // SCST writes a signature of zero first and the real one when everything else is there.
  check(littleEndian || view.getBigUint64(0) === SIGNATURE, "the signature is not SCST's");
  const version = view.getBigUint64(8, littleEndian);
  check(version === VERSION, `version ${version}: it must be ${VERSION}`);
  const scope = bytes[19] as number;
  check(scope === RESERVATION_SCOPE_LOGICAL_UNIT, `scope ${scope}: it must be 0`);
  return littleEndian;
}

function decodeReservation(
  type: number,
  holder: string | undefined,
  count: number,
): PersistentReservation {
  check(isReservationType(type), `no reservation has type ${type}`);
  const held = isAllRegistrants(type) ? count > 0 : holder !== undefined;
  check(held, "a reservation that nobody holds");
  return reservationOf(type, holder ?? "");
}

function decodeRecord(bytes: Uint8Array, at: number, littleEndian: boolean) {
  const id = transportIdAt(bytes, at + 1);
  check(id !== undefined, `no TransportID at byte ${at + 1}`);
  const keyAt = at + 1 + id.length;
  check(keyAt + 10 <= bytes.length, `the record at byte ${at} is cut off`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const key = view.getBigUint64(keyAt);
  check(key !== 0n, `the record at byte ${at} has no reservation key`);
  const relativeTargetPortIdentifier = view.getUint16(keyAt + 8, littleEndian);
  const identity = nexusIdentity(relativeTargetPortIdentifier, id.identity);
  const registration: Registration = {
    identity,
    port: id.identity,
    transportId: id.bytes,
    relativeTargetPortIdentifier,
    key,
  };
  return { registration, length: RECORD_LENGTH + id.length };
}

function transportIdAt(bytes: Uint8Array, at: number): ListedTransportId | undefined {
  if (at + 4 > bytes.length) return undefined;
  const { protocolIdentifier } = TransportIdHeader.view(bytes, at);
  return protocolIdentifier === PROTOCOL_IDENTIFIER.ISCSI
    ? readIscsiTransportId(bytes, at, readSavedIsid)
    : readPlainTransportId(bytes, at, protocolIdentifier);
}

/**
 * An iSCSI target of SCST prints the ISID as one little-endian number: backwards and without
 * leading zeros. Where initiators have given the TransportID themselves it is as they spelt it,
 * which shows only when there are leading zeros.
 */
function readSavedIsid(digits: string): string | undefined {
  if (!/^[0-9a-f]{1,12}$/.test(digits)) return undefined;
  if (digits.length > 1 && digits.startsWith("0")) return digits.padStart(12, "0");
  return backwards(digits.padStart(12, "0"));
}

function asSaved(transportId: Uint8Array): Uint8Array {
  const parts = iscsiPartsOf(transportId);
  if (parts === undefined) return transportId;
  const digits = backwards(parts.isid).replace(/^0+(?=.)/, "");
  return iscsiBytes(1, `${parts.name},i,0x${digits}`, 0);
}

/** The same bytes from last to first; `hex` has two digits a byte. */
function backwards(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().join("");
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ProtocolError("SAVED_RESERVATIONS", `saved reservations: ${message}`);
}
