import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit, SupportedCommand } from "./logical-unit.ts";
import { invalidFieldInCdb, lbaOutOfRange, writeProtected } from "../refusals.ts";
import { isZero, repeat, settleDurable, trimBlocks, writePattern, zeroBlocks } from "./zeros.ts";

/** Byte 1 of WRITE SAME(16): no Data-Out Buffer, the blocks become zeros. */
const NDOB = 0x01;
/** Byte 1 of WRITE SAME(10) and (16). */
const UNMAP = 0x08;

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
  noData: boolean,
): MaybePromise<Outcome> {
  if (unit.readOnly) return writeProtected;
  const { lba, buffer } = command;
  const { blockSize, settings } = unit;
  const countByte = row.command.cdb.offsetOf("numberOfLogicalBlocks");
  let lengthBytes = command.dataLength;
  if (lengthBytes === 0) {
    // VPD page B0h, WSNZ: zero means "to the end", or is refused.
    if (!settings.writeSameZeroIsToEnd) return invalidFieldInCdb(countByte);
    if (!unit.contains(lba, 0)) return lbaOutOfRange(lba);
    lengthBytes = (unit.blocks - lba) * blockSize;
  }
  if (!unit.contains(lba, lengthBytes)) return lbaOutOfRange(lba);
  if (lengthBytes > settings.limits.writeSameBytes) return invalidFieldInCdb(countByte);
  if (!noData && buffer.length < blockSize) return invalidFieldInCdb(1, 0);
  if (lengthBytes <= 0) return good;
  const unmap = ((command.cdb[1] as number) & UNMAP) !== 0;
  return fill(unit, lba, lengthBytes, noData ? undefined : buffer.subarray(0, blockSize), unmap);
}

/**
 * SBC-4, "WRITE SAME(10) command", UNMAP: blocks are unmapped where they read as the block
 * afterwards, which is where it is all zeros; otherwise they are written.
 */
function fill(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
  block: Uint8Array | undefined,
  unmap: boolean,
): MaybePromise<Outcome> {
  unit.counters.writeCommands++;
  const settle = (outcome: Outcome) => settleDurable(unit, outcome);
  if (block === undefined || isZero(block)) {
    const zeroed = unmap ? trimBlocks(unit, lba, lengthBytes) : zeroBlocks(unit, lba, lengthBytes);
    if (zeroed instanceof Promise) return zeroed.then(settle);
    if (zeroed !== undefined) return settle(zeroed);
  }
  return unit.withScratch((scratch) => {
    const pattern = scratch.subarray(0, Math.min(scratch.length, lengthBytes));
    if (block === undefined) pattern.fill(0);
    else repeat(block, pattern);
    const written = writePattern(unit, lba, lengthBytes, pattern);
    return written instanceof Promise
      ? written.then((outcome) => settle(outcome ?? good))
      : settle(written ?? good);
  });
}
