import type { Command } from "../../../core/command.ts";
import { STATUS } from "../../../protocol/scsi/status.ts";
import { DataIn, Opcode, RESERVED_TAG, ScsiResponse } from "../../../protocol/iscsi/index.ts";
import type { FullFeature } from "../full-feature.ts";
import type { Recovery } from "../recovery.ts";
import { endOf, keepDataIn, sendRun } from "./data-in-run.ts";
import type { Task } from "./task.ts";

const dataIn = DataIn.view();
const response = ScsiResponse.view();

/** Sense data behind their two bytes of length. */
const senseSegment = new Uint8Array(2 + 252);

/** The command is over: its response goes into the batch. */
export function sendResponse(task: Task, command: Command): void {
  const { phase } = task;
  const { session } = phase;
  session.endTask(task);
  if (task.staging !== undefined) phase.staging.take(task);
  let lent = false;
  const delivered = !command.aborted || task.terminated;
  if (task.terminated && task.failure !== undefined) {
    command.setSense(task.failure);
    command.residual = task.writeLength;
  }
  if (delivered) lent = sendResult(phase, task, command);
  session.recycle(task);
  if (lent) phase.writer.borrow(command);
  else command.responseSent(delivered);
}

/**
 * Sends what a command has to say: its data-in, and its status in the last Data-In or in a SCSI
 * Response.
 *
 * @returns whether the command's data are lent to the writer
 */
function sendResult(phase: FullFeature, task: Task, command: Command): boolean {
  const length = Math.min(command.responseLength, command.data.length, task.readLength);
  if (length === 0) {
    sendStatus(phase, task, command);
    return false;
  }
  const { recovery } = phase;
  if (recovery !== undefined) return sendKept(phase, recovery, task, command, length);
  // RFC 7143, "Data-In": status goes with data when nothing but GOOD is to be said.
  const collapsed = command.status === STATUS.GOOD && !task.bidirectional;
  const lent = sendData(phase, task, command, length, collapsed);
  if (!collapsed) sendStatus(phase, task, command);
  return lent;
}

/** Data-in that can be sent again, and status apart from them, so that it can too. */
function sendKept(
  phase: FullFeature,
  recovery: Recovery,
  task: Task,
  command: Command,
  length: number,
): boolean {
  const run = keepDataIn(recovery, task, command, length);
  recovery.attach(run);
  if (run === undefined) {
    const lent = sendData(phase, task, command, length, false);
    sendStatus(phase, task, command);
    return lent;
  }
  task.dataInCount = phase.connectionLost ? endOf(run) - run.firstDataSn : sendRun(phase, run);
  sendStatus(phase, task, command);
  return false;
}

function sendData(
  phase: FullFeature,
  task: Task,
  command: Command,
  total: number,
  withStatus: boolean,
): boolean {
  const { writer, parameters } = phase;
  const { sendDataSegmentLengthMax, maxBurstLength } = parameters;
  const { data } = command;
  let lent = false;
  let burstLeft = maxBurstLength;
  for (let offset = 0; offset < total;) {
    const length = Math.min(sendDataSegmentLengthMax, burstLeft, total - offset);
    const last = offset + length === total;
    burstLeft -= length;
    const pdu = dataIn.at(writer.begin(), writer.bytes);
    pdu.opcode = Opcode.dataIn;
    if (last || burstLeft === 0) {
      pdu.final = true;
      burstLeft = maxBurstLength;
    }
    pdu.initiatorTaskTag = task.initiatorTaskTag;
    pdu.targetTransferTag = RESERVED_TAG;
    if (last && withStatus) {
      pdu.statusPresent = true;
      pdu.status = command.status;
      putResidual(pdu, command.residual);
      phase.number(pdu, true);
    } else {
      // Without a status StatSN is reserved.
      phase.number(pdu, false);
      pdu.statSn = 0;
    }
    // RFC 7143, "Data Sequencing": R2Ts and Data-In of a bidirectional command count as one.
    pdu.dataSn = task.r2tCount + task.dataInCount++;
    pdu.bufferOffset = offset;
    if (writer.addData(data, offset, length, true)) lent = true;
    offset += length;
  }
  return lent;
}

function sendStatus(phase: FullFeature, task: Task, command: Command): void {
  const { writer } = phase;
  const pdu = response.at(writer.begin(), writer.bytes);
  pdu.opcode = Opcode.scsiResponse;
  pdu.final = true;
  pdu.status = command.status;
  pdu.initiatorTaskTag = task.initiatorTaskTag;
  phase.number(pdu, true);
  pdu.expDataSn = task.dataInCount + task.r2tCount;
  if (task.bidirectional) putReadResidual(command.residual);
  else putResidual(pdu, command.residual);
  const { senseLength } = command;
  if (senseLength === 0) {
    writer.add();
    return;
  }
  senseSegment[0] = senseLength >> 8;
  senseSegment[1] = senseLength;
  senseSegment.set(command.sense.subarray(0, senseLength), 2);
  writer.addData(senseSegment, 0, 2 + senseLength, false);
}

/** The residual fields of a SCSI Response or of a Data-In with status. */
interface ResidualFields {
  overflow: boolean;
  underflow: boolean;
  residualCount: number;
}

function putResidual(pdu: ResidualFields, residual: number): void {
  if (residual === 0) return;
  if (residual > 0) pdu.underflow = true;
  else pdu.overflow = true;
  pdu.residualCount = Math.abs(residual);
}

/** Of a bidirectional command the core tells what is left of the read. */
function putReadResidual(residual: number): void {
  if (residual > 0) response.bidirectionalReadUnderflow = true;
  else if (residual < 0) response.bidirectionalReadOverflow = true;
  response.bidirectionalReadResidualCount = Math.abs(residual);
}
