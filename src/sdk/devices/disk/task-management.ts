import {
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
} from "../../../protocol/scst/index.ts";
import type { TaskManagement } from "../../handler.ts";
import { good } from "../../outcome.ts";
import type { BackgroundOperation } from "./background.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { ACTIVE } from "./power.ts";

/**
 * What a task management function does to the disk itself. What is aborted of FORMAT UNIT and
 * SANITIZE is the command: its initiator gets an answer, and the operation goes on.
 */
export function taskManagement(unit: LogicalUnit, request: TaskManagement): void {
  const { background } = unit.readiness;
  if (background !== undefined && aborts(request, background)) background.release(good);
  switch (request.function) {
    case SCST_LUN_RESET:
    case SCST_TARGET_RESET:
      reset(unit);
      break;
    case SCST_NEXUS_LOSS:
    case SCST_NEXUS_LOSS_SESS:
      if (request.session !== undefined) unit.removal.allow(request.session);
      break;
    default:
      break;
  }
}

/** SAM-6, "Logical unit reset": mode parameters are the saved ones, or the default ones. */
function reset(unit: LogicalUnit): void {
  unit.removal.allowAll();
  unit.readiness.power = ACTIVE;
  unit.modes.reset(unit, unit.modePages);
}

/** Whether the function aborts the command that began `operation`. */
function aborts(request: TaskManagement, operation: BackgroundOperation): boolean {
  switch (request.function) {
    case SCST_CLEAR_ACA:
      return false;
    case SCST_ABORT_TASK:
      return request.command === operation.command;
    case SCST_ABORT_TASK_SET:
    case SCST_NEXUS_LOSS:
    case SCST_NEXUS_LOSS_SESS:
      return request.session === operation.command.session;
    default:
      return true;
  }
}
