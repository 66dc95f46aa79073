/** Commands that the core executes itself. The rest of SCST's have their place here. */
import { encodeDescriptorSense, encodeFixedSense, SENSE } from "../protocol/scsi/index.ts";
import { reportTargetPortGroups } from "./alua/report-target-port-groups.ts";
import type { Command } from "./command.ts";
import { reportLuns, wrongReportLunsByte } from "./report-luns.ts";

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
      answerReportLuns(command);
      return true;
    case MAINTENANCE_IN:
      return maintenanceIn(command);
    default:
      return false;
  }
}

/** SPC-5, "REQUEST SENSE command": a unit attention that waits is its answer. */
function requestSense(command: Command): boolean {
  const condition = command.nexus?.takeUnitAttention();
  if (condition === undefined) return false;
  const descriptor = ((command.cdb[1] as number) & 1) !== 0;
  command.answer(descriptor ? encodeDescriptorSense(condition) : encodeFixedSense(condition));
  return true;
}

function answerReportLuns(command: Command): void {
  const byte = wrongReportLunsByte(command.cdb);
  if (byte === undefined) command.answer(reportLuns(command.session));
  else command.setSense(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte } });
}

function maintenanceIn(command: Command): boolean {
  switch ((command.cdb[1] as number) & 0x1f) {
    case REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS:
      command.answer(supportedTaskManagementFunctions(command));
      return true;
    case REPORT_TARGET_PORT_GROUPS:
      reportTargetPortGroups(command);
      return true;
    default:
      return false;
  }
}

/** ABORT TASK, ABORT TASK SET, CLEAR ACA, CLEAR TASK SET and LOGICAL UNIT RESET are there. */
const ATS_ATSS_CACAS_CTSS_LURS = 0xf8;

/** In units of 100 ms: SCST's numbers. */
const LONG_TIMEOUT = 300;
const SHORT_TIMEOUT = 150;

/** SPC-5, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS parameter data". */
function supportedTaskManagementFunctions(command: Command): Uint8Array {
  const returnExtended = ((command.cdb[2] as number) & 0x80) !== 0;
  if (!returnExtended) return Uint8Array.of(ATS_ATSS_CACAS_CTSS_LURS, 0, 0, 0);
  const data = new Uint8Array(16);
  data[0] = ATS_ATSS_CACAS_CTSS_LURS;
  // The length of what follows, and TMFTMOV: the timeouts are valid.
  data[3] = 12;
  data[4] = 1;
  const view = new DataView(data.buffer);
  view.setUint32(8, LONG_TIMEOUT);
  view.setUint32(12, SHORT_TIMEOUT);
  return data;
}
