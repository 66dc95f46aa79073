import { ALL_SUBPAGES, LOG_PAGE, LogSense, TAPE_LOG_PAGE } from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { encodeParameter } from "../tape/log-pages.ts";
import { encodePage } from "../tape/log-sense.ts";
import type { ChangerUnit } from "./changer-unit.ts";

/** SMC-3, "TapeAlert log page": flags 1 to 32. */
const FLAGS = 32;
/** "Library inventory": the inventory and what is in the library do not agree. */
const LIBRARY_INVENTORY = 24;

/** PC of LOG SENSE: threshold values are not kept. */
const CUMULATIVE_VALUES = 1;

export function logSense(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const { sp, pc, pageCode, subpageCode, parameterPointer } = LogSense.view(command.cdb);
  if (sp) return invalidFieldInCdb(1, 0);
  if (pageCode === LOG_PAGE.SUPPORTED_LOG_PAGES) return supportedPages(command, subpageCode);
  if (pageCode !== TAPE_LOG_PAGE.TAPE_ALERT) return invalidFieldInCdb(2, 5);
  if (subpageCode !== 0) return invalidFieldInCdb(3);
  if (pc !== CUMULATIVE_VALUES && pc !== 0) return invalidFieldInCdb(2, 7);
  if (parameterPointer > FLAGS) return invalidFieldInCdb(5);
  const parameters: Uint8Array[] = [];
  for (let flag = Math.max(1, parameterPointer); flag <= FLAGS; flag++) {
    const set = flag === LIBRARY_INVENTORY && unit.inventoryAlert;
    parameters.push(encodeParameter([flag, Uint8Array.of(set ? 1 : 0)]));
  }
  // A flag is told once (SSC-5, "TapeAlert log page").
  unit.inventoryAlert = false;
  return command.reply(encodePage(pageCode, 0, parameters));
}

function supportedPages(command: ScsiCommand, subpageCode: number): Outcome {
  const codes = [LOG_PAGE.SUPPORTED_LOG_PAGES, TAPE_LOG_PAGE.TAPE_ALERT];
  if (subpageCode === 0) return command.reply(encodePage(0, 0, [Uint8Array.from(codes)]));
  if (subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
  const pairs = [0, 0, 0, ALL_SUBPAGES, TAPE_LOG_PAGE.TAPE_ALERT, 0];
  return command.reply(encodePage(0, ALL_SUBPAGES, [Uint8Array.from(pairs)]));
}
