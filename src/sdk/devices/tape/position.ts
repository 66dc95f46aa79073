import {
  BlockLimitsData,
  ExtendedPositionData,
  LongPositionData,
  MaximumLogicalObjectIdentifierData,
  READ_POSITION,
  ReadBlockLimits,
  ReadPosition,
  ShortPositionData,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import type { TapeUnit } from "./tape-unit.ts";

const SHORT_MAX = 0xffff_ffff;

export function readPosition(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { serviceAction, allocationLength } = ReadPosition.view(command.cdb);
  const form = FORMS[serviceAction];
  if (form === undefined) return invalidFieldInCdb(1, 4);
  // SSC-5, "READ POSITION command": the length is for the extended form only.
  if (serviceAction !== READ_POSITION.EXTENDED && allocationLength !== 0) {
    return invalidFieldInCdb(7);
  }
  return unit.notReady() ?? command.reply(form(unit));
}

const FORMS: Readonly<Record<number, (unit: TapeUnit) => Uint8Array>> = {
  [READ_POSITION.SHORT_BLOCK_ID]: shortForm,
  [READ_POSITION.SHORT_VENDOR_SPECIFIC]: shortForm,
  [READ_POSITION.LONG]: longForm,
  [READ_POSITION.EXTENDED]: extendedForm,
};

/** Nothing is reported as buffered: first and last location are the same. */
function shortForm(unit: TapeUnit): Uint8Array {
  const { partition, object } = unit;
  const unknown = object > SHORT_MAX;
  return ShortPositionData.encode({
    ...zones(unit),
    lolu: unknown,
    partitionNumber: partition,
    firstLogicalObjectLocation: unknown ? 0 : object,
    lastLogicalObjectLocation: unknown ? 0 : object,
  });
}

function longForm(unit: TapeUnit): Uint8Array {
  const { partition, object, log } = unit;
  return LongPositionData.encode({
    ...zones(unit),
    partitionNumber: partition,
    logicalObjectNumber: object,
    logicalFileIdentifier: log.filemarksBefore(object),
  });
}

function extendedForm(unit: TapeUnit): Uint8Array {
  const { partition, object } = unit;
  return ExtendedPositionData.encode({
    ...zones(unit),
    partitionNumber: partition,
    additionalLength: ExtendedPositionData.size - 4,
    firstLogicalObjectLocation: object,
    lastLogicalObjectLocation: object,
  });
}

function zones(unit: TapeUnit) {
  return {
    bop: unit.object === 0,
    eop: unit.atEarlyWarning,
    bpew: unit.atProgrammableEarlyWarning,
  };
}

export function readBlockLimits(unit: TapeUnit, command: ScsiCommand): Outcome {
  if (ReadBlockLimits.view(command.cdb).mloi) {
    return command.reply(
      MaximumLogicalObjectIdentifierData.encode({
        maximumLogicalObjectIdentifier: Number.MAX_SAFE_INTEGER,
      }),
    );
  }
  return command.reply(
    BlockLimitsData.encode({
      maximumBlockLengthLimit: unit.personality.blockLengthMax,
      minimumBlockLengthLimit: 1,
    }),
  );
}
