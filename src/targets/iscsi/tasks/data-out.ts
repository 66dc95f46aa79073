import { DataOut, ReadyToTransfer, Opcode, RESERVED_TAG } from "../../../protocol/iscsi/index.ts";
import { SENSE, type SenseCondition } from "../../../protocol/scsi/sense.ts";
import { IscsiCode } from "../errors.ts";
import type { FullFeature } from "../full-feature.ts";
import { Sink } from "../pdu-reader.ts";
import type { Task } from "./task.ts";

const request = DataOut.view();
const r2t = ReadyToTransfer.view();

/** The low half of a Target Transfer Tag numbers the task's R2Ts, the high half the task. */
const R2T_MASK = 0xffff;

/** A Data-Out: where its data go, or why they go nowhere. */
export function receiveDataOut(phase: FullFeature, bytes: Uint8Array, at: number): Sink {
  const pdu = request.at(at, bytes);
  const task = phase.session.tasks.get(pdu.initiatorTaskTag);
  if (task?.phase !== phase) {
    // The task was aborted or failed early; its initiator may not know yet.
    return Sink.discard;
  }
  if (task.failure !== undefined) {
    if (pdu.final) failedSequenceOver(task);
    return Sink.discard;
  }
  if (phase.recovery !== undefined && isOld(task)) {
    phase.noteSequence("Data-Out: the sequence was given up and asked for anew");
    return Sink.discard;
  }
  const wrong = violation(phase, task, pdu.dataSegmentLength);
  if (wrong !== undefined) {
    phase.violation(IscsiCode.dataSequence, `Data-Out: ${wrong}`, bytes, at);
    return Sink.discard;
  }
  if (pdu.dataSn !== task.dataSn || pdu.bufferOffset !== task.received) {
    // RFC 7143, "Sequence Errors": a PDU is missing, as if its digest had been wrong.
    const what = `DataSN ${pdu.dataSn} and offset ${pdu.bufferOffset} where ${task.dataSn} and`;
    phase.noteSequence(`Data-Out: ${what} ${task.received} were to come`);
    dataOutLost(phase, task, pdu.final);
    return Sink.discard;
  }
  phase.beginData(task, pdu.final);
  task.dataSn++;
  return Sink.stream;
}

/** Whether the Data-Out in `request` belongs to a sequence that nobody waits for any more. */
function isOld(task: Task): boolean {
  const tag = request.targetTransferTag;
  // Or it follows a command that was sent again and had come before.
  if (tag === RESERVED_TAG) return !task.unsolicited;
  if (tag >>> 16 !== task.serial) return false;
  return task.recoveryCount > 0 && (tag & R2T_MASK) < task.r2tDoneCount;
}

/**
 * A PDU with data-out is missing or damaged. From ErrorRecoveryLevel 1 on what is missing is asked
 * for once the rest of the sequence has come; below, the task fails.
 *
 * @param final the PDU ends its sequence
 */
export function dataOutLost(phase: FullFeature, task: Task, final: boolean): void {
  const { dataRecoveryCountMax } = phase.host.limits;
  if (phase.recovery === undefined || task.recoveryCount >= dataRecoveryCountMax) {
    failDataOut(task, SENSE.PROTOCOL_SERVICE_CRC_ERROR, final);
    return;
  }
  // Whatever else the sequence brings is not at the offset that is expected.
  if (!final) return;
  task.recoveryCount++;
  askAgain(phase, task);
}

/** RFC 7143, "Recovery R2T": a new R2TSN for what earlier ones have asked for. */
function askAgain(phase: FullFeature, task: Task): void {
  task.unsolicited = false;
  task.dataSn = 0;
  task.r2tDoneCount = task.r2tCount;
  task.r2tOffset = task.received;
  continueDataOut(phase, task);
}

/** Nothing has come for a while: the end of the sequence may have been lost. */
export function sequenceTimedOut(phase: FullFeature, task: Task): void {
  phase.noteSequence("Data-Out: the sequence stands still, and is asked for anew");
  task.recoveryCount = Math.max(task.recoveryCount, 1);
  askAgain(phase, task);
}

/** Whether data-out have been asked for, or announced, and are still to come. */
export function awaitsDataOut(task: Task): boolean {
  if (task.complete || task.failure !== undefined) return false;
  return task.unsolicited || task.r2tCount > task.r2tDoneCount;
}

/** The task has another connection, which knows nothing of the sequences of the one before. */
export function resumeDataOut(phase: FullFeature, task: Task): void {
  if (task.complete || task.writeLength === 0) return;
  if (task.failure !== undefined) {
    task.openSequenceCount = 1;
    failedSequenceOver(task);
    return;
  }
  task.recoveryCount = Math.max(task.recoveryCount, 1);
  askAgain(phase, task);
}

/** A Data/R2T SNACK for a task under way: its last R2T, if that is still open. */
export function sendR2tAgain(
  phase: FullFeature,
  task: Task,
  begRun: number,
  runLength: number,
): boolean {
  const index = task.r2tCount - 1;
  if (task.complete || task.failure !== undefined || begRun > index) return false;
  if (runLength > 0 && begRun + runLength <= index) return false;
  if (task.r2tDoneCount > index) return false;
  putR2t(phase, task, index, task.r2tStart, task.r2tOffset - task.r2tStart);
  return true;
}

