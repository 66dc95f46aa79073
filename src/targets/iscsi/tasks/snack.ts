import {
  RejectReason,
  ScsiResponse,
  serialDifference,
  SnackRequest,
  SnackType,
} from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";
import { type KeptAnswer, type Recovery, sendAgain } from "../recovery.ts";
import { cutAnew, endOf, sendRun } from "./data-in-run.ts";
import { sendR2tAgain } from "./data-out.ts";

const request = SnackRequest.view();
const response = ScsiResponse.view();

const NOT_KEPT = "what it asks for is not kept, or never was";

/** A SNACK (RFC 7143, "SNACK Request"): sends again what the initiator misses. */
export function receiveSnack(
  phase: FullFeature,
  recovery: Recovery,
  bytes: Uint8Array,
  at: number,
): void {
  const { snackType, begRun, runLength } = request.at(at, bytes);
  switch (snackType) {
    case SnackType.status: {
      const answers = wantedStatuses(phase, recovery, begRun, runLength);
      if (answers === undefined) phase.reject(RejectReason.snackReject, NOT_KEPT, bytes, at);
      else for (const answer of answers) sendAgain(phase, answer);
      return;
    }
    case SnackType.dataAck:
      if (!acknowledged(recovery, begRun)) {
        phase.reject(RejectReason.invalidDataAck, "nothing of that tag waits for it", bytes, at);
      }
      return;
    case SnackType.dataOrR2t:
      if (!sendDataOrR2t(phase, recovery, begRun, runLength)) {
        phase.reject(RejectReason.snackReject, NOT_KEPT, bytes, at);
      }
      return;
    case SnackType.resegmentedData:
      if (!sendCutAnew(phase, recovery)) {
        phase.reject(RejectReason.snackReject, NOT_KEPT, bytes, at);
      }
      return;
    default:
      phase.reject(RejectReason.invalidPduField, "there is no such SNACK", bytes, at);
  }
}

/** RFC 7143, "BegRun": nothing but zeros asks for all that is not acknowledged. */
function wantedStatuses(
  phase: FullFeature,
  recovery: Recovery,
  begRun: number,
  runLength: number,
): readonly KeptAnswer[] | undefined {
  if (begRun === 0 && runLength === 0) return [...recovery.answers];
  if (serialDifference(begRun, phase.nextStatSn) > 0) return undefined;
  return recovery.statuses(begRun, runLength, phase.nextStatSn);
}

function acknowledged(recovery: Recovery, begRun: number): boolean {
  const run = recovery.findRun(request.targetTransferTag);
  if (run === undefined || begRun < run.acknowledged || begRun > endOf(run)) return false;
  run.acknowledged = begRun;
  return true;
}

function sendDataOrR2t(
  phase: FullFeature,
  recovery: Recovery,
  begRun: number,
  runLength: number,
): boolean {
  const { initiatorTaskTag } = request;
  const task = phase.session.tasks.get(initiatorTaskTag);
  if (task?.phase === phase) return sendR2tAgain(phase, task, begRun, runLength);
  const run = recovery.find(initiatorTaskTag)?.run;
  if (run === undefined) return false;
  const end = endOf(run);
  const to = runLength === 0 ? end : begRun + runLength;
  if (begRun < run.acknowledged || begRun >= end || to > end) return false;
  return sendRun(phase, run, begRun, to) > 0;
}

/** R-Data: what is not acknowledged, cut anew, and a status that carries the SNACK's tag. */
function sendCutAnew(phase: FullFeature, recovery: Recovery): boolean {
  const { initiatorTaskTag, targetTransferTag } = request;
  const answer = recovery.find(initiatorTaskTag);
  const run = answer?.run;
  if (answer === undefined || run === undefined) return false;
  cutAnew(run, run.acknowledged, phase);
  sendRun(phase, run);
  const pdu = response.at(0, answer.header);
  pdu.snackTag = targetTransferTag;
  pdu.expDataSn = endOf(run);
  sendAgain(phase, answer);
  return true;
}
