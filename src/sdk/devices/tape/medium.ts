import {
  AllowOverwrite,
  Erase16,
  Erase6,
  FormatMedium,
  SENSE,
  SetCapacity,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { Cartridge } from "../../storage/cartridge/cartridge.ts";
import { invalidFieldInCdb, writeFailed } from "../refusals.ts";
import { partitionSizes } from "./partitioning.ts";
import type { TapeUnit } from "./tape-unit.ts";
import { refuseWrite } from "./write.ts";

export function erase6(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { smd, immed } = Erase6.view(command.cdb);
  return smd ? invalidFieldInCdb(1, 2) : erase(unit, command, immed);
}

export function erase16(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { fcs, lcs, smd, immed } = Erase16.view(command.cdb);
  if (fcs || lcs) return invalidFieldInCdb(1, fcs ? 3 : 2);
  return smd ? invalidFieldInCdb(2, 2) : erase(unit, command, immed);
}

/** LONG or not: what stands behind the position is gone, and its space is given back. */
function erase(unit: TapeUnit, command: ScsiCommand, immed: boolean): MaybePromise<Outcome> {
  const refusal = unit.notReady() ?? refuseWrite(unit);
  if (refusal !== undefined) return refusal;
  if (unit.isWorm && unit.object < unit.log.count) return OVERWRITE;
  if (immed) command.answerInBackground();
  unit.overwriteAllowedAt = undefined;
  return cut(unit);
}

async function cut(unit: TapeUnit): Promise<Outcome> {
  try {
    await unit.log.truncate(unit.object);
    await unit.log.flush(true);
    return good;
  } catch (error) {
    return writeFailed(error);
  }
}

/** FORMAT of FORMAT MEDIUM. */
const FORMAT = { DEFAULT: 0, PARTITION: 1, DEFAULT_THEN_PARTITION: 2 } as const;

export function formatMedium(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { verify, immed, format, transferLength } = FormatMedium.view(command.cdb);
  if (verify) return invalidFieldInCdb(1, 1);
  if (transferLength !== 0) return invalidFieldInCdb(3);
  if (format > FORMAT.DEFAULT_THEN_PARTITION) return invalidFieldInCdb(2, 3);
  const refusal = unit.notReady() ?? refuseFormat(unit);
  if (refusal !== undefined) return refusal;
  // SSC-5, "FORMAT MEDIUM command": only at the beginning of partition 0.
  if (unit.partition !== 0 || unit.object !== 0) return PAST_BEGINNING;
  const capacity = unit.cartridge?.description.capacityBytes ?? 0;
  const request = format === FORMAT.DEFAULT ? undefined : unit.mode.partitioning;
  const sizes = partitionSizes(capacityLeft(unit, capacity), request);
  if (sizes === undefined) return PARAMETERS;
  if (immed) command.answerInBackground();
  return replace(unit, sizes);
}

function refuseFormat(unit: TapeUnit): Outcome | undefined {
  const protection = unit.writeProtection();
  if (protection !== undefined) return checkCondition(protection);
  return unit.isWorm || unit.mode.appendOnly ? CANNOT_FORMAT : undefined;
}

async function replace(
  unit: TapeUnit,
  sizes: readonly number[],
  capacityProportion?: number,
): Promise<Outcome> {
  try {
    await (unit.cartridge as Cartridge).format(sizes, capacityProportion);
  } catch (error) {
    return writeFailed(error);
  }
  unit.moveTo(0, 0);
  unit.mode.partitioning = undefined;
  return good;
}

/** What SET CAPACITY has left of the medium. */
function capacityLeft(unit: TapeUnit, capacity: number): number {
  const proportion = unit.cartridge?.description.capacityProportion ?? 0xffff;
  return Math.floor((capacity * proportion) / 0xffff);
}

export function setCapacity(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { immed, capacityProportionValue: proportion } = SetCapacity.view(command.cdb);
  const refusal = unit.notReady() ?? refuseFormat(unit);
  if (refusal !== undefined) return refusal;
  if (unit.partition !== 0 || unit.object !== 0) return PAST_BEGINNING;
  if (proportion === 0) return invalidFieldInCdb(3);
  const capacity = unit.cartridge?.description.capacityBytes ?? 0;
  if (immed) command.answerInBackground();
  return replace(unit, [Math.floor((capacity * proportion) / 0xffff)], proportion);
}

/** ALLOW OVERWRITE field. */
const ALLOW = { NOT: 0, CURRENT_POSITION: 1, FORMAT: 2 } as const;

/** In append-only mode: a write may begin at the position that the CDB names. */
export function allowOverwrite(unit: TapeUnit, command: ScsiCommand): Outcome {
  const cdb = AllowOverwrite.view(command.cdb);
  const refusal = unit.notReady();
  if (refusal !== undefined) return refusal;
  // SSC-5, "ALLOW OVERWRITE command": outside append-only mode there is nothing to allow.
  if (!unit.mode.appendOnly) return invalidFieldInCdb(0);
  const { partition, object } = unit;
  switch (cdb.allowOverwrite) {
    case ALLOW.NOT:
      unit.overwriteAllowedAt = undefined;
      return good;
    case ALLOW.CURRENT_POSITION:
      if (cdb.partition !== partition || cdb.logicalObjectIdentifier !== object) {
        unit.overwriteAllowedAt = undefined;
        return checkCondition(SENSE.SEQUENTIAL_POSITIONING_ERROR);
      }
      unit.overwriteAllowedAt = { partition, object };
      return good;
    default:
      return invalidFieldInCdb(2, 3);
  }
}

const OVERWRITE = checkCondition(SENSE.WORM_MEDIUM_OVERWRITE_ATTEMPTED);
const PAST_BEGINNING = checkCondition(SENSE.POSITION_PAST_BEGINNING_OF_MEDIUM);
const PARAMETERS = checkCondition(SENSE.PARAMETER_VALUE_INVALID);
const CANNOT_FORMAT = checkCondition(SENSE.CANNOT_FORMAT_MEDIUM_INCOMPATIBLE_MEDIUM);
