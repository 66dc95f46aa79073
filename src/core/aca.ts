/**
 * Auto contingent allegiance (SAM-6, "Auto contingent allegiance"): a CHECK CONDITION for a
 * command with NACA stops the task set until its initiator has seen to the matter.
 */
import { Control, SENSE, STATUS } from "../protocol/scsi/index.ts";
import { SCST_CMD_QUEUE_ACA } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import type { Nexus } from "./nexus.ts";

const PERSISTENT_RESERVE_OUT = 0x5f;
const PREEMPT_AND_ABORT = 5;

/** Where the CONTROL byte is, by the group of the opcode (SAM-6, "CONTROL byte"). */
const CONTROL_BYTES = [5, 9, 9, 1, 15, 11, -1, -1] as const;

function normalAca({ cdb, cdbLength }: Command): boolean {
  const at = CONTROL_BYTES[(cdb[0] as number) >> 5] as number;
  return at >= 0 && at < cdbLength && Control.view(cdb, at).naca;
}

/** A CHECK CONDITION for the command: does it establish an ACA condition? */
export function establishAca(command: Command): void {
  const { taskSet, device } = command.nexus!;
  if (device.ownOrderManagement || taskSet.aca !== undefined) return;
  if (normalAca(command)) taskSet.aca = command.nexus;
}

/**
 * Gives a new command its result where an ACA condition, or none, refuses it (SAM-6, "ACA
 * commands", "Commands from other I_T nexuses"). Asked only where there is one, or the command
 * wants one.
 */
export function refusedByAca(command: Command): boolean {
  const { nexus, taskAttribute } = command;
  const { taskSet, device } = nexus!;
  if (command.internal !== undefined || device.ownOrderManagement) return false;
  if (taskSet.aca === undefined) {
    command.setSense(SENSE.INVALID_MESSAGE_ERROR);
    return true;
  }
  if (taskSet.aca === nexus) {
    // SPC-5, "TMF_ONLY bit": then only task management gets out of the condition.
    const allowed = !taskSet.hasAcaCommand && !device.taskManagementFunctionsOnly;
    if (taskAttribute === SCST_CMD_QUEUE_ACA && allowed) return false;
    command.setStatus(STATUS.ACA_ACTIVE);
    return true;
  }
  if (endsAca(command, taskSet.aca)) return false;
  command.setStatus(normalAca(command) ? STATUS.ACA_ACTIVE : STATUS.BUSY);
  return true;
}

/** The one command by which another initiator helps itself where the faulted one is gone. */
export function endsAca({ cdb, nexus }: Command, faulted: Nexus): boolean {
  if (cdb[0] !== PERSISTENT_RESERVE_OUT || nexus === faulted) return false;
  return ((cdb[1] as number) & 0x1f) === PREEMPT_AND_ABORT;
}
