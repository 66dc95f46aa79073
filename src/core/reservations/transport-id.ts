/** TransportIDs: who an initiator port is, wherever it is connected (SPC-5, "TransportID"). */
import { UsageError } from "../../protocol/errors.ts";
import {
  IscsiTransportIdHeader,
  PROTOCOL_IDENTIFIER,
  TransportIdHeader,
} from "../../protocol/scsi/index.ts";

/** Of every protocol but iSCSI. */
export const TRANSPORT_ID_LENGTH = 24;
/** An iSCSI name has up to 223 bytes (RFC 7143); this leaves room for those of lax initiators. */
export const TRANSPORT_ID_LENGTH_MAX = 512;
/** TransportIDs on the wire are this long at least, with what pads them. */
const ADDITIONAL_LENGTH_MIN = 20;

/** Between the iSCSI name and the ISID. */
const SEPARATOR = ",i,0x";
const ISID_LENGTH = 6;
const ISID_DIGITS = 2 * ISID_LENGTH;

export interface TransportId {
  readonly protocolIdentifier: number;
  /** "device": an iSCSI name alone, which stands for all of the initiator's ports. */
  readonly of: "port" | "device";
  /** Equal for TransportIDs of the same port or device, however they are spelt. */
  readonly identity: string;
  /** In the one spelling that initiators are shown. */
  readonly bytes: Uint8Array;
}

/** A TransportID in a list, and how many bytes it takes there. */
export interface ListedTransportId extends TransportId {
  readonly length: number;
}

/** Where the other protocols' port names and port identifiers stand. */
const NAMES: Readonly<Record<number, readonly [first: number, end: number]>> = {
  [PROTOCOL_IDENTIFIER.FIBRE_CHANNEL]: [8, 16],
  // SCSI parallel: the SCSI address and the relative target port identifier.
  0x1: [2, 8],
  // IEEE 1394.
  0x3: [8, 16],
  [PROTOCOL_IDENTIFIER.SRP]: [8, 24],
  [PROTOCOL_IDENTIFIER.SAS]: [4, 12],
  // SCSI over PCI Express: the routing ID.
  0xa: [2, 4],
};

/** Reads the TransportID at `offset`, or undefined if it is malformed or does not end in `bytes`. */
export function readTransportId(bytes: Uint8Array, offset = 0): ListedTransportId | undefined {
  if (offset + TRANSPORT_ID_LENGTH > bytes.length) return undefined;
  const { protocolIdentifier, formatCode } = TransportIdHeader.view(bytes, offset);
  if (protocolIdentifier === PROTOCOL_IDENTIFIER.ISCSI) {
    const { additionalLength } = IscsiTransportIdHeader.view(bytes, offset);
    if (additionalLength < ADDITIONAL_LENGTH_MIN || additionalLength % 4 !== 0) return undefined;
    return readIscsiTransportId(bytes, offset, standardIsid);
  }
  if (formatCode !== 0) return undefined;
  return readPlainTransportId(bytes, offset, protocolIdentifier);
}

export function readPlainTransportId(
  bytes: Uint8Array,
  offset: number,
  protocolIdentifier: number,
): ListedTransportId | undefined {
  const place = NAMES[protocolIdentifier];
  if (place === undefined || offset + TRANSPORT_ID_LENGTH > bytes.length) return undefined;
  const [first, end] = place;
  const canonical = new Uint8Array(TRANSPORT_ID_LENGTH);
  canonical[0] = protocolIdentifier;
  canonical.set(bytes.subarray(offset + first, offset + end), first);
  const identity = `${protocolIdentifier}:${hex(canonical.subarray(first, end))}`;
  const length = TRANSPORT_ID_LENGTH;
  return { protocolIdentifier, of: "port", identity, bytes: canonical, length };
}

/** Reads the digits of an ISID, or answers undefined if they are none. */
export type IsidReader = (digits: string) => string | undefined;

/**
 * Reads an iSCSI TransportID whose length may be any; the ISID is spelt as `readIsid` knows.
 */
export function readIscsiTransportId(
  bytes: Uint8Array,
  offset: number,
  readIsid: IsidReader,
): ListedTransportId | undefined {
  const { additionalLength, formatCode } = IscsiTransportIdHeader.view(bytes, offset);
  const first = offset + IscsiTransportIdHeader.size;
  const end = first + additionalLength;
  if (end > bytes.length || end - offset > TRANSPORT_ID_LENGTH_MAX) return undefined;
  const text = untilNul(bytes, first, end);
  const length = end - offset;
  if (formatCode === 0 && text.length > 0) return { ...iscsiDevice(text), length };
  if (formatCode !== 1) return undefined;
  const at = text.lastIndexOf(SEPARATOR);
  if (at <= 0) return undefined;
  const isid = readIsid(text.slice(at + SEPARATOR.length).toLowerCase());
  return isid === undefined ? undefined : { ...iscsiPort(text.slice(0, at), isid), length };
}

