import type { Command } from "../../../core/command.ts";
import { NbdError } from "../../../protocol/nbd/index.ts";
import { SENSE, SENSE_KEY, STATUS, statusName } from "../../../protocol/scsi/index.ts";

/** The command had no chance: it is given to the device again. */
export const AGAIN = -1;
/** The same, after a while. */
export const AGAIN_LATER = -2;

/** How a SCSI command ended, for its request: an {@link NbdError}, or one of the above. */
export type ScsiOutcome = NbdError | typeof AGAIN | typeof AGAIN_LATER;

/** Of statuses but CHECK CONDITION. */
const OF_STATUS: ReadonlyMap<number, ScsiOutcome> = new Map([
  [STATUS.GOOD, NbdError.none],
  [STATUS.CONDITION_MET, NbdError.none],
  [STATUS.RESERVATION_CONFLICT, NbdError.eperm],
  [STATUS.BUSY, AGAIN_LATER],
  [STATUS.TASK_SET_FULL, AGAIN_LATER],
  [STATUS.ACA_ACTIVE, AGAIN_LATER],
  [STATUS.TASK_ABORTED, AGAIN],
] as const);

/**
 * Of sense keys. NBD has no way to tell a client of a unit attention, and the command that it
 * came with was not executed: that goes again.
 */
const OF_SENSE_KEY: ReadonlyMap<number, ScsiOutcome> = new Map([
  [SENSE_KEY.NO_SENSE, NbdError.none],
  [SENSE_KEY.RECOVERED_ERROR, NbdError.none],
  [SENSE_KEY.ILLEGAL_REQUEST, NbdError.einval],
  [SENSE_KEY.UNIT_ATTENTION, AGAIN],
  [SENSE_KEY.DATA_PROTECT, NbdError.eperm],
  [SENSE_KEY.ABORTED_COMMAND, AGAIN],
  [SENSE_KEY.VOLUME_OVERFLOW, NbdError.enospc],
] as const);

/** Of conditions that say more than their sense key, by ASC × 256 + ASCQ. */
const OF_CONDITION: ReadonlyMap<number, ScsiOutcome> = new Map<number, ScsiOutcome>([
  [codeOf(SENSE.LOGICAL_UNIT_IS_IN_PROCESS_OF_BECOMING_READY), AGAIN_LATER],
  // The LUN has been taken away from this client.
  [codeOf(SENSE.LOGICAL_UNIT_NOT_SUPPORTED), NbdError.eio],
  [codeOf(SENSE.SPACE_ALLOCATION_FAILED_WRITE_PROTECT), NbdError.enospc],
]);

/** SBC-4: beyond the last block. What proto.md asks for depends on who wrote. */
const LBA_OUT_OF_RANGE = codeOf(SENSE.LBA_OUT_OF_RANGE);

/** What a command's status and sense mean for the request that it is part of. */
export function outcomeOf(command: Command, writes: boolean): ScsiOutcome {
  if (command.aborted) return AGAIN;
  const { status } = command;
  if (status !== STATUS.CHECK_CONDITION) return OF_STATUS.get(status) ?? NbdError.eio;
  const { key, code } = senseOf(command);
  if (code === LBA_OUT_OF_RANGE) return writes ? NbdError.enospc : NbdError.einval;
  return OF_CONDITION.get(code) ?? OF_SENSE_KEY.get(key) ?? NbdError.eio;
}

/** The same in words, for the log. */
export function endOf(command: Command): string {
  if (command.aborted) return "aborted";
  if (command.status !== STATUS.CHECK_CONDITION) return statusName(command.status);
  const { key, code } = senseOf(command);
  return `sense key ${key.toString(16)}h, ${code.toString(16).padStart(4, "0")}h`;
}

/** Sense key and additional sense code, in either format (SPC-5, "Sense data"). */
function senseOf({ sense }: Command): { key: number; code: number } {
  const descriptors = ((sense[0] as number) & 0x7f) >= 0x72;
  const key = sense[descriptors ? 1 : 2] as number;
  const asc = sense[descriptors ? 2 : 12] as number;
  const ascq = sense[descriptors ? 3 : 13] as number;
  return { key: key & 0x0f, code: asc * 256 + ascq };
}

function codeOf({ asc, ascq }: { readonly asc: number; readonly ascq: number }): number {
  return asc * 256 + ascq;
}
