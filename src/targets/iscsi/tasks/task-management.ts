import type { TaskManagementRequest as CoreRequest } from "../../../core/task-management.ts";
import { TASK_MANAGEMENT_STATUS } from "../../../core/task-management.ts";
import {
  Opcode,
  RejectReason,
  TaskManagementFunction as Function,
  TaskManagementRequest,
  TaskManagementResponse,
  TaskManagementResponseCode as Code,
} from "../../../protocol/iscsi/index.ts";
import { unpackLun } from "../../../protocol/scsi/lun.ts";
import {
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_CLEAR_TASK_SET,
  SCST_LUN_RESET,
  SCST_TARGET_RESET,
} from "../../../protocol/scst/index.ts";
import type { FullFeature } from "../full-feature.ts";
import { reassign } from "./task-reassign.ts";

const request = TaskManagementRequest.view();
const response = TaskManagementResponse.view();
const LUN_OFFSET = TaskManagementRequest.offsetOf("lun");

/** The core's function for each of the standard's. */
const FUNCTIONS: { readonly [code: number]: number | undefined } = {
  [Function.abortTask]: SCST_ABORT_TASK,
  [Function.abortTaskSet]: SCST_ABORT_TASK_SET,
  [Function.clearAca]: SCST_CLEAR_ACA,
  [Function.clearTaskSet]: SCST_CLEAR_TASK_SET,
  [Function.logicalUnitReset]: SCST_LUN_RESET,
  [Function.targetWarmReset]: SCST_TARGET_RESET,
  // The same to the core; afterwards all connections to the target are closed.
  [Function.targetColdReset]: SCST_TARGET_RESET,
};

/** The standard's response for each result of the core. */
const RESPONSES: { readonly [status: number]: Code | undefined } = {
  [TASK_MANAGEMENT_STATUS.SUCCESS]: Code.functionComplete,
  [TASK_MANAGEMENT_STATUS.TASK_NOT_EXIST]: Code.taskDoesNotExist,
  [TASK_MANAGEMENT_STATUS.LUN_NOT_EXIST]: Code.lunDoesNotExist,
  [TASK_MANAGEMENT_STATUS.FUNCTION_NOT_SUPPORTED]: Code.functionNotSupported,
};

/** What a function's answer needs. */
export interface PendingFunction {
  readonly phase: FullFeature;
  readonly initiatorTaskTag: number;
  readonly immediate: boolean;
  /** TARGET COLD RESET (RFC 7143, "Function"): all sessions of the target end. */
  readonly cold: boolean;
}

export function receiveTaskManagement(phase: FullFeature, bytes: Uint8Array, at: number): void {
  const pdu = request.at(at, bytes);
  if (phase.discovery) {
    phase.rejectRequest(RejectReason.protocolError, "this is a discovery session", bytes, at);
    return;
  }
  const { initiatorTaskTag, immediate } = pdu;
  const code = pdu.taskManagementFunction;
  const cold = code === Function.targetColdReset;
  const pending: PendingFunction = { phase, initiatorTaskTag, immediate, cold };
  if (code === Function.taskReassign) {
    const found = reassign(phase, pdu.referencedTaskTag, pdu.expDataSn);
    answer(pending, found.code);
    found.resume();
    return;
  }
  const coreFunction = FUNCTIONS[code];
  if (coreFunction === undefined) {
    answer(pending, Code.functionRejected);
    return;
  }
  if (code === Function.abortTask && skipAwaited(phase)) {
    answer(pending, Code.functionComplete);
    phase.session.releaseHeld();
    return;
  }
  phase.coreSession.taskManagement({
    function: coreFunction,
    lun: unpackLun(bytes, at + LUN_OFFSET),
    tag: pdu.referencedTaskTag,
    transport: pending,
  });
}

/**
 * RFC 7143, "Function": ABORT TASK, overtaking a command that is still to come, makes its RefCmdSN
 * count as received.
 */
function skipAwaited({ session }: FullFeature): boolean {
  const { referencedTaskTag, refCmdSn, cmdSn } = request;
  if (session.tasks.has(referencedTaskTag)) return false;
  if (!session.window.isAwaited(refCmdSn, cmdSn)) return false;
  session.held.take(refCmdSn);
  session.window.skip(refCmdSn);
  return true;
}

/** The core has carried a function out. */
export function taskManagementDone({ transport, status }: CoreRequest): void {
  const pending = transport as PendingFunction;
  answer(pending, RESPONSES[status ?? TASK_MANAGEMENT_STATUS.FAILED] ?? Code.functionRejected);
}

function answer(pending: PendingFunction, code: Code): void {
  const { phase, initiatorTaskTag, immediate, cold } = pending;
  if (!immediate) phase.session.window.over();
  const pdu = response.at(phase.writer.begin(), phase.writer.bytes);
  pdu.opcode = Opcode.taskManagementResponse;
  pdu.final = true;
  pdu.response = code;
  pdu.initiatorTaskTag = initiatorTaskTag;
  phase.number(pdu, true);
  phase.writer.add();
  if (cold && code === Code.functionComplete) phase.host.coldReset();
}
