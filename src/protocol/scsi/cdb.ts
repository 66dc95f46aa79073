/** The layouts of all CDBs, under their command's name. */
import { bits, flag, wire } from "../layout/index.ts";

export * from "./cdbs/sbc-medium.ts";
export * from "./cdbs/sbc-read-write.ts";
export * from "./cdbs/spc.ts";
export * from "./cdbs/spc-maintenance.ts";
export * from "./cdbs/smc.ts";
export * from "./cdbs/ssc.ts";

/** SAM-5, "CONTROL byte". */
export const Control = wire("CONTROL", {
  vendorSpecific: bits(0, 7, 6),
  /** Normal ACA: a CHECK CONDITION shall establish an ACA condition. */
  naca: flag(0, 2),
  /** Obsolete since SAM-4: linked commands. */
  link: flag(0, 0),
});
