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

/**
 * Answers a logout. With one connection a session, closing either is closing both; recovery of
 * a connection needs a higher ErrorRecoveryLevel.
 *
 * @returns whether the connection is over
 */
export function answerLogout(
  phase: FullFeature,
  bytes: Uint8Array,
  at: number,
  connectionId: number,
): boolean {
  const pdu = request.at(at, bytes);
  const { reasonCode, initiatorTaskTag } = pdu;
  let code: LogoutResponseCode = LogoutResponseCode.closed;
  if (reasonCode !== LogoutReason.closeSession) {
    if (pdu.connectionId !== connectionId) code = LogoutResponseCode.cidNotFound;
    else if (reasonCode !== LogoutReason.closeConnection) {
      code = LogoutResponseCode.recoveryNotSupported;
    }
  }
  phase.over(bytes, at);
  const reply = response.at(phase.writer.begin(), phase.writer.bytes);
  reply.opcode = Opcode.logoutResponse;
  reply.final = true;
  reply.response = code;
  reply.initiatorTaskTag = initiatorTaskTag;
  reply.time2Wait = phase.parameters.time2Wait;
  reply.time2Retain = phase.parameters.time2Retain;
  phase.number(reply, true);
  phase.writer.add();
  return code === LogoutResponseCode.closed;
}
