import { WriteAtomic16 } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit, SupportedCommand } from "./logical-unit.ts";
import { refuseWrite, writeBlocks } from "./read-write.ts";
import { invalidFieldInCdb } from "../refusals.ts";

/**
 * WRITE ATOMIC(16), where the store writes wholly or not at all. The core lets no other command
 * at the blocks meanwhile, so that nobody reads half of it.
 */
export function writeAtomic16(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  const refusal = refuseWrite(unit, command, row);
  if (refusal !== undefined) return refusal;
  const { atomicBoundary, fua } = WriteAtomic16.view(command.cdb);
  // VPD page B0h, MAXIMUM ATOMIC BOUNDARY SIZE is zero: there are no boundaries.
  if (atomicBoundary !== 0) return invalidFieldInCdb(WriteAtomic16.offsetOf("atomicBoundary"));
  const lengthByte = WriteAtomic16.offsetOf("transferLength");
  if (command.dataLength > unit.settings.limits.atomicBytes) return invalidFieldInCdb(lengthByte);
  if (command.dataLength === 0) return good;
  // A part of it would not be atomic.
  if (command.buffer.length < command.dataLength) return invalidFieldInCdb(lengthByte);
  return writeBlocks(unit, command, unit.mustBeDurable(fua));
}
