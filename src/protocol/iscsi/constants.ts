/**
 * The numbers of RFC 7143 under its own names. Each table is an object and a union type of the
 * same name.
 */

/** Bytes of the basic header segment. */
export const BHS_LENGTH = 48;
/** Bytes of a digest (CRC32C is the only one). */
export const DIGEST_LENGTH = 4;
/** TotalAHSLength is one byte and counts words of four bytes. */
export const AHS_LENGTH_MAX = 255 * 4;
/** An iSCSI name (RFC 7143, "iSCSI Name Encoding"). */
export const ISCSI_NAME_LENGTH_MAX = 223;
/** The tag that means "none". */
export const RESERVED_TAG = 0xffffffff;
/** The port that IANA gave to iSCSI targets. */
export const ISCSI_PORT = 3260;
/** What a peer may send in one PDU before it is told otherwise, and always during login. */
export const LOGIN_DATA_SEGMENT_LENGTH_MAX = 8192;

/** Bits 5-0 of byte 0: requests come from the initiator, 0x20 and up from the target. */
export const Opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagementRequest: 0x02,
  loginRequest: 0x03,
  textRequest: 0x04,
  dataOut: 0x05,
  logoutRequest: 0x06,
  snackRequest: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** CSG and NSG of the Login PDUs. */
export const Stage = {
  securityNegotiation: 0,
  operationalNegotiation: 1,
  fullFeaturePhase: 3,
} as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

/** Status-Class × 256 + Status-Detail of a Login Response. */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];

/** Reason of a Reject. */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  outOfResources: 0x0a,
  waitingForLogout: 0x0c,
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

/** Type of a SNACK Request. */
export const SnackType = {
  dataOrR2t: 0,
  status: 1,
  dataAck: 2,
  /** R-Data: the data may be cut anew. */
  resegmentedData: 3,
} as const;
export type SnackType = (typeof SnackType)[keyof typeof SnackType];

/** Function of a Task Management Function Request. */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;
export type TaskManagementFunction =
  (typeof TaskManagementFunction)[keyof typeof TaskManagementFunction];

/** Response of a Task Management Function Response. */
export const TaskManagementResponseCode = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  reassignNotSupported: 4,
  functionNotSupported: 5,
  authorizationFailed: 6,
  functionRejected: 255,
} as const;
export type TaskManagementResponseCode =
  (typeof TaskManagementResponseCode)[keyof typeof TaskManagementResponseCode];

/** Reason Code of a Logout Request. */
export const LogoutReason = {
  closeSession: 0,
  closeConnection: 1,
  removeConnectionForRecovery: 2,
} as const;
export type LogoutReason = (typeof LogoutReason)[keyof typeof LogoutReason];

/** Response of a Logout Response. */
export const LogoutResponseCode = {
  closed: 0,
  cidNotFound: 1,
  recoveryNotSupported: 2,
  cleanupFailed: 3,
} as const;
export type LogoutResponseCode = (typeof LogoutResponseCode)[keyof typeof LogoutResponseCode];

/** AHSType of an additional header segment. */
export const AhsType = {
  extendedCdb: 1,
  bidirectionalReadLength: 2,
} as const;
export type AhsType = (typeof AhsType)[keyof typeof AhsType];

/** AsyncEvent of an Asynchronous Message. */
export const AsyncEvent = {
  scsiEvent: 0,
  logoutRequest: 1,
  connectionDrop: 2,
  sessionDrop: 3,
  negotiationRequest: 4,
  taskTermination: 5,
} as const;
export type AsyncEvent = (typeof AsyncEvent)[keyof typeof AsyncEvent];

/** CHAP_A: PPP's numbers of algorithms, as RFC 7143 and IANA's registry have them. */
export const ChapAlgorithm = {
  MD5: 5,
  SHA1: 6,
  "SHA-256": 7,
  "SHA3-256": 8,
} as const;
export type ChapAlgorithm = (typeof ChapAlgorithm)[keyof typeof ChapAlgorithm];

/** Bytes of a CHAP challenge or response (RFC 7143, "CHAP"). */
export const CHAP_VALUE_LENGTH_MAX = 1024;
