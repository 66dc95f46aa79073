import { SENSE } from "../protocol/scsi/index.ts";
import { busy, checkCondition, type Outcome, taskSetFull } from "./outcome.ts";

/** What an errno means to an initiator, where it means something of its own. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  ENOSPC: checkCondition(SENSE.SPACE_ALLOCATION_FAILED_WRITE_PROTECT),
  EFBIG: checkCondition(SENSE.SPACE_ALLOCATION_FAILED_WRITE_PROTECT),
  EDQUOT: checkCondition(SENSE.SPACE_ALLOCATION_FAILED_WRITE_PROTECT),
  EROFS: checkCondition(SENSE.WRITE_PROTECTED),
  EPERM: checkCondition(SENSE.WRITE_PROTECTED),
  EACCES: checkCondition(SENSE.WRITE_PROTECTED),
  EIO: checkCondition(SENSE.UNRECOVERED_READ_ERROR),
  ENOMEM: taskSetFull,
  EAGAIN: busy,
  EBUSY: busy,
};

const HARDWARE_ERROR = checkCondition(SENSE.INTERNAL_TARGET_FAILURE);

/** Turns what a handler threw into sense: by its errno, or HARDWARE ERROR. */
export function outcomeOfError(error: unknown): Outcome {
  const code: unknown = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return (typeof code === "string" ? OUTCOMES[code] : undefined) ?? HARDWARE_ERROR;
}
