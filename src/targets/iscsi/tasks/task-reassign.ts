import { TaskManagementResponseCode as Code } from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";
import { type KeptAnswer, sendAnew } from "../recovery.ts";
import { cutAnew, endOf, sendRun } from "./data-in-run.ts";
import { resumeDataOut } from "./data-out.ts";
import type { Task } from "./task.ts";

/** What TASK REASSIGN found: the code of its answer, and what follows the answer. */
export interface Reassignment {
  readonly code: Code;
  resume(): void;
}

/**
 * TASK REASSIGN (RFC 7143, "Function"): a task of a lost connection goes on with this one. It may
 * still run, or be over with an answer that the initiator has not acknowledged.
 */
export function reassign(
  phase: FullFeature,
  initiatorTaskTag: number,
  expDataSn: number,
): Reassignment {
  if (phase.parameters.errorRecoveryLevel < 2) return answerOnly(Code.reassignNotSupported);
  const { session } = phase;
  const task = session.tasks.get(initiatorTaskTag);
  if (task !== undefined) {
    if (!task.phase.connectionLost) return answerOnly(Code.taskStillAllegiant);
    return { code: Code.functionComplete, resume: () => moveTask(phase, task) };
  }
  for (const { phase: before } of session.lost) {
    const answer = before.recovery?.find(initiatorTaskTag);
    if (answer === undefined || answer.dataDropped) continue;
    before.recovery?.take(answer);
    return { code: Code.functionComplete, resume: () => answerHere(phase, answer, expDataSn) };
  }
  return answerOnly(Code.taskDoesNotExist);
}

function answerOnly(code: Code): Reassignment {
  return { code, resume: () => undefined };
}

function moveTask(phase: FullFeature, task: Task): void {
  const before = task.phase;
  phase.staging.adopt(task, before.staging);
  phase.session.move(task, phase);
  resumeDataOut(phase, task);
}

/** RFC 7143, "ExpDataSN": zero stands for what was acknowledged before. */
function answerHere(phase: FullFeature, answer: KeptAnswer, expDataSn: number): void {
  const { run } = answer;
  if (run !== undefined) {
    const valid = expDataSn > run.acknowledged && expDataSn <= endOf(run);
    const from = valid ? expDataSn : run.acknowledged;
    run.acknowledged = from;
    // The tag that it had may be that of other data here.
    if (phase.recovery !== undefined) run.tag = phase.recovery.nextTag();
    cutAnew(run, from, phase);
    sendRun(phase, run);
  }
  sendAnew(phase, answer);
}
