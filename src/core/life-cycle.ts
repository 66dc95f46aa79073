/**
 * What happens to a command, state by state. A command that nothing has to wait for runs from
 * submission to its response on the submitter's stack.
 */
import { findCommand, SENSE, type SenseCondition, STATUS } from "../protocol/scsi/index.ts";
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
  SCST_SERIALIZED,
  SCST_SKIP_UA,
  SCST_WRITE_MEDIUM,
} from "../protocol/scst/index.ts";
import { whenUnregistered } from "./buffer-registration.ts";
import { establishAca, refusedByAca } from "./aca.ts";
import { abortCommands, commandsAt, queueError, settleAborted } from "./abort.ts";
import { refusedIn } from "./alua/access-state.ts";
import { describeAccess } from "./alua/inquiry.ts";
import { isSetTargetPortGroups, setTargetPortGroups } from "./alua/set-target-port-groups.ts";
import type { Command, SenseDetails } from "./command.ts";
import { COMMAND_STATE as S } from "./command-state.ts";
import { compareAndWrite } from "./compare-and-write.ts";
import { checkDataOut, checkExpected, dataOutLengthOf } from "./expected.ts";
import { isThirdPartyCopy, thirdPartyCopy } from "./extended-copy/extended-copy.ts";
import { executeLocally } from "./local-commands.ts";
import { chargeMemory, enterNexus, leaveDevice, overLimitStatus } from "./flow-control.ts";
import { answerMissingLun } from "./missing-lun.ts";
import type { Nexus } from "./nexus.ts";
import { countCommand } from "./observe/counters.ts";
import {
  handlerHears,
  preemptedCommands,
  putReservationOutcome,
  reservationOutcome,
} from "./reservation-commands.ts";
import { residualOf } from "./residual.ts";
import type { ReservationOutcome } from "./reservations/outcome.ts";
import { requeueUnitAttention, tellParametersChanged } from "./unit-attention-delivery.ts";

const INQUIRY = 0x12;
const COMPARE_AND_WRITE = 0x89;

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
  joinTaskSet(command);
  const sense = checkExpected(command);
  if (sense !== undefined) {
    // That nothing may be written at all comes before what is wrong with this write.
    failed(command, writeProtection(command) ?? sense);
    return;
  }
  prepareSpace(command);
}

