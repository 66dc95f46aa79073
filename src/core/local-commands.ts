/** Commands that the core executes itself. The rest of SCST's have their place here. */
import { encodeDescriptorSense, encodeFixedSense, SENSE } from "../protocol/scsi/index.ts";
import type { Command } from "./command.ts";
import { COMMAND_STATE } from "./command-state.ts";
import { executed } from "./life-cycle.ts";
import { reportLuns } from "./report-luns.ts";

const REQUEST_SENSE = 0x03;
const REPORT_LUNS = 0xa0;
const MAINTENANCE_IN = 0xa3;

/** Service actions of MAINTENANCE IN. */
const REPORT_TARGET_PORT_GROUPS = 0x0a;
const REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS = 0x0d;

/** Executes the command if it is the core's: false where the device shall. */
export function executeLocally(command: Command): boolean {
  switch (command.cdb[0]) {
    case REQUEST_SENSE:
      return requestSense(command);
    case REPORT_LUNS:
      command.moveTo(COMMAND_STATE.LOCAL_EXEC);
      reportLuns(
        command,
        (data) => answer(command, data),
        (byte) => invalidField(command, byte),
      );
      return true;
    case MAINTENANCE_IN:
      return maintenanceIn(command);
    default:
      return false;
  }
}

/** SPC-5, "REQUEST SENSE command": a unit attention that waits is its answer. */
function requestSense(command: Command): boolean {
  const nexus = command.nexus!;
  const condition = nexus.unitAttentions.take();
  if (condition === undefined) return false;
  command.moveTo(COMMAND_STATE.LOCAL_EXEC);
  const descriptor = ((command.cdb[1] as number) & 1) !== 0;
  answer(command, descriptor ? encodeDescriptorSense(condition) : encodeFixedSense(condition));
  return true;
}

function maintenanceIn(command: Command): boolean {
  switch ((command.cdb[1] as number) & 0x1f) {
    case REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS:
      command.moveTo(COMMAND_STATE.LOCAL_EXEC);
      answer(command, supportedTaskManagementFunctions(command));
      return true;
    case REPORT_TARGET_PORT_GROUPS:
      // Without device groups there is no group to report: the header alone.
      command.moveTo(COMMAND_STATE.LOCAL_EXEC);
      answer(command, new Uint8Array(4));
      return true;
    default:
      return false;
  }
}

/** SPC-5, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS parameter data". */
function supportedTaskManagementFunctions(command: Command): Uint8Array {
  // ATS, ATSS, CACAS, CTSS, LURS.
  const functions = 0xf8;
  const returnExtended = ((command.cdb[2] as number) & 0x80) !== 0;
  if (!returnExtended) return Uint8Array.of(functions, 0, 0, 0);
  const data = new Uint8Array(16);
  data[0] = functions;
  data[3] = 12;
  // Timeouts in units of 100 ms: all but the resets' is the "long" one.
  const view = new DataView(data.buffer);
  data[4] = 1;
  view.setUint32(8, 300);
  view.setUint32(12, 150);
  return data;
}

/** Puts `data` into the command's buffer, as much as fits. */
function answer(command: Command, data: Uint8Array): void {
  const into = command.data;
  const length = Math.min(into.length, data.length);
  into.set(length === data.length ? data : data.subarray(0, length));
  command.setGood(length);
  executed(command);
}

function invalidField(command: Command, byte: number): void {
  command.setSense(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte } });
  executed(command);
}
