/**
 * What happens to a command, state by state, until its turn to be executed. A command that
 * nothing has to wait for runs from submission to its response on the submitter's stack:
 * execution.ts and completion.ts go on from here.
 */
import { findCommand, SENSE, STATUS } from "../protocol/scsi/index.ts";
import {
  SCST_CMD_QUEUE_ACA,
  SCST_CMD_QUEUE_HEAD_OF_QUEUE,
  SCST_CMD_QUEUE_SIMPLE,
  SCST_CMD_QUEUE_UNTAGGED,
  SCST_DATA_BIDI,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_DATA_WRITE,
  SCST_FULLY_LOCAL_CMD,
  SCST_IMPLICIT_HQ,
  SCST_LBA_NOT_VALID,
  SCST_LOCAL_CMD,
} from "../protocol/scst/index.ts";
import { refusedByAca } from "./aca.ts";
import type { Command, SenseDetails } from "./command.ts";
import { COMMAND_STATE as S } from "./command-state.ts";
import { failed, leaveTaskSet, refused, respond } from "./completion.ts";
import { checkExclusion, writeProtection } from "./execution.ts";
import { checkDataOut, checkExpected, dataOutLengthOf } from "./expected.ts";
import { chargeMemory, enterNexus, overLimitStatus } from "./flow-control.ts";
import { answerMissingLun } from "./missing-lun.ts";

/** Timeout of a command that the core knows nothing about. */
const DEFAULT_TIMEOUT_SECONDS = 60;

/** INIT_WAIT, or straight on. */
export function begin(command: Command): void {
  const { session } = command;
  session.activate(command);
  const { active } = session.core.observer;
  if (active !== undefined) active.begins(command);
  if (!session.attached) {
    command.moveTo(S.INIT_WAIT);
    session.holdUntilAttached(command);
    return;
  }
  start(command);
}

/** The session is attached, so that the LUN means something. */
export function start(command: Command): void {
  const nexus = command.session.nexusOf(command.lun);
  if (nexus === undefined) {
    command.moveTo(S.PARSE);
    answerMissingLun(command);
    respond(command);
    return;
  }
  command.nexus = nexus;
  if (!enterNexus(command, nexus)) {
    command.moveTo(S.PARSE);
    refused(command, overLimitStatus(command));
    return;
  }
  const { suspension } = nexus.device;
  // The core's own commands are part of one that runs, and that the suspension waits for.
  if (suspension.active && command.internal === undefined) suspension.hold(command);
  else proceed(command);
}

/** PARSE: the device takes new commands. */
export function proceed(command: Command): void {
  command.moveTo(S.PARSE);
  const nexus = command.nexus!;
  const contingent =
    nexus.taskSet.aca !== undefined || command.taskAttribute === SCST_CMD_QUEUE_ACA;
  if (contingent && refusedByAca(command)) respond(command);
  else parse(command);
}

function parse(command: Command): void {
  const { device } = command.nexus!;
  const row = findCommand(command.cdb, device.type);
  command.row = row;
  if (row === undefined) {
    command.opFlags = SCST_LBA_NOT_VALID;
    command.dataDirection = SCST_DATA_UNKNOWN;
    command.timeoutSeconds = DEFAULT_TIMEOUT_SECONDS;
    if (device.parsedBy === "core") {
      failed(command, SENSE.INVALID_OPCODE);
      return;
    }
  } else {
    const sense = row.parse(command.cdb, device.blockSize, command);
    if (sense !== undefined) {
      failed(command, sense, fieldPointerOf(command));
      return;
    }
  }
  setTaskAttribute(command);
  joinTaskSet(command);
  if (device.parsedBy === "device" || row === undefined) device.parse(command);
  else parsed(command);
}

/** Which byte and bit of the CDB the parse found wrong. */
function fieldPointerOf({ errorByte, errorBit }: Command): SenseDetails {
  if (errorByte < 0) return undefined;
  const pointer = { inCdb: true, byte: errorByte };
  return { fieldPointer: errorBit < 0 ? pointer : { ...pointer, bit: errorBit } };
}

