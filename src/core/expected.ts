import { SENSE, type SenseCondition } from "../protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_LBA_NOT_VALID,
  SCST_UNKNOWN_LENGTH,
} from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";

/** The longest transfer that only the initiator's word gives, in bytes (SCST's number). */
export const UNKNOWN_LENGTH_MAX = 15 * 1024 * 1024;

/**
 * Holds what the CDB says against what the initiator expects to send and to get, and settles
 * how much memory the command needs.
 */
export function checkExpected(command: Command): SenseCondition | undefined {
  if (command.dataDirection === SCST_DATA_UNKNOWN) {
    // Nobody knows the opcode's direction: the initiator does.
    command.dataDirection = known(command.expectedDirection);
  }
  if ((command.opFlags & SCST_UNKNOWN_LENGTH) !== 0 && command.bufferLength === 0) {
    if (command.expectedLength > UNKNOWN_LENGTH_MAX) return SENSE.INVALID_FIELD_IN_CDB;
    command.bufferLength = command.expectedLength;
    command.dataLength = command.expectedLength;
  }
  if (command.bufferLength === 0) {
    command.dataDirection = SCST_DATA_NONE;
    return undefined;
  }
  return compare(command);
}

function known(direction: number): number {
  return direction === SCST_DATA_UNKNOWN ? SCST_DATA_NONE : direction;
}

function compare(command: Command): SenseCondition | undefined {
  const { dataDirection, expectedDirection, expectedLength, bufferLength } = command;
  if (expectedDirection === SCST_DATA_UNKNOWN) return undefined;
  if (!compatible(dataDirection, expectedDirection)) return SENSE.INVALID_MESSAGE_ERROR;
  if (dataDirection === SCST_DATA_READ) return undefined;

  const outLength =
    expectedDirection === SCST_DATA_BIDI ? command.expectedOutLength : expectedLength;
  if (outLength >= bufferLength) return undefined;
  return shorten(command, outLength);
}

/** A data-in command may be sent without a buffer: then all of its data are residual. */
function compatible(direction: number, expected: number): boolean {
  if (direction === expected) return true;
  return direction === SCST_DATA_READ && expected === SCST_DATA_NONE;
}

/** The initiator sends less than the CDB asks for: that much is written, in whole blocks. */
function shorten(command: Command, length: number): SenseCondition | undefined {
  const { blockSize } = command.nexus!.device;
  command.wantedLength = command.bufferLength;
  const blocks = blockSize > 0 && (command.opFlags & SCST_LBA_NOT_VALID) === 0;
  if (blocks && length % blockSize !== 0) {
    return SENSE.INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT;
  }
  if (command.dataLength === command.bufferLength) command.dataLength = length;
  command.bufferLength = length;
  if (length === 0) command.dataDirection = SCST_DATA_NONE;
  return undefined;
}