/** As many digits as it takes, most significant first; initiators leave zeros away. */
function standardIsid(digits: string): string | undefined {
  return /^[0-9a-f]{1,12}$/.test(digits) ? digits.padStart(ISID_DIGITS, "0") : undefined;
}

/** The TransportID of an iSCSI initiator port: format code 01b. */
export function iscsiTransportId(initiatorName: string, isid: Uint8Array): Uint8Array {
  if (isid.length !== ISID_LENGTH) {
    throw new UsageError("ISID_LENGTH", `an ISID has ${ISID_LENGTH} bytes, not ${isid.length}`);
  }
  const name = new TextEncoder().encode(initiatorName);
  const { bytes } = iscsiPort(String.fromCharCode(...name), hex(isid));
  if (name.length === 0 || bytes.length > TRANSPORT_ID_LENGTH_MAX) {
    throw new UsageError("INITIATOR_NAME_LENGTH", `no TransportID can hold ${initiatorName}`);
  }
  return bytes;
}

/**
 * The TransportID of an initiator in this process. As scst_local does, it says that the port is
 * a SAS one; the address is a locally assigned one (NAA 3h) made from the name, so that saved
 * reservations find their initiator again.
 */
export function localTransportId(initiatorName: string): Uint8Array {
  // FNV-1a, 64 bits.
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of new TextEncoder().encode(initiatorName)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  }
  const bytes = new Uint8Array(TRANSPORT_ID_LENGTH);
  bytes[0] = PROTOCOL_IDENTIFIER.SAS;
  new DataView(bytes.buffer).setBigUint64(4, (3n << 60n) | (hash >> 4n));
  return bytes;
}

/** The name and the ISID in an iSCSI initiator port's TransportID, bytes as characters. */
export function iscsiPartsOf(id: Uint8Array): { name: string; isid: string } | undefined {
  const { protocolIdentifier, formatCode } = TransportIdHeader.view(id);
  if (protocolIdentifier !== PROTOCOL_IDENTIFIER.ISCSI || formatCode !== 1) return undefined;
  const text = untilNul(id, IscsiTransportIdHeader.size, id.length);
  const at = text.lastIndexOf(SEPARATOR);
  return { name: text.slice(0, at), isid: text.slice(at + SEPARATOR.length) };
}

/** The identity of the iSCSI initiator that a port is of; undefined for other protocols. */
export function deviceOf(portIdentity: string): string | undefined {
  const at = portIdentity.lastIndexOf(SEPARATOR);
  return at > 0 ? portIdentity.slice(0, at) : undefined;
}

/** An iSCSI TransportID with this text, as long as `lengthMin` at least. */
export function iscsiBytes(formatCode: 0 | 1, text: string, lengthMin: number): Uint8Array {
  const size = IscsiTransportIdHeader.size + text.length + 1;
  const length = Math.max(lengthMin, Math.ceil(size / 4) * 4);
  const additionalLength = length - IscsiTransportIdHeader.size;
  const bytes = IscsiTransportIdHeader.encode(
    { formatCode, protocolIdentifier: PROTOCOL_IDENTIFIER.ISCSI, additionalLength },
    length,
  );
  for (let i = 0; i < text.length; i++) {
    bytes[IscsiTransportIdHeader.size + i] = text.charCodeAt(i);
  }
  return bytes;
}

function iscsiDevice(name: string): TransportId {
  return {
    protocolIdentifier: PROTOCOL_IDENTIFIER.ISCSI,
    of: "device",
    identity: iscsiIdentity(name),
    bytes: iscsiBytes(0, name, TRANSPORT_ID_LENGTH),
  };
}

function iscsiPort(name: string, isid: string): TransportId {
  const text = `${name}${SEPARATOR}${isid}`;
  return {
    protocolIdentifier: PROTOCOL_IDENTIFIER.ISCSI,
    of: "port",
    identity: iscsiIdentity(text),
    bytes: iscsiBytes(1, text, TRANSPORT_ID_LENGTH),
  };
}

/** RFC 7143, "iSCSI names": case does not count. */
function iscsiIdentity(text: string): string {
  const lower = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `${PROTOCOL_IDENTIFIER.ISCSI}:${lower}`;
}

function untilNul(bytes: Uint8Array, first: number, end: number): string {
  let text = "";
  for (let i = first; i < end && bytes[i] !== 0; i++) {
    text += String.fromCharCode(bytes[i] as number);
  }
  return text;
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
