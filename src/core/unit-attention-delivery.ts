/** Unit attentions that a command brings about in others, and those that did not arrive. */
import { findSense, SENSE, SENSE_KEY, STATUS } from "../protocol/scsi/index.ts";
import { SCST_STRICTLY_SERIALIZED } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";

const MODE_SELECT_6 = 0x15;
const LOG_SELECT = 0x4c;
const MODE_SELECT_10 = 0x55;

/** Which unit attention the success of a command is to other initiators, by opcode. */
const CHANGES = new Map([
  [MODE_SELECT_6, SENSE.MODE_PARAMETERS_CHANGED],
  [MODE_SELECT_10, SENSE.MODE_PARAMETERS_CHANGED],
  [LOG_SELECT, SENSE.LOG_PARAMETERS_CHANGED],
]);

/** Tells the other I_T nexuses that an executed MODE SELECT or LOG SELECT changed parameters. */
export function tellParametersChanged(command: Command): void {
  if ((command.opFlags & SCST_STRICTLY_SERIALIZED) !== SCST_STRICTLY_SERIALIZED) return;
  const { cdb, nexus, status, bufferLength } = command;
  const condition = CHANGES.get(cdb[0] as number);
  if (condition === undefined || status !== STATUS.GOOD || nexus === undefined) return;
  // SPC-5, "MODE SELECT(6) command": without parameters there is no change. A LOG SELECT without
  // them sets all parameters to defaults.
  if (bufferLength === 0 && condition === SENSE.MODE_PARAMETERS_CHANGED) return;
  for (const other of nexus.device.nexuses) {
    if (other !== nexus) other.establish(condition);
  }
}

/**
 * The response of a command did not arrive: the initiator has not heard of the unit attention in
 * it, which waits again, before all others.
 */
export function requeueUnitAttention({ nexus, status, sense, senseLength }: Command): void {
  if (nexus === undefined || status !== STATUS.CHECK_CONDITION) return;
  const condition = unitAttentionIn(sense.subarray(0, senseLength));
  if (condition === undefined) return;
  if (condition !== SENSE.REPORTED_LUNS_DATA_HAS_CHANGED) {
    nexus.unitAttentions.addFirst(condition);
    return;
  }
  // Whichever logical unit had it, it was the I_T nexus that was told.
  for (const each of nexus.session.nexuses.values()) each.unitAttentions.addFirst(condition);
}

/** SPC-5, "Response codes": what is about the command itself, in either format. */
const FIXED_CURRENT = 0x70;
const DESCRIPTOR_CURRENT = 0x72;

/** A handler's sense data may be anything: what makes no sense is no unit attention. */
export function unitAttentionIn(sense: Uint8Array) {
  const responseCode = (sense[0] ?? 0) & 0x7f;
  if (responseCode !== FIXED_CURRENT && responseCode !== DESCRIPTOR_CURRENT) return undefined;
  const places = responseCode === FIXED_CURRENT ? FIXED_PLACES : DESCRIPTOR_PLACES;
  const [key = 0, asc = 0, ascq = 0] = places.map((at) => sense[at] ?? 0);
  if ((key & 0x0f) !== SENSE_KEY.UNIT_ATTENTION) return undefined;
  return (
    findSense(SENSE_KEY.UNIT_ATTENTION, asc, ascq) ?? {
      name: "UNIT ATTENTION",
      key: SENSE_KEY.UNIT_ATTENTION,
      asc,
      ascq,
    }
  );
}

/** Where the sense key and the additional sense code with its qualifier are. */
const FIXED_PLACES = [2, 12, 13] as const;
const DESCRIPTOR_PLACES = [1, 2, 3] as const;
