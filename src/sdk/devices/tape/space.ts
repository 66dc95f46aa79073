import { Locate10, Locate16, SENSE, Space6 } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb, writeFailed } from "../refusals.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** CODE of SPACE. */
const CODE = { BLOCKS: 0, FILEMARKS: 1, SEQUENTIAL_FILEMARKS: 2, END_OF_DATA: 3 } as const;

export function space6(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { code, count } = Space6.view(command.cdb);
  return space(unit, code, count >= 0x80_0000 ? count - 0x100_0000 : count);
}

export function space16(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { cdb } = command;
  const code = (cdb[1] as number) & 0x0f;
  if (cdb[12] !== 0 || cdb[13] !== 0) return invalidFieldInCdb(12);
  const wide = new DataView(cdb.buffer, cdb.byteOffset).getBigInt64(4);
  return space(unit, code, Number(wide));
}

function space(unit: TapeUnit, code: number, count: number): Outcome {
  const refusal = unit.notReady();
  if (refusal !== undefined) return refusal;
  switch (code) {
    case CODE.BLOCKS:
      return count >= 0 ? blocksForward(unit, count) : blocksBack(unit, -count);
    case CODE.FILEMARKS:
      return count >= 0 ? filemarksForward(unit, count) : filemarksBack(unit, -count);
    case CODE.SEQUENTIAL_FILEMARKS:
      return sequential(unit, count);
    case CODE.END_OF_DATA:
      move(unit, unit.log.count);
      return good;
    default:
      return invalidFieldInCdb(1, 3);
  }
}

function move(unit: TapeUnit, object: number): void {
  if (object !== unit.object) unit.moveTo(unit.partition, object);
}

function blocksForward(unit: TapeUnit, count: number): Outcome {
  const { log, object } = unit;
  const filemark = log.filemark(log.filemarksBefore(object));
  const target = object + count;
  if (filemark !== undefined && filemark < target) {
    move(unit, filemark + 1);
    return filemarkMet(count - (filemark - object));
  }
  if (target > log.count) {
    move(unit, log.count);
    return endOfData(unit, count - (log.count - object));
  }
  move(unit, target);
  return good;
}

function blocksBack(unit: TapeUnit, count: number): Outcome {
  const { log, object } = unit;
  const filemark = log.filemark(log.filemarksBefore(object) - 1);
  const target = object - count;
  if (filemark !== undefined && filemark >= target) {
    move(unit, filemark);
    return filemarkMet(count - (object - filemark - 1));
  }
  if (target < 0) {
    move(unit, 0);
    return beginning(count - object);
  }
  move(unit, target);
  return good;
}

function filemarksForward(unit: TapeUnit, count: number): Outcome {
  const { log, object } = unit;
  if (count === 0) return good;
  const before = log.filemarksBefore(object);
  const filemark = log.filemark(before + count - 1);
  if (filemark === undefined) {
    move(unit, log.count);
    return endOfData(unit, count - (log.filemarkCount - before));
  }
  move(unit, filemark + 1);
  return good;
}

function filemarksBack(unit: TapeUnit, count: number): Outcome {
  const { log, object } = unit;
  const before = log.filemarksBefore(object);
  const filemark = log.filemark(before - count);
  if (filemark === undefined) {
    move(unit, 0);
    return beginning(count - before);
  }
  move(unit, filemark);
  return good;
}

/** To a run of at least so many filemarks, without a block between them. */
function sequential(unit: TapeUnit, count: number): Outcome {
  const { log, object } = unit;
  if (count === 0) return good;
  const run = Math.abs(count);
  const step = Math.sign(count);
  let index = log.filemarksBefore(object) - (step < 0 ? 1 : 0);
  for (; ; index += step) {
    const first = log.filemark(index);
    const last = log.filemark(index + step * (run - 1));
    if (first === undefined || last === undefined) break;
    if (Math.abs(last - first) !== run - 1) continue;
    move(unit, step > 0 ? last + 1 : last);
    return good;
  }
  move(unit, step > 0 ? log.count : 0);
  return step > 0 ? endOfData(unit, undefined) : beginning(undefined);
}

// The residue is a magnitude, backwards too: the Linux st driver calls a negative one wrong.

function filemarkMet(residue: number): Outcome {
  const details = { filemark: true, eom: false, information: residue };
  return checkCondition(SENSE.FILEMARK_DETECTED, details);
}

function endOfData(unit: TapeUnit, residue: number | undefined): Outcome {
  const details = { filemark: false, eom: unit.atEarlyWarning, information: residue };
  return checkCondition(SENSE.END_OF_DATA_DETECTED, details);
}

function beginning(residue: number | undefined): Outcome {
  const details = { filemark: false, eom: true, information: residue };
  return checkCondition(SENSE.BEGINNING_OF_PARTITION_MEDIUM_DETECTED, details);
}

export function rewind(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const refusal = unit.notReady();
  if (refusal !== undefined) return refusal;
  if (((command.cdb[1] as number) & 0x01) !== 0) command.answerInBackground();
  // SSC-5, "REWIND command": what is buffered goes to the medium first.
  return unit.log.flush(true).then(
    () => {
      unit.moveTo(unit.partition, 0);
      return good;
    },
    (error: unknown) => writeFailed(error),
  );
}

export function locate10(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { bt, cp, logicalObjectIdentifier, partition } = Locate10.view(command.cdb);
  // BT: a vendor specific address, which here is none other.
  void bt;
  return locate(unit, cp ? partition : undefined, cp ? 8 : -1, (log) =>
    Math.min(logicalObjectIdentifier, log.count + 1),
  );
}

/** DEST_TYPE of LOCATE(16). */
const DESTINATION = { OBJECT: 0, FILE: 1, END_OF_DATA: 3 } as const;

export function locate16(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { destType, cp, bam, partition, logicalIdentifier } = Locate16.view(command.cdb);
  if (bam) return invalidFieldInCdb(2, 0);
  const to = cp ? partition : undefined;
  switch (destType) {
    case DESTINATION.OBJECT:
      return locate(unit, to, 3, (log) => Math.min(logicalIdentifier, log.count + 1));
    case DESTINATION.FILE:
      // The beginning of a file is behind the filemark before it.
      return locate(unit, to, 3, (log) => {
        if (logicalIdentifier === 0) return 0;
        const filemark = log.filemark(logicalIdentifier - 1);
        return filemark === undefined ? log.count + 1 : filemark + 1;
      });
    case DESTINATION.END_OF_DATA:
      return locate(unit, to, 3, (log) => log.count);
    default:
      return invalidFieldInCdb(1, 5);
  }
}

/** `find` gives an object behind the end of data for what is not there. */
function locate(
  unit: TapeUnit,
  partition: number | undefined,
  partitionByte: number,
  find: (log: TapeUnit["log"]) => number,
): Outcome {
  const refusal = unit.notReady();
  if (refusal !== undefined) return refusal;
  const to = partition ?? unit.partition;
  if (to >= (unit.cartridge?.partitions.length ?? 0)) return invalidFieldInCdb(partitionByte);
  unit.moveTo(to, 0);
  const object = find(unit.log);
  unit.moveTo(to, Math.min(object, unit.log.count));
  return object > unit.log.count ? endOfData(unit, undefined) : good;
}
