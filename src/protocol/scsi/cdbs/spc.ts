/** CDBs of SPC-5 that every type of device has. */
import { bits, byte, flag, opaque64, uint, wire } from "../../layout/index.ts";

const operationCode = byte(0);

export const TestUnitReady = wire("TEST UNIT READY", { operationCode, control: byte(5) });

export const RequestSense = wire("REQUEST SENSE", {
  operationCode,
  desc: flag(1, 0),
  allocationLength: byte(4),
  control: byte(5),
});

export const Inquiry = wire("INQUIRY", {
  operationCode,
  /** Obsolete since SPC-3. */
  cmddt: flag(1, 1),
  evpd: flag(1, 0),
  pageCode: byte(2),
  allocationLength: uint(3, 4),
  control: byte(5),
});

export const ModeSelect6 = wire("MODE SELECT(6)", {
  operationCode,
  pf: flag(1, 4),
  rtd: flag(1, 1),
  sp: flag(1, 0),
  parameterListLength: byte(4),
  control: byte(5),
});
export const ModeSelect10 = wire("MODE SELECT(10)", {
  operationCode,
  pf: flag(1, 4),
  rtd: flag(1, 1),
  sp: flag(1, 0),
  parameterListLength: uint(7, 8),
  control: byte(9),
});

export const ModeSense6 = wire("MODE SENSE(6)", {
  operationCode,
  dbd: flag(1, 3),
  pc: bits(2, 7, 6),
  pageCode: bits(2, 5, 0),
  subpageCode: byte(3),
  allocationLength: byte(4),
  control: byte(5),
});
export const ModeSense10 = wire("MODE SENSE(10)", {
  operationCode,
  llbaa: flag(1, 4),
  dbd: flag(1, 3),
  pc: bits(2, 7, 6),
  pageCode: bits(2, 5, 0),
  subpageCode: byte(3),
  allocationLength: uint(7, 8),
  control: byte(9),
});

/** SPC-2, "RESERVE(6) command": the third-party fields are obsolete ones. */
export const Reserve6 = wire("RESERVE(6)", {
  operationCode,
  thirdParty: flag(1, 4),
  thirdPartyDeviceId: bits(1, 3, 1),
  extent: flag(1, 0),
  reservationIdentification: byte(2),
  extentListLength: uint(3, 4),
  control: byte(5),
});
export const Release6 = wire("RELEASE(6)", {
  operationCode,
  thirdParty: flag(1, 4),
  thirdPartyDeviceId: bits(1, 3, 1),
  extent: flag(1, 0),
  reservationIdentification: byte(2),
  control: byte(5),
});
/** SPC-2, "RESERVE(10) command". */
export const Reserve10 = wire("RESERVE(10)", {
  operationCode,
  thirdParty: flag(1, 4),
  longId: flag(1, 1),
  extent: flag(1, 0),
  reservationIdentification: byte(2),
  thirdPartyDeviceId: byte(3),
  parameterListLength: uint(7, 8),
  control: byte(9),
});
export const Release10 = wire("RELEASE(10)", {
  operationCode,
  thirdParty: flag(1, 4),
  longId: flag(1, 1),
  extent: flag(1, 0),
  reservationIdentification: byte(2),
  thirdPartyDeviceId: byte(3),
  parameterListLength: uint(7, 8),
  control: byte(9),
});

export const PersistentReserveIn = wire("PERSISTENT RESERVE IN", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  allocationLength: uint(7, 8),
  control: byte(9),
});
export const PersistentReserveOut = wire("PERSISTENT RESERVE OUT", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  scope: bits(2, 7, 4),
  type: bits(2, 3, 0),
  parameterListLength: uint(5, 8),
  control: byte(9),
});

export const ReceiveDiagnosticResults = wire("RECEIVE DIAGNOSTIC RESULTS", {
  operationCode,
  pcv: flag(1, 0),
  pageCode: byte(2),
  allocationLength: uint(3, 4),
  control: byte(5),
});
export const SendDiagnostic = wire("SEND DIAGNOSTIC", {
  operationCode,
  selfTestCode: bits(1, 7, 5),
  pf: flag(1, 4),
  selftest: flag(1, 2),
  devoffl: flag(1, 1),
  unitoffl: flag(1, 0),
  parameterListLength: uint(3, 4),
  control: byte(5),
});

export const PreventAllowMediumRemoval = wire("PREVENT ALLOW MEDIUM REMOVAL", {
  operationCode,
  prevent: bits(4, 1, 0),
  control: byte(5),
});

