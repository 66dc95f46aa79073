import { UsageError } from "../errors.ts";
import {
  SCST_LUN_ADDR_METHOD_EXTENDED_LUN,
  SCST_LUN_ADDR_METHOD_FLAT,
  SCST_LUN_ADDR_METHOD_PERIPHERAL,
  SCST_MAX_LUN,
} from "../scst/constants.ts";

/** A LUN on the wire has eight bytes (SAM-5, "LUN representation format"). */
export const LUN_LENGTH = 8;

/** Above it, peripheral device addressing would speak of another bus. */
const PERIPHERAL_LUN_MAX = 255;

/**
 * The number of an eight-byte LUN with one level, by peripheral device, flat space or logical unit
 * addressing; -1 for a LUN with more levels or with extended addressing, which nobody has here.
 */
export function unpackLun(bytes: Uint8Array, offset = 0): number {
  for (let i = offset + 2; i < offset + LUN_LENGTH; i++) if (bytes[i] !== 0) return -1;
  const first = bytes[offset] as number;
  if (first >> 6 === SCST_LUN_ADDR_METHOD_EXTENDED_LUN) return -1;
  return ((first & 0x3f) << 8) | (bytes[offset + 1] as number);
}

/**
 * Writes a LUN as eight bytes. LUN 0 is all zeros by every method (initiators look for it
 * there), and a LUN above 255 cannot be a peripheral device address and is written flat.
 *
 * @param method SCST_LUN_ADDR_METHOD_PERIPHERAL, _FLAT or _LUN
 */
export function packLun(lun: number, method: number, into: Uint8Array, offset = 0): void {
  if (!Number.isInteger(lun) || lun < 0 || lun > SCST_MAX_LUN) {
    throw new UsageError("LUN", `LUN ${lun}: 0 to ${SCST_MAX_LUN} can be addressed`);
  }
  if (method < SCST_LUN_ADDR_METHOD_PERIPHERAL || method >= SCST_LUN_ADDR_METHOD_EXTENDED_LUN) {
    throw new UsageError("LUN", `LUN addressing method ${method}: 0, 1 and 2 are known`);
  }
  into.fill(0, offset, offset + LUN_LENGTH);
  if (lun === 0) return;
  const flat = method === SCST_LUN_ADDR_METHOD_PERIPHERAL && lun > PERIPHERAL_LUN_MAX;
  into[offset] = ((flat ? SCST_LUN_ADDR_METHOD_FLAT : method) << 6) | (lun >> 8);
  into[offset + 1] = lun & 0xff;
}