/** An untagged command is a SIMPLE one; some tagged ones go to the head of the queue unasked. */
function setTaskAttribute(command: Command): void {
  if (command.taskAttribute === SCST_CMD_QUEUE_UNTAGGED) {
    command.taskAttribute = SCST_CMD_QUEUE_SIMPLE;
  } else if (
    (command.opFlags & SCST_IMPLICIT_HQ) !== 0 &&
    command.taskAttribute !== SCST_CMD_QUEUE_ACA
  ) {
    command.taskAttribute = SCST_CMD_QUEUE_HEAD_OF_QUEUE;
  }
}

/** The CDB is read, by the core or by the device. */
export function parsed(command: Command): void {
  if (command.aborted) {
    respond(command);
    return;
  }
  const sense = checkExpected(command);
  if (sense !== undefined) {
    // That nothing may be written at all comes before what is wrong with this write.
    failed(command, writeProtection(command) ?? sense);
    return;
  }
  prepareSpace(command);
}

/**
 * From here on the command's age counts: its data may come later than a younger one's, and of
 * several PARSEs the handler is given the newest first.
 */
function joinTaskSet(command: Command): void {
  const { device, taskSet } = command.nexus!;
  if (command.internal !== undefined || device.ownOrderManagement) return;
  taskSet.add(command, device.restrictedReordering);
}

/** A handler's parse has the last word on the attribute: the command is the newest again then. */
export function changeTaskAttribute(command: Command, taskAttribute: number): void {
  command.taskAttribute = taskAttribute;
  leaveTaskSet(command);
  joinTaskSet(command);
}

const LOCAL = SCST_LOCAL_CMD | SCST_FULLY_LOCAL_CMD;

function prepareSpace(command: Command): void {
  command.moveTo(S.PREPARE_SPACE);
  const { device } = command.nexus!;
  if (command.bufferLength > 0) {
    if (!chargeMemory(command)) {
      refused(command, overLimitStatus(command));
      return;
    }
    // A data-in command's buffer may come with the handler's answer, unless the core fills it.
    const needed = command.dataDirection !== SCST_DATA_READ || (command.opFlags & LOCAL) !== 0;
    if (!needed) device.allocateCached(command);
    else if (!device.allocate(command)) return;
  }
  spaceReady(command);
}

/** The command has the buffer that it needs by now. */
export function spaceReady(command: Command): void {
  if (command.aborted) {
    respond(command);
    return;
  }
  const { dataDirection } = command;
  if (dataDirection === SCST_DATA_WRITE || dataDirection === SCST_DATA_BIDI) {
    command.dataOutLength = dataOutLengthOf(command);
    command.moveTo(S.DATA_WAIT);
    fetchDataOut(command);
    return;
  }
  command.moveTo(S.TGT_PRE_EXEC);
  check(command);
}

function fetchDataOut(command: Command): void {
  if (command.internal === undefined) {
    const { driver, registrar } = command.session.target;
    if (registrar?.holds(command, whenReadyToTransfer) !== true) driver.readyToTransfer(command);
    return;
  }
  command.internal.fill(command);
  whenDataReceived(command);
}

/** The target driver has mapped the buffer for data-out, or can't. */
function whenReadyToTransfer(command: Command, registered: boolean): void {
  // A command that was aborted meanwhile has gone on without its data.
  if (command.state !== S.DATA_WAIT) return;
  if (registered) command.session.target.driver.readyToTransfer(command);
  else refused(command, STATUS.BUSY);
}

export function whenDataReceived(command: Command): void {
  // A command that was aborted meanwhile has gone on without its data.
  if (command.state !== S.DATA_WAIT) return;
  command.moveTo(S.TGT_PRE_EXEC);
  const sense = checkDataOut(command);
  if (sense === undefined) check(command);
  else failed(command, sense);
}

/** EXEC_CHECK: it is the command's turn, or it waits. */
function check(command: Command): void {
  command.moveTo(S.EXEC_CHECK);
  if (command.nexus!.taskSet.begins(command)) checkExclusion(command);
}