/** Which rule of the protocol the Data-Out in `request` breaks. */
function violation(phase: FullFeature, task: Task, length: number): string | undefined {
  const tag = request.targetTransferTag;
  let end: number;
  if (tag === RESERVED_TAG) {
    if (!task.unsolicited) return "unsolicited data were not announced, or are over";
    end = task.unsolicitedMax;
  } else {
    if (task.r2tDoneCount === task.r2tCount) return "data without an R2T";
    if (tag !== tagOf(task, task.r2tDoneCount)) return "not the tag of the oldest open R2T";
    end = sequenceEnd(phase, task);
  }
  // What is out of its turn is a sequence error, and not this one.
  const last = task.received + length;
  if (request.bufferOffset === task.received && last > end) {
    return `${last} bytes where ${end} may be`;
  }
  return undefined;
}

/**
 * The data-out of a task can't be used: it will end with `sense`, but not before all data have
 * come that are on their way (RFC 7143, "Digest Errors").
 *
 * @param final the PDU that was wrong ends its sequence
 */
function failDataOut(task: Task, sense: SenseCondition, final: boolean): void {
  task.failure = sense;
  task.openSequenceCount = task.unsolicited ? 1 : task.r2tCount - task.r2tDoneCount;
  if (final) failedSequenceOver(task);
}

function failedSequenceOver(task: Task): void {
  task.openSequenceCount--;
  if (task.openSequenceCount > 0) return;
  const { command } = task;
  if (command === undefined) return;
  task.terminated = true;
  command.session.abort(command);
}

function sequenceEnd(phase: FullFeature, task: Task): number {
  const { maxBurstLength } = phase.parameters;
  // One R2T at a time, which may begin anywhere.
  if (phase.recovery !== undefined) return task.r2tOffset;
  return Math.min(task.needed, task.solicitedFrom + (task.r2tDoneCount + 1) * maxBurstLength);
}

function tagOf(task: Task, index: number): number {
  return ((task.serial << 16) | (index & R2T_MASK)) >>> 0;
}

/** A piece of data-out, `position` bytes behind the PDU's begin. */
export function storeDataOut(
  phase: FullFeature,
  task: Task,
  position: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): void {
  if (task.complete) return;
  const start = task.received + position;
  const into = task.data ?? task.staging ?? phase.staging.give(task);
  // What the command has no use for is residual, and swallowed.
  const count = Math.min(length, into.length - start);
  if (count > 0) into.set(bytes.subarray(offset, offset + count), start);
}

/** A PDU with data-out is complete. */
export function endDataOut(phase: FullFeature, task: Task, length: number, final: boolean): void {
  task.received += length;
  if (task.unsolicited) {
    if (final) {
      task.unsolicited = false;
      task.dataSn = 0;
    }
  } else if (task.r2tCount > 0 && task.received === sequenceEnd(phase, task)) {
    task.r2tDoneCount++;
    task.dataSn = 0;
  } else if (final && task.r2tCount > 0) {
    phase.noteSequence("Data-Out: the sequence ends before the R2T's length");
    if (phase.recovery !== undefined) {
      dataOutLost(phase, task, true);
      return;
    }
    failDataOut(task, SENSE.NOT_ENOUGH_UNSOLICITED_DATA, true);
    return;
  }
  continueDataOut(phase, task);
}

/** The command has its buffer. */
export function bufferReady(phase: FullFeature, task: Task, data: Uint8Array): void {
  task.data = data;
  task.needed = Math.min(task.writeLength, data.length);
  const { staging } = task;
  if (staging !== undefined) {
    data.set(staging.length > data.length ? staging.subarray(0, data.length) : staging);
    phase.staging.take(task);
  }
  continueDataOut(phase, task);
}

/** Gives the command to the core once its data are there, and asks for what is missing. */
function continueDataOut(phase: FullFeature, task: Task): void {
  if (task.data === undefined || task.unsolicited || task.complete) return;
  if (task.failure !== undefined) return;
  if (task.received >= task.needed) {
    task.complete = true;
    task.command?.dataReceived();
    return;
  }
  // It goes on when the task has a connection again.
  if (phase.connectionLost) return;
  if (task.r2tCount === 0) {
    task.solicitedFrom = task.received;
    task.r2tOffset = task.received;
  }
  const { outstandingR2tCountMax, maxBurstLength } = phase.parameters;
  while (
    task.r2tOffset < task.needed &&
    task.r2tCount - task.r2tDoneCount < outstandingR2tCountMax
  ) {
    const length = Math.min(maxBurstLength, task.needed - task.r2tOffset);
    putR2t(phase, task, task.r2tCount, task.r2tOffset, length);
    task.r2tStart = task.r2tOffset;
    task.r2tOffset += length;
    task.r2tCount++;
  }
}

function putR2t(
  phase: FullFeature,
  task: Task,
  r2tSn: number,
  bufferOffset: number,
  length: number,
): void {
  const pdu = r2t.at(phase.writer.begin(), phase.writer.bytes);
  pdu.opcode = Opcode.readyToTransfer;
  pdu.final = true;
  pdu.lun = task.lun;
  pdu.initiatorTaskTag = task.initiatorTaskTag;
  pdu.targetTransferTag = tagOf(task, r2tSn);
  // StatSN is that of the next status and does not advance.
  phase.number(pdu, false);
  pdu.r2tSn = r2tSn;
  pdu.bufferOffset = bufferOffset;
  pdu.desiredDataTransferLength = length;
  phase.writer.add();
  phase.counts.r2ts++;
}
