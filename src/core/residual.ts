import { STATUS } from "../protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
} from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";

/**
 * What the initiator expected beyond, or short of, what there was. For data-out it compares the
 * lengths of the request, whatever became of the command.
 */
export function residualOf(command: Command): number {
  switch (command.expectedDirection) {
    case SCST_DATA_READ:
      return command.expectedLength - command.responseLength;
    case SCST_DATA_WRITE:
      return command.dataOutLength < command.expectedLength
        ? command.expectedLength - command.dataOutLength
        : command.dataOutLength - (command.wantedLength || command.bufferLength);
    case SCST_DATA_BIDI:
      return command.expectedLength - command.responseLength;
    case SCST_DATA_NONE:
      return command.status === STATUS.GOOD ? 0 - command.responseLength : 0;
    default:
      return 0;
  }
}
