import {
  READ_CAPACITY_10_LBA_MAX,
  ReadCapacity10Data,
  ReadCapacity16Data,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";

export function readCapacity10(unit: LogicalUnit, command: ScsiCommand): Outcome {
  return command.reply(
    ReadCapacity10Data.encode({
      returnedLogicalBlockAddress: Math.min(unit.blocks - 1, READ_CAPACITY_10_LBA_MAX),
      logicalBlockLength: unit.blockSize,
    }),
  );
}

export function readCapacity16(unit: LogicalUnit, command: ScsiCommand): Outcome {
  return command.reply(
    ReadCapacity16Data.encode({
      returnedLogicalBlockAddress: unit.blocks - 1,
      logicalBlockLength: unit.blockSize,
      logicalBlocksPerPhysicalBlockExponent: Math.log2(
        unit.settings.physicalBlockSize / unit.blockSize,
      ),
      // A thin disk's unmapped blocks read as zeros, as its store promises.
      lbpme: unit.settings.thinProvisioned,
      lbprz: unit.settings.thinProvisioned,
    }),
  );
}
