import { SENSE, WriteFilemarks16, WriteFilemarks6 } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { RecordHeader } from "../../storage/cartridge/layout.ts";
import type { StoredObject } from "../../storage/cartridge/partition-log.ts";
import { inChunks } from "../chunks.ts";
import { invalidFieldInCdb, writeFailed } from "../refusals.ts";
import { encodeBlock, type Encoding, takesLong } from "./block-codec.ts";
import { unprotectedBlock } from "./block-protection.ts";
import { noteFirstWrite } from "./medium-memory.ts";
import type { TapeUnit } from "./tape-unit.ts";
import { type Transfer, transferOf } from "./transfer.ts";
import { WriteAhead } from "./write-ahead.ts";

/** WRITE(6) and WRITE(16). */
export function write(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const transfer = transferOf(unit, command);
  const notReady = unit.notReady();
  if (notReady !== undefined) return notReady;
  if (!("blocks" in transfer)) return transfer;
  if (transfer.blocks === 0) return good;
  const refusal = refuseWrite(unit);
  if (refusal !== undefined) return refusal;
  // A block that came in part would be another block.
  if (command.buffer.length < transfer.blocks * transfer.blockLength) return INCOMPLETE;
  return afterCut(unit, () => writeBlocks(unit, command, transfer));
}

/** Why nothing can be written at the position, or undefined. */
export function refuseWrite(unit: TapeUnit, objects = 1): Outcome | undefined {
  const protection = unit.writeProtection();
  if (protection !== undefined) return checkCondition(protection);
  const { log, object, partition, overwriteAllowedAt: allowed } = unit;
  if (object >= log.count || objects === 0) return undefined;
  if (unit.isWorm && !onlyFilemarksFrom(unit)) return OVERWRITE;
  if (!unit.mode.appendOnly) return undefined;
  return allowed?.partition === partition && allowed.object === object ? undefined : OVERWRITE;
}

/**
 * WORM MODE FILEMARK RESTRICTIONS 02h: filemarks right before the end of data may be written
 * over, except one at the beginning of the partition.
 */
function onlyFilemarksFrom({ log, object }: TapeUnit): boolean {
  return object > 0 && log.filemarkCount - log.filemarksBefore(object) === log.count - object;
}

/** Cuts what stands behind the position, then goes on. */
function afterCut(unit: TapeUnit, work: () => MaybePromise<Outcome>): MaybePromise<Outcome> {
  const { log, object } = unit;
  unit.overwriteAllowedAt = undefined;
  if (unit.changed && object >= log.count) return work();
  return cut(unit).then((outcome) => outcome ?? work());
}

async function cut(unit: TapeUnit): Promise<Outcome | undefined> {
  try {
    if (!unit.changed) await noteFirstWrite(unit);
    await unit.log.truncate(unit.object);
    return undefined;
  } catch (error) {
    return writeFailed(error);
  }
}

function writeBlocks(
  unit: TapeUnit,
  command: ScsiCommand,
  { fixed, count, blockLength, blocks }: Transfer,
): MaybePromise<Outcome> {
  const residueAt = (at: number) => (fixed ? count - at / blockLength : count);
  const result = inChunks(blocks * blockLength, blockLength, (at, length) =>
    writeBlock(unit, command.buffer.subarray(at, at + length), residueAt(at)),
  );
  return result instanceof Promise
    ? result.then((outcome) => outcome ?? written(unit))
    : (result ?? written(unit));
}

function writeBlock(
  unit: TapeUnit,
  fromHost: Uint8Array,
  residue: number,
): MaybePromise<Outcome | undefined> {
  const block = unprotectedBlock(unit.mode, fromHost);
  if (!(block instanceof Uint8Array)) return block;
  const encryption = unit.encryption.encrypts ? unit.encryption.parameters : undefined;
  const encoding = { compress: unit.mode.compression, encryption };
  if (mayGoAhead(unit, block, encoding)) return writeAhead(unit, block, encoding);
  if (unit.ahead.idle) return writeInTurn(unit, block, encoding, residue);
  return unit.ahead.drain().then(() => writeInTurn(unit, block, encoding, residue));
}

function writeInTurn(
  unit: TapeUnit,
  block: Uint8Array,
  encoding: Encoding,
  residue: number,
): MaybePromise<Outcome | undefined> {
  if (unit.ahead.error !== undefined) return deferredError(unit);
  const stored = encodeBlock(block, encoding);
  return stored instanceof Promise
    ? stored.then((object) => store(unit, object, residue))
    : store(unit, stored, residue);
}

/** Buffered mode: a block that takes its time is answered first, if it has room in any case. */
function mayGoAhead(unit: TapeUnit, block: Uint8Array, encoding: Encoding): boolean {
  if (unit.mode.bufferedMode === 0 || !takesLong(block, encoding)) return false;
  return unit.hasRoomFor(WriteAhead.bytesMaxOf(block));
}

function writeAhead(
  unit: TapeUnit,
  block: Uint8Array,
  encoding: Encoding,
): MaybePromise<Outcome | undefined> {
  const { statistics } = unit;
  const taken = () => {
    unit.object++;
    return undefined;
  };
  const done = unit.ahead.add(unit.log, block, encoding, ({ blockLength, bytes }) => {
    statistics.wrote(blockLength, RecordHeader.size + bytes.length);
  });
  return done === undefined ? taken() : done.then(taken);
}

