import { encodeFixedSense, SENSE } from "../protocol/scsi/index.ts";
import { SCST_DATA_READ } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import { DataBuffer } from "./data-buffer.ts";
import { reportLuns, reportLunsAllocationLength, wrongReportLunsByte } from "./report-luns.ts";

const REQUEST_SENSE = 0x03;
const INQUIRY = 0x12;
const REPORT_LUNS = 0xa0;

/** SPC-5, "Standard INQUIRY data": peripheral qualifier 011b, device type 1Fh; as SCST says it. */
const NO_LOGICAL_UNIT = Uint8Array.of(0x7f, 0, 0x06, 0x02, 31, 0, 0, 0);
const NO_LOGICAL_UNIT_VENDOR_AND_PRODUCT = "SCST_NOLUN";
const STANDARD_INQUIRY_LENGTH = 36;

/**
 * Answers a command for a LUN behind which there is nothing. INQUIRY, REQUEST SENSE and REPORT
 * LUNS are answered all the same (SPC-5, "Incorrect logical unit numbers").
 */
export function answerMissingLun(command: Command): void {
  const { cdb } = command;
  switch (cdb[0]) {
    case INQUIRY:
      if (((cdb[1] as number) & 1) !== 0) break;
      answer(command, missingInquiry(), ((cdb[3] as number) << 8) | (cdb[4] as number));
      return;
    case REQUEST_SENSE:
      answer(command, encodeFixedSense(SENSE.LOGICAL_UNIT_NOT_SUPPORTED), cdb[4] as number);
      return;
    case REPORT_LUNS: {
      const byte = wrongReportLunsByte(cdb);
      if (byte === undefined) {
        answer(command, reportLuns(command.session), reportLunsAllocationLength(cdb));
      } else {
        command.setSense(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte } });
      }
      return;
    }
    default:
      break;
  }
  command.setSense(SENSE.LOGICAL_UNIT_NOT_SUPPORTED);
}

function missingInquiry(): Uint8Array {
  const data = new Uint8Array(STANDARD_INQUIRY_LENGTH).fill(0x20);
  data.set(NO_LOGICAL_UNIT);
  const text = NO_LOGICAL_UNIT_VENDOR_AND_PRODUCT;
  for (let i = 0; i < text.length; i++) data[NO_LOGICAL_UNIT.length + i] = text.charCodeAt(i);
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
}
