import {
  ReadDefectData10,
  ReadDefectData10Header,
  ReadDefectData12,
  ReadDefectData12Header,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";

/** READ DEFECT DATA(10): both lists are there, and empty. */
export function readDefectData10(_unit: LogicalUnit, command: ScsiCommand): Outcome {
  const { reqPlist, reqGlist, defectListFormat } = ReadDefectData10.view(command.cdb);
  const head = { plistv: reqPlist, glistv: reqGlist, defectListFormat };
  return command.reply(ReadDefectData10Header.encode(head));
}

export function readDefectData12(_unit: LogicalUnit, command: ScsiCommand): Outcome {
  const { reqPlist, reqGlist, defectListFormat } = ReadDefectData12.view(command.cdb);
  const head = { plistv: reqPlist, glistv: reqGlist, defectListFormat };
  return command.reply(ReadDefectData12Header.encode(head));
}
