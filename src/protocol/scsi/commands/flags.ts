import {
  SCST_EXCL_ACCESS_ALLOWED,
  SCST_REG_RESERVE_ALLOWED,
  SCST_WRITE_EXCL_ALLOWED,
} from "../../scst/constants.ts";

/** Allowed to every I_T nexus under every reservation (SPC-5, "Persistent reservations model"). */
export const ALWAYS_ALLOWED =
  SCST_REG_RESERVE_ALLOWED | SCST_WRITE_EXCL_ALLOWED | SCST_EXCL_ACCESS_ALLOWED;
