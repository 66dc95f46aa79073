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
  VERIFY_ERROR_COUNTERS: 0x05,
  LOGICAL_BLOCK_PROVISIONING: 0x0c,
  TEMPERATURE: 0x0d,
  GENERAL_STATISTICS_AND_PERFORMANCE: 0x19,
  INFORMATIONAL_EXCEPTIONS: 0x2f,
} as const;

/** FORMAT AND LINKING: what kind of parameter it is. */
export const LOG_FORMAT = {
  COUNTER: 0,
  ASCII_LIST: 1,
  BOUNDED_COUNTER: 2,
  BINARY_LIST: 3,
} as const;

/** PARAMETER CODE of the error counter log pages (SPC-5, "Error counter log pages"). */
export const ERROR_COUNTER = { TOTAL_BYTES_PROCESSED: 5, TOTAL_UNCORRECTED_ERRORS: 6 } as const;

/** The value of parameters 0000h and 0001h of the Temperature log page. */
export const TemperatureLogValue = wire("temperature log parameter", {
  /** Degrees Celsius; FFh: not known. */
  temperature: byte(1),
});

/** SBC-4, "LBA mapping resource" log parameters: counts of threshold sets. */
export const LbaMappingResourceLogValue = wire(
  "LBA mapping resource log parameter",
  { resourceCount: uint(0, 3), scope: bits(4, 1, 0) },
  8,
);

/** PARAMETER CODE of the Logical Block Provisioning log page. */
export const LBP_LOG = { AVAILABLE: 1, USED: 2 } as const;

/** SPC-5, "General Access Statistics and Performance log parameter". */
export const StatisticsLogValue = wire(
  "general access statistics and performance log parameter",
  {
    numberOfReadCommands: uint(0, 7),
    numberOfWriteCommands: uint(8, 15),
    numberOfLogicalBlocksReceived: uint(16, 23),
    numberOfLogicalBlocksTransmitted: uint(24, 31),
    readCommandProcessingIntervals: uint(32, 39),
    writeCommandProcessingIntervals: uint(40, 47),
    weightedNumberOfReadCommandsPlusWriteCommands: uint(48, 55),
    weightedReadCommandProcessingPlusWriteCommandProcessing: uint(56, 63),
  },
  64,
);

/** SPC-5, "Idle Time log parameter". */
export const IdleTimeLogValue = wire(
  "idle time log parameter",
  { idleTimeIntervals: uint(0, 7) },
  8,
);

/** SPC-5, "Time Interval log parameter": how long an interval is, INTEGER * 10^-EXPONENT s. */
export const TimeIntervalLogValue = wire(
  "time interval log parameter",
  { exponent: uint(0, 3), integer: uint(4, 7) },
  8,
);

/** SPC-5, "Informational Exceptions General log parameter". */
export const InformationalExceptionsLogValue = wire(
  "informational exceptions general log parameter",
  {
    additionalSenseCode: byte(0),
    additionalSenseCodeQualifier: byte(1),
    /** Degrees Celsius; FFh: not known. */
    mostRecentTemperatureReading: byte(2),
  },
  4,
);
