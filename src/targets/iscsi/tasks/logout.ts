import {
  LogoutReason,
  LogoutRequest,
  LogoutResponse,
  LogoutResponseCode,
  Opcode,
} from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";

const request = LogoutRequest.view();
const response = LogoutResponse.view();

/** A logout that is to be answered. */
export interface Logout {
  readonly initiatorTaskTag: number;
  /** The connection that is meant, unless it is the session. */
  readonly connectionId: number;
  readonly session: boolean;
  /** Its tasks are to be reassigned. */
  readonly recovery: boolean;
  /** The connection that it came by is to be closed. */
  readonly own: boolean;
}

/**
 * Reads a logout: of the session, of this connection, or of another one of the session. Recovery
 * of a connection needs ErrorRecoveryLevel 2.
 */
export function receiveLogout(
  phase: FullFeature,
  bytes: Uint8Array,
  at: number,
  ownConnectionId: number,
): Logout {
  const { reasonCode, initiatorTaskTag, connectionId } = request.at(at, bytes);
  phase.over(bytes, at);
  const session = reasonCode === LogoutReason.closeSession;
  const recovery = !session && reasonCode !== LogoutReason.closeConnection;
  const own = session || connectionId === ownConnectionId;
  return { initiatorTaskTag, connectionId, session, recovery, own };
}

/** What can be said without looking for the connection; undefined: it is to be closed. */
export function refusalOf(phase: FullFeature, logout: Logout): LogoutResponseCode | undefined {
  const possible = phase.parameters.errorRecoveryLevel === 2;
  if (!logout.recovery || possible) return undefined;
  const { own, connectionId } = logout;
  if (own || phase.session.connections.has(connectionId)) {
    return LogoutResponseCode.recoveryNotSupported;
  }
  return LogoutResponseCode.cidNotFound;
}

export function answerLogout(
  phase: FullFeature,
  { initiatorTaskTag }: Logout,
  code: LogoutResponseCode,
): void {
  const reply = response.at(phase.writer.begin(), phase.writer.bytes);
  reply.opcode = Opcode.logoutResponse;
  reply.final = true;
  reply.response = code;
  reply.initiatorTaskTag = initiatorTaskTag;
  reply.time2Wait = phase.parameters.time2Wait;
  reply.time2Retain = phase.parameters.time2Retain;
  phase.number(reply, true);
  phase.writer.add();
}
