import {
  SCST_LUN_ADDR_METHOD_FLAT,
  SCST_LUN_ADDR_METHOD_LUN,
  SCST_LUN_ADDR_METHOD_PERIPHERAL,
} from "../protocol/scst/index.ts";

/** How REPORT LUNS writes LUNs (SAM-6, "Logical unit number format"). */
export type AddressMethod = "peripheral" | "flat" | "lun";

export const ADDRESS_METHOD: Readonly<Record<AddressMethod, number>> = {
  peripheral: SCST_LUN_ADDR_METHOD_PERIPHERAL,
  flat: SCST_LUN_ADDR_METHOD_FLAT,
  lun: SCST_LUN_ADDR_METHOD_LUN,
};
