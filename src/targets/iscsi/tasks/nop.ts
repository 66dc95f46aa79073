import {
  NopIn,
  NopOut,
  Opcode,
  RejectReason,
  RESERVED_TAG,
} from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";

const request = NopOut.view();
const response = NopIn.view();

/** There is one ping at a time. */
const PING_TAG = 1;

/** A ping is echoed; an answer to our own ping has done its duty by arriving. */
export function receiveNopOut(
  phase: FullFeature,
  bytes: Uint8Array,
  at: number,
  data: Uint8Array,
): void {
  const { initiatorTaskTag, immediate } = request.at(at, bytes);
  if (initiatorTaskTag === RESERVED_TAG) {
    if (immediate) return;
    // RFC 7143, "NOP-Out": one that wants no answer must be immediate.
    phase.rejectRequest(RejectReason.protocolError, "no tag, and not immediate", bytes, at);
    return;
  }
  phase.over(bytes, at);
  const pdu = response.at(phase.writer.begin(), phase.writer.bytes);
  pdu.opcode = Opcode.nopIn;
  pdu.final = true;
  pdu.initiatorTaskTag = initiatorTaskTag;
  pdu.targetTransferTag = RESERVED_TAG;
  phase.number(pdu, true);
  const length = Math.min(data.length, phase.parameters.sendDataSegmentLengthMax);
  if (length > 0) phase.writer.addData(data, 0, length, false);
  else phase.writer.add();
}

/** Asks the initiator for a sign of life. */
export function sendPing(phase: FullFeature): void {
  const pdu = response.at(phase.writer.begin(), phase.writer.bytes);
  pdu.opcode = Opcode.nopIn;
  pdu.final = true;
  pdu.initiatorTaskTag = RESERVED_TAG;
  pdu.targetTransferTag = PING_TAG;
  phase.number(pdu, false);
  phase.writer.add();
}
