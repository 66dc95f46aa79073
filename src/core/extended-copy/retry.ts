/** A READ or WRITE of a copy that a device does not take now is tried again. */
import { STATUS } from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import { unitAttentionIn } from "../unit-attention-delivery.ts";

/** SCST's numbers: for so long, and at this distance. */
export const RETRIED_FOR_MS = 30_000;
const BETWEEN_MS = 1000;

const BUSY_STATUSES: ReadonlySet<number> = new Set([
  STATUS.BUSY,
  STATUS.TASK_SET_FULL,
  STATUS.ACA_ACTIVE,
]);

/**
 * In how many milliseconds to try again; undefined: the failure is one. A unit attention is over
 * at once, unless the device has another one each time.
 */
export function retryDelayOf(command: Command, isRetried: boolean): number | undefined {
  const { status, sense, senseLength, aborted } = command;
  if (aborted) return undefined;
  if (BUSY_STATUSES.has(status)) return BETWEEN_MS;
  if (status !== STATUS.CHECK_CONDITION) return undefined;
  if (unitAttentionIn(sense.subarray(0, senseLength)) === undefined) return undefined;
  return isRetried ? BETWEEN_MS : 0;
}
