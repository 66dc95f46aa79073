import { LoginStatus } from "../../protocol/iscsi/index.ts";

/**
 * The stable codes of what a connection logs and closes for. A peer's mistake never leaves its
 * connection as a thrown error.
 */
export const IscsiCode = {
  accepted: "ISCSI_ACCEPTED",
  closed: "ISCSI_CLOSED",
  loggedIn: "ISCSI_LOGGED_IN",
  loggedOut: "ISCSI_LOGGED_OUT",
  loginRefused: "ISCSI_LOGIN_REFUSED",
  loginTimeout: "ISCSI_LOGIN_TIMEOUT",
  reinstated: "ISCSI_REINSTATED",
  forced: "ISCSI_FORCED_CLOSE",
  silent: "ISCSI_SILENT",
  reset: "ISCSI_TARGET_COLD_RESET",
  rejected: "ISCSI_REJECTED",
  headerDigest: "ISCSI_HEADER_DIGEST",
  dataDigest: "ISCSI_DATA_DIGEST",
  dataSegmentLength: "ISCSI_DATA_SEGMENT_LENGTH",
  dataSequence: "ISCSI_DATA_SEQUENCE",
  cmdSn: "ISCSI_CMDSN",
  held: "ISCSI_HELD_LENGTH",
  staging: "ISCSI_STAGING_LENGTH",
  connections: "ISCSI_CONNECTIONS_MAX",
  handshake: "ISCSI_LOGIN_PDU",
  internal: "ISCSI_INTERNAL",
} as const;
export type IscsiCode = (typeof IscsiCode)[keyof typeof IscsiCode];

/** Why a login ends, as a value: the status that the initiator gets, and words for the log. */
export interface LoginFailure {
  readonly status: LoginStatus;
  readonly message: string;
  /** Where the target is, when it has moved. */
  readonly targetAddress?: string;
}

export function loginFailure(status: LoginStatus, message: string): LoginFailure {
  return { status, message };
}

const STATUS_NAMES = new Map<number, string>(
  Object.entries(LoginStatus).map(([name, status]) => [status, name]),
);

/** The name of a login status, for logs. */
export function loginStatusName(status: LoginStatus): string {
  return STATUS_NAMES.get(status) ?? status.toString(16);
}
