/** How a segment fails, and what the initiator hears of it. */
import {
  encodeFixedSense,
  FixedSenseData,
  SENSE,
  type SenseCondition,
  STATUS,
} from "../../protocol/scsi/index.ts";
import { SCST_WRITE_EXCL_ALLOWED, SCST_WRITE_MEDIUM } from "../../protocol/scst/index.ts";
import { mediumRefusedIn } from "../alua/access-state.ts";
import type { Command } from "../command.ts";
import type { Nexus } from "../nexus.ts";

export type Side = "source" | "destination";

export interface Failure {
  readonly condition: SenseCondition;
  /** What the source or the destination said, where it was a command that failed. */
  readonly cause?: { readonly side: Side; readonly status: number; readonly sense: Uint8Array };
}

/** A READ(16) or WRITE(16) ended otherwise than with GOOD. */
export function commandFailure(side: Side, command: Command): Failure {
  return statusFailure(side, command.status, command.sense.slice(0, command.senseLength));
}

function statusFailure(side: Side, status: number, sense: Uint8Array): Failure {
  // As SCST says it: with sense data of the device's, those tell what it was.
  const condition =
    status === STATUS.CHECK_CONDITION ? SENSE.COPY_ABORTED : SENSE.THIRD_PARTY_DEVICE_FAILURE;
  return { condition, cause: { side, status, sense } };
}

/** As the device itself would have said it. */
export function senseFailure(side: Side, condition: SenseCondition): Failure {
  return statusFailure(side, STATUS.CHECK_CONDITION, encodeFixedSense(condition));
}

/** What keeps the initiator itself from reading the source or writing to the destination. */
export function accessFailure(side: Side, nexus: Nexus): Failure | undefined {
  const { session, device, lun, targetGroup } = nexus;
  if (session.nexusOf(lun) !== nexus) return { condition: SENSE.COPY_TARGET_DEVICE_NOT_REACHABLE };
  const refused = targetGroup === undefined ? undefined : mediumRefusedIn(targetGroup.state);
  if (refused !== undefined) return senseFailure(side, refused);
  const opFlags = side === "source" ? SCST_WRITE_EXCL_ALLOWED : SCST_WRITE_MEDIUM;
  if (device.reservations.active && device.reservations.check(nexus, opFlags)) {
    return statusFailure(side, STATUS.RESERVATION_CONFLICT, new Uint8Array(0));
  }
  if (side === "destination" && (nexus.readOnly || device.writeProtected)) {
    return senseFailure(side, SENSE.DATA_PROTECT);
  }
  return undefined;
}

/**
 * SPC-4, "Errors detected during processing of segment descriptors": COMMAND-SPECIFIC INFORMATION
 * has the segment's number in its third and fourth bytes, and in the first or the second where
 * the status and the sense data of the source or of the destination begin.
 */
export function setFailure(command: Command, segment: number, failure: Failure): void {
  const { condition, cause } = failure;
  if (command.nexus?.device.descriptorSense === true) {
    command.setSense(condition, { commandSpecific: segment * 2 ** 32 });
    return;
  }
  if (cause === undefined) {
    command.setSense(condition, { commandSpecific: segment });
    return;
  }
  const area = FixedSenseData.size;
  const place = area * (cause.side === "source" ? 2 ** 24 : 2 ** 16);
  const head = encodeFixedSense(condition, { commandSpecific: place + segment });
  const sense = new Uint8Array(area + 1 + cause.sense.length);
  sense.set(head);
  sense[area] = cause.status;
  sense.set(cause.sense, area + 1);
  // ADDITIONAL SENSE LENGTH has one byte, and the core keeps no more than the command takes.
  const length = Math.min(sense.length, command.sense.length);
  FixedSenseData.view(sense).additionalSenseLength = length - 8;
  command.setSenseBytes(sense, length);
}