/** From here on the command's age counts, though its data may come later than a younger one's. */
function joinTaskSet(command: Command): void {
  const { device, taskSet } = command.nexus!;
  if (command.internal !== undefined || device.ownOrderManagement) return;
  taskSet.add(command, device.restrictedReordering);
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

/** Its turn has come: nothing that runs may be in its way. Called again after a wait. */
export function checkExclusion(command: Command): void {
  const { device } = command.nexus!;
  const { exclusion } = device;
  const begins =
    command.internal === undefined
      ? exclusion.begins(command, running)
      : isPassed(command) || exclusion.partBegins(command);
  if (begins) execute(command);
}

/** The core's own commands are part of one that has passed, if at the same device. */
function isPassed({ nexus, parent }: Command): boolean {
  return parent?.nexus?.device === nexus!.device;
}

/** Whether the target port's access state ends the command, or has it wait. */
function isKeptByAccessState(command: Command): boolean {
  const { targetGroup } = command.nexus!;
  if (targetGroup === undefined || command.internal !== undefined) return false;
  const sense = refusedIn(targetGroup.state, command.cdb);
  if (sense === undefined) return false;
  const refuse = () => {
    command.setSense(sense);
    executed(command);
  };
  if (targetGroup.state === "transitioning") targetGroup.hold(command, execute, refuse);
  else refuse();
  return true;
}

/** What the command's device, or the core in its place, is executing. */
function running(command: Command): Command[] {
  return commandsAt(command.nexus!.device).filter(
    ({ state }) => state === S.EXEC_WAIT || state === S.LOCAL_EXEC,
  );
}

/** Nothing is in the command's way but what other initiators have reserved, and its own UAs. */
function execute(command: Command): void {
  // Before all else: an aborted command takes no unit attention along.
  if (command.aborted) {
    executed(command);
    return;
  }
  const { reservations } = command.nexus!.device;
  if (reservations.active && command.internal === undefined) {
    if (reservations.check(command.nexus!, command.opFlags)) {
      command.setStatus(STATUS.RESERVATION_CONFLICT);
      executed(command);
      return;
    }
  }
  const sense = localEvent(command);
  if (sense !== undefined) {
    command.setSense(sense);
    executed(command);
    return;
  }
  if (isKeptByAccessState(command)) return;
  if (command.cdb[0] === COMPARE_AND_WRITE) {
    command.moveTo(S.LOCAL_EXEC);
    compareAndWrite(command, () => executed(command));
    return;
  }
  if (isThirdPartyCopy(command)) {
    command.moveTo(S.LOCAL_EXEC);
    thirdPartyCopy(command, () => executed(command));
    return;
  }
  if (isSetTargetPortGroups(command)) {
    command.moveTo(S.LOCAL_EXEC);
    setTargetPortGroups(command, () => executed(command));
    return;
  }
  if (executeLocally(command)) {
    command.moveTo(S.LOCAL_EXEC);
    executed(command);
    return;
  }
  if ((command.opFlags & SCST_SERIALIZED) !== 0 && reserves(command)) return;
  giveToDevice(command);
}

function giveToDevice(command: Command): void {
  command.moveTo(S.EXEC_WAIT);
  const { device } = command.nexus!;
  command.beganAt = device.queueDepth.begins();
  device.exec(command);
}

/** Carries out a command about reservations: false if it is about something else. */
function reserves(command: Command): boolean {
  const outcome = reservationOutcome(command);
  if (outcome === undefined) return false;
  command.moveTo(S.LOCAL_EXEC);
  if (!(outcome instanceof Promise)) {
    endReservation(command, outcome);
    return true;
  }
  // The reservations are being saved; a save that fails is an outcome too.
  const { core } = command.session;
  outcome
    .then((saved) => {
      core.enter();
      endReservation(command, saved);
      core.leave();
    })
    .catch((cause: unknown) => {
      core.log({ level: "error", code: "RESERVATIONS", message: "a reservation failed", cause });
    });
  return true;
}

function endReservation(command: Command, outcome: ReservationOutcome): void {
  putReservationOutcome(command, outcome);
  const preempted = preemptedCommands(command, outcome);
  abortCommands(preempted, { by: command.session, tellsOthers: true }, () => {
    // SPC-5, "PREEMPT AND ABORT": an ACA condition of who is preempted is over.
    for (const nexus of outcome.abort ?? []) clearAca(nexus as Nexus);
    if (handlerHears(command, outcome) && !command.aborted) giveToDevice(command);
    else executed(command);
  });
}

/** An ACA condition of the nexus is over: others may have their turn. */
export function clearAca(nexus: Nexus): void {
  nexus.taskSet.clearAca(nexus, checkExclusion);
}

/** A command that waited for its turn ends without having had it. */
export function endWaiting(command: Command): void {
  const { device, taskSet, targetGroup } = command.nexus!;
  targetGroup?.forget(command);
  taskSet.forget(command);
  device.exclusion.forget(command);
  executed(command);
}

/**
 * What ends a command before the device sees it: write protection, a unit attention. Asked
 * before execution and again right before the handler gets the command.
 */
export function localEvent(command: Command): SenseCondition | undefined {
  const nexus = command.nexus!;
  if (command.internal !== undefined) return undefined;
  if (nexus.unitAttentions.pending && (command.opFlags & SCST_SKIP_UA) === 0) {
    return nexus.takeUnitAttention();
  }
  return writeProtection(command);
}

function writeProtection({ opFlags, nexus }: Command): SenseCondition | undefined {
  if ((opFlags & SCST_WRITE_MEDIUM) === 0) return undefined;
  if (nexus!.readOnly) return SENSE.DATA_PROTECT;
  return nexus!.device.writeProtected ? SENSE.LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED : undefined;
}

/** DEV_DONE: the device or the core executed it. */
export function executed(command: Command): void {
  if (command.beganAt >= 0) command.nexus!.device.queueDepth.ends(command);
  command.moveTo(S.DEV_DONE);
  if ((command.opFlags & SCST_SERIALIZED) !== 0) tellParametersChanged(command);
  if (command.cdb[0] === INQUIRY && command.nexus!.device.deviceGroup !== undefined) {
    describeAccess(command);
  }
  respond(command);
}

/** Ends a command that was not executed. */
export function failed(command: Command, sense: SenseCondition, details?: SenseDetails): void {
  command.setSense(sense, details);
  respond(command);
}

/** Ends a command that was not executed, with a status that has no sense. */
export function refused(command: Command, status: number): void {
  command.setStatus(status);
  respond(command);
}

/** PRE_XMIT_RESP, as soon as the target driver can send the data. */
export function respond(command: Command): void {
  const { registrar } = command.session.target;
  const toSend = registrar !== undefined && command.responseLength > 0 && !command.aborted;
  if (toSend && command.internal === undefined && registrar.holds(command, respondHeld)) return;
  deliver(command);
}

/** The target driver has mapped the buffer of data-in, or can't. */
function respondHeld(command: Command, registered: boolean): void {
  // Whoever aborted it meanwhile found its response on the way already.
  command.aborted = false;
  if (!registered) command.setSense(SENSE.INTERNAL_TARGET_FAILURE);
  deliver(command);
}

/** PRE_XMIT_RESP: nothing but the delivery is left. */
function deliver(command: Command): void {
  const { whenDone } = command;
  command.moveTo(S.PRE_XMIT_RESP);
  if (command.aborted) settleAborted(command);
  else if (command.status === STATUS.CHECK_CONDITION) checkCondition(command);
  makeWay(command);
  command.residual = residualOf(command);
  if (command.internal === undefined) countCommand(command);
  command.moveTo(S.XMIT_WAIT);
  if (whenDone !== undefined) command.whenDone = undefined;
  if (command.internal === undefined) {
    command.session.target.driver.sendResponse(command);
  } else {
    command.internal.ended(command);
    finish(command, true);
  }
  whenDone?.();
}

/** What a CHECK CONDITION does to other commands, before they may have their turn. */
function checkCondition(command: Command): void {
  if (command.nexus === undefined || command.internal !== undefined) return;
  establishAca(command);
  queueError(command);
}

/** Others that waited for the command may have their turn. */
function makeWay(command: Command): void {
  const { nexus } = command;
  if (nexus === undefined) return;
  if (command.internal === undefined) nexus.taskSet.remove(command, checkExclusion);
  const { exclusion } = nexus.device;
  if (exclusion.watches) exclusion.ended(command, checkExclusion);
}

/** FINISHED: the response left, or did not. */
export function finish(command: Command, delivered: boolean): void {
  command.deliveryFailed = !delivered;
  if (!delivered) requeueUnitAttention(command);
  command.moveTo(S.FINISHED);
  const { buffer } = command;
  const mapped = command.session.target.registrar !== undefined && buffer !== undefined;
  if (mapped && buffer.sizeClass < 0) whenUnregistered(buffer, () => letGo(command));
  else letGo(command);
}

function letGo(command: Command): void {
  const { nexus } = command;
  if (nexus === undefined || nexus.device.free(command)) freed(command);
}

/** The device has let go of the command. */
export function freed(command: Command): void {
  const { nexus } = command;
  command.moveTo(S.FREE);
  if (nexus === undefined) {
    command.session.recycle(command);
    return;
  }
  leaveDevice(command, nexus);
  command.session.recycle(command);
  nexus.ended();
  const { suspension } = nexus.device;
  if (suspension.awaited) suspension.checkIdle();
}
