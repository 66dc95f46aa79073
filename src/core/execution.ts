/** A command whose turn has come: what may still end it, and who executes it. */
import { SENSE, type SenseCondition, STATUS } from "../protocol/scsi/index.ts";
import { SCST_SERIALIZED, SCST_SKIP_UA, SCST_WRITE_MEDIUM } from "../protocol/scst/index.ts";
import { abortCommands, commandsAt } from "./abort.ts";
import { refusedIn } from "./alua/access-state.ts";
import { isSetTargetPortGroups, setTargetPortGroups } from "./alua/set-target-port-groups.ts";
import type { Command } from "./command.ts";
import { COMMAND_STATE as S } from "./command-state.ts";
import { compareAndWrite } from "./compare-and-write.ts";
import { executed } from "./completion.ts";
import { isThirdPartyCopy, thirdPartyCopy } from "./extended-copy/extended-copy.ts";
import { executeLocally } from "./local-commands.ts";
import type { Nexus } from "./nexus.ts";
import {
  handlerHears,
  preemptedCommands,
  putReservationOutcome,
  reservationOutcome,
} from "./reservation-commands.ts";
import type { ReservationOutcome } from "./reservations/outcome.ts";

const COMPARE_AND_WRITE = 0x89;

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

/** What ends a command that writes to what may not be written to. */
export function writeProtection({ opFlags, nexus }: Command): SenseCondition | undefined {
  if ((opFlags & SCST_WRITE_MEDIUM) === 0) return undefined;
  if (nexus!.readOnly) return SENSE.DATA_PROTECT;
  return nexus!.device.writeProtected ? SENSE.LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED : undefined;
}
