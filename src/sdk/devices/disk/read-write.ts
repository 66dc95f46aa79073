import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit, SupportedCommand } from "./logical-unit.ts";
import {
  invalidFieldInCdb,
  lbaOutOfRange,
  readFailed,
  soleBlock,
  writeFailed,
  writeProtected,
} from "../refusals.ts";

/** Byte 1 of READ and WRITE(10), (12) and (16). */
const FUA = 0x08;

/** READ(6) has no FUA: what stands in its place belongs to the LBA. */
export function read6(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  return refuseRange(unit, command, row) ?? readBlocks(unit, command);
}

export function read(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  const refusal = refuseRange(unit, command, row);
  if (refusal !== undefined) return refusal;
  // SBC-4, "READ(10) command": with FUA what is newer in a volatile cache goes to the medium first.
  if (((command.cdb[1] as number) & FUA) !== 0 && unit.writeCacheEnabled && !unit.readOnly) {
    return flushedThenRead(unit, command);
  }
  return readBlocks(unit, command);
}

export function write6(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  return refuseWrite(unit, command, row) ?? writeBlocks(unit, command, unit.mustBeDurable(false));
}

export function write(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  const refusal = refuseWrite(unit, command, row);
  if (refusal !== undefined) return refusal;
  const fua = ((command.cdb[1] as number) & FUA) !== 0;
  return writeBlocks(unit, command, unit.mustBeDurable(fua));
}

/** Refuses a range that the medium does not have, or that is longer than VPD page B0h allows. */
function refuseRange(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): Outcome | undefined {
  const { lba, dataLength } = command;
  if (!unit.contains(lba, dataLength)) return lbaOutOfRange(lba);
  if (dataLength > unit.settings.limits.transferBytes) {
    return invalidFieldInCdb(row.command.cdb.offsetOf("transferLength"));
  }
  return undefined;
}

export function refuseWrite(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): Outcome | undefined {
  return unit.readOnly ? writeProtected : refuseRange(unit, command, row);
}

function readBlocks(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { lba } = command;
  const data = dataOf(command);
  unit.counters.readCommands++;
  unit.counters.readBlocks += data.length / unit.blockSize;
  if (data.length === 0) return good;
  const failed = (error: unknown): Outcome => {
    unit.counters.readErrors++;
    return readFailed(error, soleBlock(unit, lba, data.length));
  };
  try {
    const done = unit.store.read(data, lba * unit.blockSize);
    return done === undefined ? good : done.then(toGood, failed);
  } catch (error) {
    return failed(error);
  }
}

async function flushedThenRead(unit: LogicalUnit, command: ScsiCommand): Promise<Outcome> {
  try {
    await unit.flush();
  } catch (error) {
    return writeFailed(error);
  }
  return await readBlocks(unit, command);
}

export function writeBlocks(
  unit: LogicalUnit,
  command: ScsiCommand,
  durable: boolean,
): MaybePromise<Outcome> {
  const { lba } = command;
  const data = wholeBlocks(dataOf(command), unit.blockSize);
  unit.counters.writeCommands++;
  unit.counters.writtenBlocks += data.length / unit.blockSize;
  return put(unit, data, lba, durable);
}

/** Writes whole blocks from `lba` on. */
export function put(
  unit: LogicalUnit,
  data: Uint8Array,
  lba: number,
  durable: boolean,
): MaybePromise<Outcome> {
  if (data.length === 0) return good;
  const failedToWrite = (error: unknown): Outcome => {
    unit.counters.writeErrors++;
    return writeFailed(error, soleBlock(unit, lba, data.length));
  };
  try {
    const done = unit.store.write(data, lba * unit.blockSize, durable);
    return done === undefined ? good : done.then(toGood, failedToWrite);
  } catch (error) {
    return failedToWrite(error);
  }
}

function toGood(): Outcome {
  return good;
}

/** The buffer is shorter than the range where the initiator's own buffer is. */
export function dataOf({ buffer, dataLength }: ScsiCommand): Uint8Array {
  return buffer.length <= dataLength ? buffer : buffer.subarray(0, dataLength);
}

/** Of a block that came in part nothing is written. */
function wholeBlocks(data: Uint8Array, blockSize: number): Uint8Array {
  const rest = data.length % blockSize;
  return rest === 0 ? data : data.subarray(0, data.length - rest);
}
