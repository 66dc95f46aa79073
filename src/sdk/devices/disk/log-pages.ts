import {
  ERROR_COUNTER,
  IdleTimeLogValue,
  InformationalExceptionsLogValue,
  LBP_LOG,
  LbaMappingResourceLogValue,
  LOG_FORMAT,
  LOG_PAGE,
  LogParameterHeader,
  StatisticsLogValue,
  TemperatureLogValue,
  TimeIntervalLogValue,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise } from "../../handler.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { usedThresholdSets } from "./provisioning.ts";

export interface LogParameter {
  readonly code: number;
  readonly format: number;
  readonly value: Uint8Array;
}

export interface LogPage {
  readonly code: number;
  /** Its parameters, ascending. */
  parameters(unit: LogicalUnit): MaybePromise<readonly LogParameter[]>;
}

/** TEMPERATURE: not known. */
const NO_TEMPERATURE = 0xff;

const PAGES: readonly LogPage[] = [
  errorCounters(LOG_PAGE.WRITE_ERROR_COUNTERS, "writtenBlocks", "writeErrors"),
  errorCounters(LOG_PAGE.READ_ERROR_COUNTERS, "readBlocks", "readErrors"),
  errorCounters(LOG_PAGE.VERIFY_ERROR_COUNTERS, "verifiedBlocks", "verifyErrors"),
  {
    code: LOG_PAGE.TEMPERATURE,
    // Temperature, and the reference temperature: there is no sensor.
    parameters: () => [0, 1].map((code) => list(code, noTemperature)),
  },
  {
    code: LOG_PAGE.GENERAL_STATISTICS_AND_PERFORMANCE,
    parameters: ({ counters }) => [
      list(
        1,
        StatisticsLogValue.encode({
          numberOfReadCommands: counters.readCommands,
          numberOfWriteCommands: counters.writeCommands,
          numberOfLogicalBlocksReceived: counters.writtenBlocks,
          numberOfLogicalBlocksTransmitted: counters.readBlocks,
        }),
      ),
      // Tools decode the page with these only. No time is measured: an interval is 0 seconds.
      list(2, IdleTimeLogValue.encode({})),
      list(3, TimeIntervalLogValue.encode({})),
    ],
  },
  {
    code: LOG_PAGE.INFORMATIONAL_EXCEPTIONS,
    // No exception is predicted: ASC and ASCQ are zero.
    parameters: () => [
      list(
        0,
        InformationalExceptionsLogValue.encode({ mostRecentTemperatureReading: NO_TEMPERATURE }),
      ),
    ],
  },
];

const logicalBlockProvisioning: LogPage = {
  code: LOG_PAGE.LOGICAL_BLOCK_PROVISIONING,
  async parameters(unit) {
    const used = await usedThresholdSets(unit);
    if (used === undefined) return [];
    return [
      list(LBP_LOG.USED, LbaMappingResourceLogValue.encode({ resourceCount: used, scope: 1 })),
    ];
  },
};

/** Ascending. The list of pages itself, page 00h, is not among them. */
export function logPages({ settings }: LogicalUnit): readonly LogPage[] {
  if (!settings.thinProvisioned) return PAGES;
  return [...PAGES, logicalBlockProvisioning].sort((a, b) => a.code - b.code);
}

export function encodeParameter({ code, format, value }: LogParameter): Uint8Array {
  const head = LogParameterHeader.encode({
    parameterCode: code,
    formatAndLinking: format,
    parameterLength: value.length,
  });
  return Buffer.concat([head, value]);
}

const noTemperature = TemperatureLogValue.encode({ temperature: NO_TEMPERATURE });

function list(code: number, value: Uint8Array): LogParameter {
  return { code, format: LOG_FORMAT.BINARY_LIST, value };
}

type CounterName = keyof LogicalUnit["counters"];

/** The counts of corrected errors are not known, and left out. */
function errorCounters(code: number, blocks: CounterName, errors: CounterName): LogPage {
  return {
    code,
    parameters: ({ counters, blockSize }) => [
      counter(ERROR_COUNTER.TOTAL_BYTES_PROCESSED, counters[blocks] * blockSize),
      counter(ERROR_COUNTER.TOTAL_UNCORRECTED_ERRORS, counters[errors]),
    ],
  };
}

function counter(code: number, count: number): LogParameter {
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, BigInt(Math.floor(count)));
  return { code, format: LOG_FORMAT.BOUNDED_COUNTER, value };
}
