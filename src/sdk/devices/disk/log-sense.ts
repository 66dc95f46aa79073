import {
  ALL_SUBPAGES,
  LOG_PAGE,
  LogPageHeader,
  LogSelect,
  LogSense,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import { resetCounters } from "./counters.ts";
import { encodeParameter, logPages, type LogParameter } from "./log-pages.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb } from "../refusals.ts";

/** LOG SENSE. Thresholds and defaults are told as the cumulative values are. */
export function logSense(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { sp, pageCode, subpageCode, parameterPointer } = LogSense.view(command.cdb);
  // Nothing can be saved.
  if (sp) return invalidFieldInCdb(1, 0);
  if (pageCode === LOG_PAGE.SUPPORTED_LOG_PAGES) {
    if (subpageCode !== 0 && subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
    return command.reply(supportedPages(unit, subpageCode === ALL_SUBPAGES));
  }
  const page = logPages(unit).find(({ code }) => code === pageCode);
  if (page === undefined) return invalidFieldInCdb(2, 5);
  // A page FFh of subpages lists them: there are none but the page itself.
  if (subpageCode === ALL_SUBPAGES) {
    return command.reply(encodePage(pageCode, ALL_SUBPAGES, Uint8Array.of(pageCode, 0)));
  }
  if (subpageCode !== 0) return invalidFieldInCdb(3);
  const answer = (parameters: readonly LogParameter[]): Outcome => {
    const last = parameters.at(-1)?.code ?? 0;
    // SPC-5, "LOG SENSE command", PARAMETER POINTER: beyond the last one is an error.
    if (parameterPointer > last) return invalidFieldInCdb(5);
    const wanted = parameters.filter(({ code }) => code >= parameterPointer);
    return command.reply(encodePage(pageCode, 0, Buffer.concat(wanted.map(encodeParameter))));
  };
  const parameters = page.parameters(unit);
  return parameters instanceof Promise ? parameters.then(answer) : answer(parameters);
}

/** LOG SELECT: with PCR the counters become zero. No parameter can be set. */
export function logSelect(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const { pcr, sp, parameterListLength } = LogSelect.view(command.cdb);
  if (sp) return invalidFieldInCdb(1, 0);
  if (parameterListLength > 0) return invalidFieldInCdb(7);
  if (pcr) resetCounters(unit.counters);
  return good;
}

function supportedPages(unit: LogicalUnit, withSubpages: boolean): Uint8Array {
  const codes = [LOG_PAGE.SUPPORTED_LOG_PAGES, ...logPages(unit).map(({ code }) => code)];
  if (!withSubpages) return encodePage(LOG_PAGE.SUPPORTED_LOG_PAGES, 0, Uint8Array.from(codes));
  const [first, ...rest] = codes;
  const pairs = [first, 0, first, ALL_SUBPAGES, ...rest.flatMap((code) => [code, 0])];
  return encodePage(LOG_PAGE.SUPPORTED_LOG_PAGES, ALL_SUBPAGES, Uint8Array.from(pairs as number[]));
}

function encodePage(pageCode: number, subpageCode: number, content: Uint8Array): Uint8Array {
  const head = LogPageHeader.encode({
    spf: subpageCode !== 0,
    pageCode,
    subpageCode,
    pageLength: content.length,
  });
  return Buffer.concat([head, content]);
}
