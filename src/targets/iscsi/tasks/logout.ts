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
  readonly code: LogoutResponseCode;
}

/**
 * Reads a logout. With one connection a session, closing either is closing both; recovery of a
 * connection needs a higher ErrorRecoveryLevel.
 */
export function receiveLogout(
  phase: FullFeature,
  bytes: Uint8Array,
  at: number,
  ownConnectionId: number,
): Logout {
  const { reasonCode, initiatorTaskTag, connectionId } = request.at(at, bytes);
  phase.over(bytes, at);
  let code: LogoutResponseCode = LogoutResponseCode.closed;
  if (reasonCode !== LogoutReason.closeSession) {
    if (connectionId !== ownConnectionId) code = LogoutResponseCode.cidNotFound;
    else if (reasonCode !== LogoutReason.closeConnection) {
      code = LogoutResponseCode.recoveryNotSupported;
    }
  }
  return { initiatorTaskTag, code };
}

export function answerLogout(phase: FullFeature, { initiatorTaskTag, code }: Logout): void {
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
