import { AsyncEvent, AsyncMessage, Opcode, RESERVED_TAG } from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";

const message = AsyncMessage.view();

/** Asks the initiator to log out within `seconds` (RFC 7143, "AsyncEvent"). */
export function requestLogout(phase: FullFeature, seconds: number): void {
  begin(phase, AsyncEvent.logoutRequest);
  message.parameter3 = seconds;
  phase.writer.add();
}

/** Says that this connection is about to be dropped. */
export function announceDrop(phase: FullFeature, connectionId: number): void {
  const { time2Wait, time2Retain } = phase.parameters;
  begin(phase, AsyncEvent.connectionDrop);
  message.parameter1 = connectionId;
  message.parameter2 = time2Wait;
  message.parameter3 = time2Retain;
  phase.writer.add();
}

function begin(phase: FullFeature, event: AsyncEvent): void {
  message.at(phase.writer.begin(), phase.writer.bytes);
  message.opcode = Opcode.asyncMessage;
  message.final = true;
  message.initiatorTaskTag = RESERVED_TAG;
  phase.number(message, true);
  message.asyncEvent = event;
}
