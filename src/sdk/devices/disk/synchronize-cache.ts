import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import { SynchronizeCache10, SynchronizeCache16 } from "../../../protocol/scsi/index.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { lbaOutOfRange, writeFailed } from "../refusals.ts";

export function synchronizeCache10(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const cdb = SynchronizeCache10.view(command.cdb);
  return synchronize(unit, command, cdb.numberOfLogicalBlocks, cdb.immed);
}

export function synchronizeCache16(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const cdb = SynchronizeCache16.view(command.cdb);
  return synchronize(unit, command, cdb.numberOfLogicalBlocks, cdb.immed);
}

/** Zero blocks mean all from the LBA to the end; a store flushes everything in any case. */
function synchronize(
  unit: LogicalUnit,
  command: ScsiCommand,
  blocks: number,
  immediate: boolean,
): MaybePromise<Outcome> {
  if (!unit.contains(command.lba, blocks * unit.blockSize)) return lbaOutOfRange(command.lba);
  return flush(unit, command, immediate);
}

/** Flushes the whole medium, and answers before with `immediate`. */
export function flush(
  unit: LogicalUnit,
  command: ScsiCommand,
  immediate: boolean,
): MaybePromise<Outcome> {
  try {
    const done = unit.flush();
    if (done === undefined) return good;
    // SBC-4, "SYNCHRONIZE CACHE(10) command", IMMED: status as soon as the CDB is validated.
    // The store remembers a failure and tells it to the next flush.
    if (immediate) command.answerInBackground();
    return done.then(
      () => good,
      (error) => writeFailed(error),
    );
  } catch (error) {
    return writeFailed(error);
  }
}
