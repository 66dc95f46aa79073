/** RECEIVE COPY RESULTS: how copies went, and what this copy manager can do. */
import {
  COPY_COMMAND_STATUS,
  CopyFailureDetailsData,
  CopyReceiveDataHeader,
  CopyStatusData,
  RECEIVE_COPY_RESULTS,
  ReceiveCopyResults,
  SENSE,
  STATUS,
  TRANSFER_COUNT_UNITS_KIB,
} from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import { type CopyRecord, CopyResults } from "./copy-results.ts";
import { operatingParameters } from "./limits.ts";

/** Executes THIRD-PARTY COPY IN: what SCST knows of it. */
export function receiveCopyResults(command: Command): void {
  const { serviceAction, listIdentifier } = ReceiveCopyResults.view(command.cdb);
  switch (serviceAction) {
    case RECEIVE_COPY_RESULTS.OPERATING_PARAMETERS:
      command.answer(operatingParameters());
      return;
    case RECEIVE_COPY_RESULTS.COPY_STATUS:
    case RECEIVE_COPY_RESULTS.RECEIVE_DATA:
    case RECEIVE_COPY_RESULTS.FAILED_SEGMENT_DETAILS:
      break;
    default:
      refuse(command, 1, 4);
      return;
  }
  const results = CopyResults.of(command.session);
  const record = results.find(listIdentifier);
  const running = record?.outcome === undefined;
  if (record === undefined || (running && serviceAction !== RECEIVE_COPY_RESULTS.COPY_STATUS)) {
    refuse(command, 2);
    return;
  }
  const data = dataOf(serviceAction, record);
  command.answer(data);
  const whole = command.responseLength === data.length;
  if (whole && isLastWord(serviceAction, record)) results.forget(listIdentifier);
}

function refuse(command: Command, byte: number, bit?: number): void {
  command.setSense(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte, bit } });
}

function dataOf(serviceAction: number, record: CopyRecord): Uint8Array {
  switch (serviceAction) {
    case RECEIVE_COPY_RESULTS.COPY_STATUS:
      return copyStatus(record);
    case RECEIVE_COPY_RESULTS.FAILED_SEGMENT_DETAILS:
      return failureDetails(record);
    default:
      // No segment type that is supported holds data.
      return CopyReceiveDataHeader.encode({});
  }
}

/** Whether nobody will ask again: after a failure COPY STATUS is followed by the details. */
function isLastWord(serviceAction: number, { outcome }: CopyRecord): boolean {
  if (outcome === undefined) return false;
  if (serviceAction === RECEIVE_COPY_RESULTS.FAILED_SEGMENT_DETAILS) return true;
  return serviceAction === RECEIVE_COPY_RESULTS.COPY_STATUS && outcome.status === STATUS.GOOD;
}

function copyStatus({ outcome, segmentsProcessed, writtenBytes }: CopyRecord): Uint8Array {
  return CopyStatusData.encode({
    availableData: CopyStatusData.size - 4,
    copyCommandStatus: statusOf(outcome),
    segmentsProcessed,
    transferCountUnits: TRANSFER_COUNT_UNITS_KIB,
    transferCount: Math.floor(writtenBytes / 1024),
  });
}

function statusOf(outcome: CopyRecord["outcome"]): number {
  if (outcome === undefined) return COPY_COMMAND_STATUS.IN_PROGRESS;
  return outcome.status === STATUS.GOOD
    ? COPY_COMMAND_STATUS.COMPLETED
    : COPY_COMMAND_STATUS.COMPLETED_WITH_ERRORS;
}

/** SPC-4, "RECEIVE COPY FAILURE DETAILS(LID1) command": without a failure there is no more. */
function failureDetails({ outcome }: CopyRecord): Uint8Array {
  const { size } = CopyFailureDetailsData;
  if (outcome === undefined || outcome.status === STATUS.GOOD) return new Uint8Array(4);
  const { status, sense } = outcome;
  const data = CopyFailureDetailsData.encode(
    {
      availableData: size + sense.length - 4,
      extendedCopyCommandStatus: status,
      senseDataLength: sense.length,
    },
    size + sense.length,
  );
  data.set(sense, size);
  return data;
}
