import { packLun, SENSE } from "../protocol/scsi/index.ts";
import { SCST_LUN_ADDR_METHOD_PERIPHERAL } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";

/** SPC-5, "REPORT LUNS command": SELECT REPORT values that one without well-known LUNs has. */
const SELECT_REPORT = { ADDRESSABLE: 0, ALL: 2 } as const;

/** SCST asks for room for the header and one LUN. */
const ALLOCATION_LENGTH_MIN = 16;

const HEADER_LENGTH = 8;

/** Answers REPORT LUNS with the LUNs of the session, or with the sense that says what is wrong. */
export function reportLuns(
  command: Command,
  answer: (data: Uint8Array, allocationLength: number) => void,
  refuse: (byte: number) => void,
): void {
  const { cdb, session } = command;
  const selectReport = cdb[2] as number;
  if (selectReport !== SELECT_REPORT.ADDRESSABLE && selectReport !== SELECT_REPORT.ALL) {
    refuse(2);
    return;
  }
  const allocationLength = new DataView(cdb.buffer).getUint32(6);
  if (allocationLength < ALLOCATION_LENGTH_MIN) {
    refuse(6);
    return;
  }
  const luns = [...session.nexuses.keys()].sort((a, b) => a - b);
  const data = new Uint8Array(HEADER_LENGTH + luns.length * 8);
  new DataView(data.buffer).setUint32(0, luns.length * 8);
  for (const [i, lun] of luns.entries()) {
    packLun(lun, SCST_LUN_ADDR_METHOD_PERIPHERAL, data, HEADER_LENGTH + i * 8);
  }
  // SPC-5: the initiator knows its LUNs now.
  for (const nexus of session.nexuses.values()) {
    nexus.unitAttentions.remove(SENSE.REPORTED_LUNS_DATA_HAS_CHANGED);
  }
  answer(data, allocationLength);
}
