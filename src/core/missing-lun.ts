import { SENSE, encodeFixedSense } from "../protocol/scsi/index.ts";
import { SCST_DATA_READ } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import { DataBuffer } from "./data-buffer.ts";
import { failed, respond } from "./life-cycle.ts";
import { reportLuns } from "./report-luns.ts";

const REQUEST_SENSE = 0x03;
const INQUIRY = 0x12;
const REPORT_LUNS = 0xa0;

/** SPC-5, "Standard INQUIRY data": peripheral qualifier 011b, device type 1Fh. */
const NO_LOGICAL_UNIT = 0x7f;

/**
 * A command for a LUN behind which there is nothing. INQUIRY, REQUEST SENSE and REPORT LUNS are
 * answered all the same (SPC-5, "Incorrect logical unit numbers").
 */
export function answerMissingLun(command: Command): void {
  switch (command.cdb[0]) {
    case INQUIRY:
      if (((command.cdb[1] as number) & 1) === 0) {
        answer(
          command,
          missingInquiry(),
          ((command.cdb[3] as number) << 8) | (command.cdb[4] as number),
        );
        return;
      }
      break;
    case REQUEST_SENSE:
      answer(command, encodeFixedSense(SENSE.LOGICAL_UNIT_NOT_SUPPORTED), command.cdb[4] as number);
      return;
    case REPORT_LUNS:
      reportLuns(
        command,
        (data, allocationLength) => answer(command, data, allocationLength),
        (byte) =>
          failed(command, SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte } }),
      );
      return;
    default:
      break;
  }
  failed(command, SENSE.LOGICAL_UNIT_NOT_SUPPORTED);
}

function missingInquiry(): Uint8Array {
  const data = new Uint8Array(36).fill(0x20, 8);
  data[0] = NO_LOGICAL_UNIT;
  data[2] = 0x06;
  data[3] = 0x02;
  data[4] = 31;
  for (const [i, char] of [..."SCST_NOLUN"].entries()) data[8 + i] = char.charCodeAt(0);
  return data;
}

/** There is no device to lend a buffer: the core brings its own. */
function answer(command: Command, data: Uint8Array, allocationLength: number): void {
  const length = Math.min(data.length, allocationLength);
  if (length > 0) {
    command.dataDirection = SCST_DATA_READ;
    command.bufferLength = length;
    command.buffer = new DataBuffer(0, data.subarray(0, length), -1);
  }
  command.setGood(length);
  respond(command);
}