export const WriteBuffer = wire("WRITE BUFFER", {
  operationCode,
  modeSpecific: bits(1, 7, 5),
  mode: bits(1, 4, 0),
  bufferId: byte(2),
  bufferOffset: uint(3, 5),
  parameterListLength: uint(6, 8),
  control: byte(9),
});
export const ReadBuffer10 = wire("READ BUFFER(10)", {
  operationCode,
  modeSpecific: bits(1, 7, 5),
  mode: bits(1, 4, 0),
  bufferId: byte(2),
  bufferOffset: uint(3, 5),
  allocationLength: uint(6, 8),
  control: byte(9),
});
export const ReadBuffer16 = wire("READ BUFFER(16)", {
  operationCode,
  modeSpecific: bits(1, 7, 5),
  mode: bits(1, 4, 0),
  bufferOffset: uint(2, 9),
  allocationLength: uint(10, 13),
  bufferId: byte(14),
  control: byte(15),
});

/** SPC-2, "CHANGE DEFINITION command"; obsolete. */
export const ChangeDefinition = wire("CHANGE DEFINITION", {
  operationCode,
  save: flag(2, 0),
  definitionParameter: bits(3, 6, 0),
  parameterDataLength: byte(8),
  control: byte(9),
});

export const LogSelect = wire("LOG SELECT", {
  operationCode,
  pcr: flag(1, 1),
  sp: flag(1, 0),
  pc: bits(2, 7, 6),
  pageCode: bits(2, 5, 0),
  subpageCode: byte(3),
  parameterListLength: uint(7, 8),
  control: byte(9),
});
export const LogSense = wire("LOG SENSE", {
  operationCode,
  sp: flag(1, 0),
  pc: bits(2, 7, 6),
  pageCode: bits(2, 5, 0),
  subpageCode: byte(3),
  parameterPointer: uint(5, 6),
  allocationLength: uint(7, 8),
  control: byte(9),
});

export const ReportLuns = wire("REPORT LUNS", {
  operationCode,
  selectReport: byte(2),
  allocationLength: uint(6, 9),
  control: byte(11),
});

export const SecurityProtocolIn = wire("SECURITY PROTOCOL IN", {
  operationCode,
  securityProtocol: byte(1),
  securityProtocolSpecific: uint(2, 3),
  inc512: flag(4, 7),
  allocationLength: uint(6, 9),
  control: byte(11),
});
export const SecurityProtocolOut = wire("SECURITY PROTOCOL OUT", {
  operationCode,
  securityProtocol: byte(1),
  securityProtocolSpecific: uint(2, 3),
  inc512: flag(4, 7),
  transferLength: uint(6, 9),
  control: byte(11),
});

/** THIRD-PARTY COPY OUT, EXTENDED COPY(LID1). */
export const ExtendedCopy = wire("EXTENDED COPY(LID1)", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  parameterListLength: uint(10, 13),
  control: byte(15),
});
/** THIRD-PARTY COPY IN with a one-byte list identifier. */
export const ReceiveCopyResults = wire("RECEIVE COPY RESULTS(LID1)", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  listIdentifier: byte(2),
  allocationLength: uint(10, 13),
  control: byte(15),
});

/** SPC-4, "ACCESS CONTROL IN command"; the service actions' own fields are left out. */
export const AccessControlIn = wire("ACCESS CONTROL IN", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  managementIdentifierKey: opaque64(2),
  allocationLength: uint(10, 13),
  control: byte(15),
});
export const AccessControlOut = wire("ACCESS CONTROL OUT", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  parameterListLength: uint(10, 13),
  control: byte(15),
});

export const ReadAttribute = wire("READ ATTRIBUTE", {
  operationCode,
  serviceAction: bits(1, 4, 0),
  elementAddress: uint(2, 3),
  elementType: bits(4, 3, 0),
  logicalVolumeNumber: byte(5),
  partitionNumber: byte(7),
  firstAttributeIdentifier: uint(8, 9),
  allocationLength: uint(10, 13),
  cache: flag(14, 0),
  control: byte(15),
});
export const WriteAttribute = wire("WRITE ATTRIBUTE", {
  operationCode,
  wtc: flag(1, 0),
  elementAddress: uint(2, 3),
  elementType: bits(4, 3, 0),
  logicalVolumeNumber: byte(5),
  partitionNumber: byte(7),
  parameterListLength: uint(10, 13),
  control: byte(15),
});
