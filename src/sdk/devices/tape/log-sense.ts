import {
  ALL_SUBPAGES,
  LOG_PAGE,
  LogPageHeader,
  LogSelect,
  LogSense,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { encodeParameter, LOG_PAGES } from "./log-pages.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** PC of LOG SENSE: threshold values are not kept. */
const CUMULATIVE_VALUES = 1;
const DEFAULT_CUMULATIVE_VALUES = 3;

export function logSense(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { sp, pc, pageCode, subpageCode, parameterPointer } = LogSense.view(command.cdb);
  if (sp) return invalidFieldInCdb(1, 0);
  if (pageCode === LOG_PAGE.SUPPORTED_LOG_PAGES) return supportedPages(command, subpageCode);
  const page = LOG_PAGES.find((one) => one.code === pageCode && one.subpage === subpageCode);
  if (page === undefined) {
    return LOG_PAGES.some(({ code }) => code === pageCode)
      ? invalidFieldInCdb(3)
      : invalidFieldInCdb(2, 5);
  }
  if (pc !== CUMULATIVE_VALUES && pc !== DEFAULT_CUMULATIVE_VALUES && pc !== 0) {
    return invalidFieldInCdb(2, 7);
  }
  const parameters = page.parameters(unit);
  const wanted = parameters.filter(([code]) => code >= parameterPointer);
  // SPC-5, "LOG SENSE command": a pointer behind the last parameter.
  if (wanted.length === 0 && parameters.length > 0) return invalidFieldInCdb(5);
  return command.reply(encodePage(pageCode, subpageCode, wanted.map(encodeParameter)));
}

/** The list of pages, or with subpage FFh of pages and subpages. */
function supportedPages(command: ScsiCommand, subpageCode: number): Outcome {
  const codes = [LOG_PAGE.SUPPORTED_LOG_PAGES, ...LOG_PAGES.map(({ code }) => code)];
  if (subpageCode === 0) {
    return command.reply(encodePage(0, 0, [Uint8Array.from(new Set(codes))]));
  }
  if (subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
  const pairs = [
    [0, 0],
    [0, ALL_SUBPAGES],
    ...LOG_PAGES.map(({ code, subpage }) => [code, subpage]),
  ].flat();
  return command.reply(encodePage(0, ALL_SUBPAGES, [Uint8Array.from(pairs)]));
}

/** A log page with its head. */
export function encodePage(pageCode: number, subpageCode: number, parts: Uint8Array[]): Uint8Array {
  const data = Buffer.concat([new Uint8Array(LogPageHeader.size), ...parts]);
  LogPageHeader.write(LogPageHeader.view(data), {
    // Nothing is saved.
    ds: true,
    spf: subpageCode !== 0,
    pageCode,
    subpageCode,
    pageLength: data.length - LogPageHeader.size,
  });
  return data;
}

/** LOG SELECT: PCR, or an empty list with cumulative defaults, sets the counters to zero. */
export function logSelect(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { pcr, sp, pc, parameterListLength } = LogSelect.view(command.cdb);
  if (sp) return invalidFieldInCdb(1, 0);
  if (parameterListLength !== 0) return invalidFieldInCdb(7);
  if (!pcr && pc !== CUMULATIVE_VALUES && pc !== DEFAULT_CUMULATIVE_VALUES) return good;
  unit.statistics.reset();
  return good;
}
