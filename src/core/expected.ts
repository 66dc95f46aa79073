import { SENSE, type SenseCondition } from "../protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_DATA_WRITE,
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_UNKNOWN_LENGTH,
} from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import { isWriteSame } from "./write-same.ts";

/** The longest transfer that only the initiator's word gives, in bytes (SCST's number). */
const UNKNOWN_LENGTH_MAX = 15 * 1024 * 1024;

/**
 * Holds what the CDB says against what the initiator expects to send and to get, and settles
 * how much memory the command needs.
 */
export function checkExpected(command: Command): SenseCondition | undefined {
  if (command.dataDirection === SCST_DATA_UNKNOWN) {
    // Nobody knows the opcode's direction: the initiator does.
    command.dataDirection = known(command.expectedDirection);
  }
  if ((command.opFlags & SCST_UNKNOWN_LENGTH) !== 0) {
    // Only the initiator knows how much data there is.
    command.bufferLength = Math.min(command.expectedLength, UNKNOWN_LENGTH_MAX);
    command.dataLength = command.bufferLength;
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
  const { dataDirection, expectedDirection } = command;
  if (expectedDirection === SCST_DATA_UNKNOWN) return undefined;
  if (dataDirection === SCST_DATA_READ && expectedDirection === SCST_DATA_WRITE) {
    // RFC 7143, "Residual count": the initiator has no room for data-in, and what it would send
    // is not wanted. Both are residual.
    command.bufferLength = 0;
    command.dataDirection = SCST_DATA_NONE;
    return undefined;
  }
  if (!compatible(dataDirection, expectedDirection)) return SENSE.INVALID_MESSAGE_ERROR;
  // WRITE SAME sends one block, and there is no saying which of several is meant.
  if (isWriteSame(command) && command.expectedLength > command.bufferLength) {
    return SENSE.INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT;
  }
  return undefined;
}

/** A data-in command may be sent without a buffer: then all of its data are residual. */
function compatible(direction: number, expected: number): boolean {
  if (direction === expected) return true;
  return direction === SCST_DATA_READ && expected === SCST_DATA_NONE;
}

/** How much data-out the initiator sends: what it announced, up to what there is room for. */
export function dataOutLengthOf(command: Command): number {
  const { expectedDirection, bufferLength, outBufferLength } = command;
  const room = command.dataDirection === SCST_DATA_BIDI ? outBufferLength : bufferLength;
  switch (expectedDirection) {
    case SCST_DATA_WRITE:
      return Math.min(room, command.expectedLength);
    case SCST_DATA_BIDI:
      return Math.min(room, command.expectedOutLength);
    default:
      return room;
  }
}

/**
 * Data-out that came short: in whole blocks, that much is written and the rest of the command's
 * length is residual (RFC 7143, "Residual count"). Never is written what nobody sent: where the
 * data end inside a block, or where a block stands for many, the command is refused.
 */
export function checkDataOut(command: Command): SenseCondition | undefined {
  const { dataOutLength, bufferLength, dataLength, opFlags } = command;
  if (command.dataDirection !== SCST_DATA_WRITE || dataOutLength >= bufferLength) return undefined;
  const { blockSize } = command.nexus!.device;
  const inBlocks = blockSize > 0 && (opFlags & SCST_TRANSFER_LEN_TYPE_FIXED) !== 0;
  if (inBlocks && (dataOutLength % blockSize !== 0 || dataLength !== bufferLength)) {
    return SENSE.INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT;
  }
  command.wantedLength = bufferLength;
  if (dataLength === bufferLength) command.dataLength = dataOutLength;
  command.bufferLength = dataOutLength;
  if (dataOutLength === 0) command.dataDirection = SCST_DATA_NONE;
  return undefined;
}
