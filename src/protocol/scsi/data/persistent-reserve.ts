/** Parameter data of PERSISTENT RESERVE IN and OUT (SPC-5). */
import { bits, byte, flag, opaque64, uint, wire } from "../../layout/index.ts";

/** Persistent reservation TYPE. */
export const RESERVATION_TYPE = {
  WRITE_EXCLUSIVE: 0x1,
  EXCLUSIVE_ACCESS: 0x3,
  WRITE_EXCLUSIVE_REGISTRANTS_ONLY: 0x5,
  EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: 0x6,
  WRITE_EXCLUSIVE_ALL_REGISTRANTS: 0x7,
  EXCLUSIVE_ACCESS_ALL_REGISTRANTS: 0x8,
} as const;

/** SCOPE; the others are obsolete. */
export const RESERVATION_SCOPE_LOGICAL_UNIT = 0;

export const PERSISTENT_RESERVE_IN = {
  READ_KEYS: 0x00,
  READ_RESERVATION: 0x01,
  REPORT_CAPABILITIES: 0x02,
  READ_FULL_STATUS: 0x03,
} as const;

export const PERSISTENT_RESERVE_OUT = {
  REGISTER: 0x00,
  RESERVE: 0x01,
  RELEASE: 0x02,
  CLEAR: 0x03,
  PREEMPT: 0x04,
  PREEMPT_AND_ABORT: 0x05,
  REGISTER_AND_IGNORE_EXISTING_KEY: 0x06,
  REGISTER_AND_MOVE: 0x07,
  REPLACE_LOST_RESERVATION: 0x08,
} as const;

/** The head of READ KEYS, READ RESERVATION and READ FULL STATUS. */
export const PersistentReserveInHeader = wire("PERSISTENT RESERVE IN parameter data", {
  prgeneration: uint(0, 3),
  additionalLength: uint(4, 7),
});

/** READ RESERVATION, when there is a reservation: after the head. */
export const ReservationDescriptor = wire(
  "READ RESERVATION parameter data",
  { reservationKey: opaque64(0), scope: bits(13, 7, 4), type: bits(13, 3, 0) },
  16,
);

export const ReportCapabilitiesData = wire(
  "REPORT CAPABILITIES parameter data",
  {
    length: uint(0, 1),
    rlrC: flag(2, 7),
    crh: flag(2, 4),
    sipC: flag(2, 3),
    atpC: flag(2, 2),
    ptplC: flag(2, 0),
    tmv: flag(3, 7),
    allowCommands: bits(3, 6, 4),
    ptplA: flag(3, 0),
    wrExAr: flag(4, 7),
    exAcRo: flag(4, 6),
    wrExRo: flag(4, 5),
    exAc: flag(4, 3),
    wrEx: flag(4, 1),
    exAcAr: flag(5, 0),
  },
  8,
);

/** READ FULL STATUS: one registration; its TransportID follows. */
export const FullStatusDescriptor = wire("READ FULL STATUS descriptor", {
  reservationKey: opaque64(0),
  allTgPt: flag(12, 1),
  rHolder: flag(12, 0),
  scope: bits(13, 7, 4),
  type: bits(13, 3, 0),
  relativeTargetPortIdentifier: uint(18, 19),
  additionalDescriptorLength: uint(20, 23),
});

/** Every service action's parameter list but REGISTER AND MOVE's. */
export const PersistentReserveOutParameterList = wire(
  "PERSISTENT RESERVE OUT basic parameter list",
  {
    reservationKey: opaque64(0),
    serviceActionReservationKey: opaque64(8),
    specIPt: flag(20, 3),
    allTgPt: flag(20, 2),
    aptpl: flag(20, 0),
  },
  24,
);

/** REGISTER AND MOVE; a TransportID follows. */
export const RegisterAndMoveParameterList = wire("REGISTER AND MOVE parameter list", {
  reservationKey: opaque64(0),
  serviceActionReservationKey: opaque64(8),
  unreg: flag(17, 1),
  aptpl: flag(17, 0),
  relativeTargetPortIdentifier: uint(18, 19),
  transportIdLength: uint(20, 23),
});

/** What every TransportID begins with (SPC-5, "TransportID identifiers"). */
export const TransportIdHeader = wire("TransportID", {
  formatCode: bits(0, 7, 6),
  protocolIdentifier: bits(0, 3, 0),
});

/** The head of an iSCSI TransportID; the padded, NUL-ended name follows. */
export const IscsiTransportIdHeader = wire("iSCSI TransportID", {
  formatCode: bits(0, 7, 6),
  protocolIdentifier: bits(0, 3, 0),
  reserved: byte(1),
  additionalLength: uint(2, 3),
});

/** PROTOCOL IDENTIFIER */
export const PROTOCOL_IDENTIFIER = {
  FIBRE_CHANNEL: 0x0,
  SRP: 0x4,
  ISCSI: 0x5,
  SAS: 0x6,
  NONE: 0xf,
} as const;
