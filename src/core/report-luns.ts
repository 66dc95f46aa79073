import { packLun, SENSE } from "../protocol/scsi/index.ts";
import { ADDRESS_METHOD } from "./address-method.ts";
import type { Session } from "./session.ts";

/** SPC-5, "REPORT LUNS command": SELECT REPORT values that a target without well-known LUNs has. */
const SELECT_REPORT = { ADDRESSABLE: 0, ALL: 2 } as const;

/** SPC-5: less than 16 bytes are an error, unlike with other commands. */
const ALLOCATION_LENGTH_MIN = 16;

const HEADER_LENGTH = 8;

/** The byte of a REPORT LUNS CDB that is wrong, or undefined. */
export function wrongReportLunsByte(cdb: Uint8Array): number | undefined {
  const selectReport = cdb[2] as number;
  if (selectReport !== SELECT_REPORT.ADDRESSABLE && selectReport !== SELECT_REPORT.ALL) return 2;
  return reportLunsAllocationLength(cdb) < ALLOCATION_LENGTH_MIN ? 6 : undefined;
}

export function reportLunsAllocationLength(cdb: Uint8Array): number {
  return new DataView(cdb.buffer, cdb.byteOffset).getUint32(6);
}

/** The parameter data of REPORT LUNS: every LUN of the session. */
export function reportLuns(session: Session): Uint8Array {
  const luns = [...session.nexuses.keys()].sort((a, b) => a - b);
  const data = new Uint8Array(HEADER_LENGTH + luns.length * 8);
  new DataView(data.buffer).setUint32(0, luns.length * 8);
  const method = ADDRESS_METHOD[session.target.addressMethod];
  for (const [i, lun] of luns.entries()) packLun(lun, method, data, HEADER_LENGTH + i * 8);
  // SPC-5: the initiator knows its LUNs now.
  session.dropUnitAttention(SENSE.REPORTED_LUNS_DATA_HAS_CHANGED);
  return data;
}
