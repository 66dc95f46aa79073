/** Log pages (SPC-5, "Log parameters"). */
import { bits, byte, flag, uint, wire } from "../../layout/index.ts";

/** The head of a log page; log parameters follow. */
export const LogPageHeader = wire("log page", {
  ds: flag(0, 7),
  spf: flag(0, 6),
  pageCode: bits(0, 5, 0),
  subpageCode: byte(1),
  pageLength: uint(2, 3),
});

/** The head of a log parameter; its value follows. */
export const LogParameterHeader = wire("log parameter", {
  parameterCode: uint(0, 1),
  du: flag(2, 7),
  tsd: flag(2, 5),
  formatAndLinking: bits(2, 1, 0),
  parameterLength: byte(3),
});

/** PAGE CODE of log pages. */
export const LOG_PAGE = {
  SUPPORTED_LOG_PAGES: 0x00,
  WRITE_ERROR_COUNTERS: 0x02,
  READ_ERROR_COUNTERS: 0x03,
  LOGICAL_BLOCK_PROVISIONING: 0x0c,
  TEMPERATURE: 0x0d,
  INFORMATIONAL_EXCEPTIONS: 0x2f,
} as const;
