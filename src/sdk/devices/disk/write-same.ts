import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import { inChunks } from "./chunks.ts";
import { type LogicalUnit, type SupportedCommand, WRITE_SAME_BYTES_MAX } from "./logical-unit.ts";
import { invalidFieldInCdb, lbaOutOfRange, writeFailed, writeProtected } from "./refusals.ts";

/** Byte 1 of WRITE SAME(16): no Data-Out Buffer, the blocks become zeros. */
const NDOB = 0x01;

export function writeSame10(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  return writeSame(unit, command, row, false);
}

export function writeSame16(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  return writeSame(unit, command, row, ((command.cdb[1] as number) & NDOB) !== 0);
}

function writeSame(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
  zeros: boolean,
): MaybePromise<Outcome> {
  if (unit.readOnly) return writeProtected;
  const { lba, dataLength: lengthBytes, buffer } = command;
  const countByte = row.command.cdb.offsetOf("numberOfLogicalBlocks");
  // VPD page B0h, WSNZ: zero does not mean "to the end", it is refused.
  if (lengthBytes === 0) return invalidFieldInCdb(countByte);
  if (!unit.contains(lba, lengthBytes)) return lbaOutOfRange(lba);
  if (lengthBytes > WRITE_SAME_BYTES_MAX) return invalidFieldInCdb(countByte);
  if (!zeros && buffer.length < unit.blockSize) return invalidFieldInCdb(1, 0);
  return unit.withScratch((scratch) => {
    const pattern = scratch.subarray(0, Math.min(scratch.length, lengthBytes));
    if (zeros) pattern.fill(0);
    else repeat(buffer.subarray(0, unit.blockSize), pattern);
    return writePattern(unit, lba, lengthBytes, pattern);
  });
}

function writePattern(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
  pattern: Uint8Array,
): MaybePromise<Outcome> {
  const failed = (error: unknown) => writeFailed(error, lba);
  const ended = inChunks(lengthBytes, pattern.length, (at, length) => {
    try {
      // What must be durable is made so once, at the end.
      const data = pattern.subarray(0, length);
      const done = unit.store.write(data, lba * unit.blockSize + at, false);
      return done === undefined ? undefined : done.then(() => undefined, failed);
    } catch (error) {
      return failed(error);
    }
  });
  const finish = (outcome: Outcome | undefined): MaybePromise<Outcome> => {
    if (outcome !== undefined) return outcome;
    if (!unit.mustBeDurable(false)) return good;
    try {
      const done = unit.flush();
      return done === undefined ? good : done.then(() => good, failed);
    } catch (error) {
      return failed(error);
    }
  };
  return ended instanceof Promise ? ended.then(finish) : finish(ended);
}

/** Fills `into`, whose length is a multiple of the block's, by doubling. */
function repeat(block: Uint8Array, into: Uint8Array): void {
  into.set(block);
  for (let done = block.length; done < into.length; done *= 2) into.copyWithin(done, 0, done);
}
