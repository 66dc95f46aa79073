/** A command from its execution, or from what kept it from that, to its end. */
import { SENSE, type SenseCondition, STATUS } from "../protocol/scsi/index.ts";
import { SCST_SERIALIZED } from "../protocol/scst/index.ts";
import { queueError, settleAborted } from "./abort.ts";
import { establishAca } from "./aca.ts";
import { describeAccess } from "./alua/inquiry.ts";
import { whenUnregistered } from "./buffer-registration.ts";
import type { Command, SenseDetails } from "./command.ts";
import { COMMAND_STATE as S } from "./command-state.ts";
import { leaveDevice } from "./flow-control.ts";
import { countCommand } from "./observe/counters.ts";
import { residualOf } from "./residual.ts";
import { requeueUnitAttention, tellParametersChanged } from "./unit-attention-delivery.ts";

const INQUIRY = 0x12;

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
  if (command.internal === undefined) leaveTaskSet(command);
  const { exclusion } = nexus.device;
  if (exclusion.watches) exclusion.ended(command, goOn);
}

/** The command has no place in the order any more: others may have their turn. */
export function leaveTaskSet(command: Command): void {
  command.nexus!.taskSet.remove(command, goOn);
}

function goOn(waiting: Command): void {
  waiting.itsTurn();
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
