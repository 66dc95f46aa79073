import { encodeDescriptorSense, encodeFixedSense } from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";

/**
 * REQUEST SENSE: unit attentions are the core's, and sense goes with its status, so that what is
 * left is the state of the unit: its power condition, what goes on, why it is not ready.
 */
export function requestSense({ readiness }: LogicalUnit, command: ScsiCommand): Outcome {
  const { condition, progress } = readiness.sense();
  const descriptor = ((command.cdb[1] as number) & 0x01) !== 0;
  const encode = descriptor ? encodeDescriptorSense : encodeFixedSense;
  return command.reply(encode(condition, { progress }));
}