function store(
  unit: TapeUnit,
  object: StoredObject,
  residue: number,
): MaybePromise<Outcome | undefined> {
  const { log } = unit;
  const mediumBytes = RecordHeader.size + object.bytes.length;
  if (log.usedBytes + mediumBytes > unit.capacityOf(unit.partition)) return overflow(residue);
  const noted = () => {
    unit.object++;
    unit.statistics.wrote(object.blockLength, mediumBytes);
    return undefined;
  };
  try {
    const done = log.append(object);
    return done === undefined
      ? noted()
      : done.then(noted, (error: unknown) => appendFailed(unit, error, residue));
  } catch (error) {
    return appendFailed(unit, error, residue);
  }
}

/** In buffered mode a write meets what became of those before it. */
function appendFailed(unit: TapeUnit, error: unknown, residue: number): Promise<Outcome> {
  const isEarlier = unit.mode.bufferedMode !== 0 && unit.log.writeError !== undefined;
  return isEarlier ? deferredError(unit) : failed(unit, error, residue);
}

/** What was answered with GOOD and then could not be written is gone: its initiator is told. */
export async function deferredError(unit: TapeUnit): Promise<Outcome> {
  await unit.ahead.drain();
  unit.ahead.reset();
  unit.statistics.failedToWrite();
  await unit.log.dropUnwritten();
  unit.moveTo(unit.partition, Math.min(unit.object, unit.log.count));
  return DEFERRED;
}

/** The tape ends behind the last object that is in the file whole. */
async function failed(unit: TapeUnit, error: unknown, residue: number): Promise<Outcome> {
  unit.statistics.failedToWrite();
  await unit.log.dropUnwritten();
  unit.moveTo(unit.partition, Math.min(unit.object, unit.log.count));
  const { sense } = writeFailed(error);
  return checkCondition(sense ?? SENSE.WRITE_ERROR, {
    filemark: false,
    eom: false,
    information: residue,
  });
}

function overflow(residue: number): Outcome {
  return checkCondition(SENSE.END_OF_PARTITION_MEDIUM_OVERFLOW, {
    filemark: false,
    eom: true,
    information: residue,
  });
}

/** All is written: unbuffered, the medium has it first; near the end the initiator is told. */
function written(unit: TapeUnit): MaybePromise<Outcome> {
  if (unit.mode.bufferedMode !== 0) return warned(unit);
  return unit.log.flush(true).then(
    () => warned(unit),
    (error: unknown) => failed(unit, error, 0),
  );
}

/** GOOD, or the (programmable) early warning (SSC-5, "Early-warning"). */
function warned(unit: TapeUnit): Outcome {
  if (unit.atEarlyWarning) return EARLY_WARNING;
  if (!unit.earlyWarningTold && unit.atProgrammableEarlyWarning) {
    unit.earlyWarningTold = true;
    return PROGRAMMABLE_EARLY_WARNING;
  }
  return good;
}

export function writeFilemarks6(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { wsmk, immed, filemarkCount } = WriteFilemarks6.view(command.cdb);
  return wsmk ? invalidFieldInCdb(1, 1) : writeFilemarks(unit, filemarkCount, immed);
}

export function writeFilemarks16(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { fcs, lcs, immed, filemarkCount } = WriteFilemarks16.view(command.cdb);
  if (fcs || lcs) return invalidFieldInCdb(1, fcs ? 3 : 2);
  return writeFilemarks(unit, filemarkCount, immed);
}

/** The most filemarks of one command: a tape full of nothing else would still be a mistake. */
const FILEMARKS_MAX = 0x1_0000;

/** Without IMMED everything before and with them is on the medium when it is done. */
function writeFilemarks(unit: TapeUnit, count: number, immed: boolean): MaybePromise<Outcome> {
  const refusal = unit.notReady() ?? refuseWrite(unit, count);
  if (refusal !== undefined) return refusal;
  if (count > FILEMARKS_MAX) return invalidFieldInCdb(2);
  const flushed = (): MaybePromise<Outcome> => {
    if (immed) return warned(unit);
    return unit.log.flush(true).then(
      () => warned(unit),
      (error: unknown) => failed(unit, error, 0),
    );
  };
  if (count === 0) return flushed();
  return afterCut(unit, () => {
    const result = inChunks(count, 1, (at) => appendFilemark(unit, count - at));
    return result instanceof Promise
      ? result.then((outcome) => outcome ?? flushed())
      : (result ?? flushed());
  });
}

function appendFilemark(unit: TapeUnit, residue: number): MaybePromise<Outcome | undefined> {
  const { log } = unit;
  if (log.usedBytes + RecordHeader.size > unit.capacityOf(unit.partition)) return overflow(residue);
  const noted = () => {
    unit.object++;
    unit.statistics.filemarksWritten++;
    return undefined;
  };
  try {
    const done = log.appendFilemark();
    return done === undefined
      ? noted()
      : done.then(noted, (error: unknown) => appendFailed(unit, error, residue));
  } catch (error) {
    return appendFailed(unit, error, residue);
  }
}

const atEnd = { filemark: false, eom: true, information: 0 };
const EARLY_WARNING = checkCondition(SENSE.END_OF_PARTITION_MEDIUM_DETECTED, atEnd);
const PROGRAMMABLE_EARLY_WARNING = checkCondition(SENSE.PROGRAMMABLE_EARLY_WARNING_DETECTED, atEnd);
const OVERWRITE = checkCondition(SENSE.WORM_MEDIUM_OVERWRITE_ATTEMPTED);
const INCOMPLETE = checkCondition(SENSE.INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT);
const DEFERRED = checkCondition(SENSE.WRITE_ERROR, {
  deferred: true,
  filemark: false,
  eom: false,
});
