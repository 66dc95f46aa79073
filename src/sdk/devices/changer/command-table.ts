import { UsageError } from "../../../protocol/errors.ts";
import {
  commandsOf,
  DEVICE_TYPE,
  encodeDescriptorSense,
  encodeFixedSense,
  SENSE,
} from "../../../protocol/scsi/index.ts";
import { good, type Outcome } from "../../outcome.ts";
import { cdbRule } from "../cdb-rule.ts";
import { CommandLookup } from "../command-lookup.ts";
import { invalidFieldInCdb, invalidOpcode } from "../refusals.ts";
import { coreCommandsOf, reportSupportedOperationCodes } from "../supported-commands.ts";
import type { Run, SupportedCommand } from "./changer-unit.ts";
import { readElementStatus, requestVolumeElementAddress } from "./element-status.ts";
import { inquiry } from "./inquiry.ts";
import { logSense } from "./log-sense.ts";
import { modeSelect10, modeSelect6, modeSense10, modeSense6 } from "./mode-pages.ts";
import {
  exchangeMedium,
  initializeElementStatusWithRange,
  moveMedium,
  openCloseImportExportElement,
  positionToElement,
} from "./move.ts";
import { sendVolumeTag } from "./volume-tag.ts";

const nothing: Run = () => good;

/** What waits for this nexus is told here instead of with a command. */
const requestSense: Run = (unit, command) => {
  const encode =
    ((command.cdb[1] as number) & 0x01) === 0 ? encodeFixedSense : encodeDescriptorSense;
  const waiting = unit.attentions.take(command.session);
  return command.reply(encode(waiting ?? SENSE.NO_ADDITIONAL_SENSE_INFORMATION));
};

/** SEND DIAGNOSTIC: the default self-test passes; there is no page to send. */
const sendDiagnostic: Run = (_unit, { cdb }) => {
  return cdb[3] === 0 && cdb[4] === 0 ? good : invalidFieldInCdb(3);
};

/** As long as any nexus prevents it, operators do not get at the import/export elements. */
const preventAllow: Run = ({ library }, { cdb, session }) => {
  const prevent = (cdb[4] as number) & 0x03;
  if (prevent > 1) return invalidFieldInCdb(4, 1);
  if (prevent === 1) library.preventing.add(session);
  else library.preventing.delete(session);
  return good;
};

/** What the changer does, by the commands' names in the standards. */
const RUNS: Readonly<Record<string, Run>> = {
  "TEST UNIT READY": nothing,
  "REQUEST SENSE": requestSense,
  // The inventory is never out of date.
  "INITIALIZE ELEMENT STATUS": nothing,
  INQUIRY: inquiry,
  "MODE SELECT(6)": modeSelect6,
  "RESERVE(6)": nothing,
  "RELEASE(6)": nothing,
  "MODE SENSE(6)": modeSense6,
  "OPEN/CLOSE IMPORT/EXPORT ELEMENT": openCloseImportExportElement,
  "SEND DIAGNOSTIC": sendDiagnostic,
  "PREVENT ALLOW MEDIUM REMOVAL": preventAllow,
  "POSITION TO ELEMENT": positionToElement,
  "INITIALIZE ELEMENT STATUS WITH RANGE": initializeElementStatusWithRange,
  "LOG SENSE": logSense,
  "MODE SELECT(10)": modeSelect10,
  "RESERVE(10)": nothing,
  "RELEASE(10)": nothing,
  "MODE SENSE(10)": modeSense10,
  "REPORT SUPPORTED OPERATION CODES": (unit, command) =>
    reportSupportedOperationCodes(command, unit.supportedCommands),
  "MOVE MEDIUM": moveMedium,
  "EXCHANGE MEDIUM": exchangeMedium,
  "REQUEST VOLUME ELEMENT ADDRESS": requestVolumeElementAddress,
  "SEND VOLUME TAG": sendVolumeTag,
  "READ ELEMENT STATUS": readElementStatus,
};

/** What the core carries out itself: REPORT SUPPORTED OPERATION CODES lists it too. */
const RUN_BY_THE_CORE = coreCommandsOf(DEVICE_TYPE.CHANGER).map(({ name }) => name);

/** Answered whatever waits for the nexus (SAM-6, "Unit attention conditions"). */
const ALWAYS: readonly string[] = ["INQUIRY", "REQUEST SENSE"];

/** The picker turns nothing over. */
const REFUSED: readonly string[] = ["invert", "inv1", "inv2"];

/** All that an initiator can send to a changer, by opcode and service action. */
export const SUPPORTED_COMMANDS: readonly SupportedCommand[] = commandsOf(
  DEVICE_TYPE.CHANGER,
).flatMap((command) => {
  const { name } = command;
  const run = RUNS[name] ?? (RUN_BY_THE_CORE.includes(name) ? () => invalidOpcode : undefined);
  if (run === undefined) return [];
  return [{ command, rule: cdbRule(command, REFUSED), run, always: ALWAYS.includes(name) }];
});

const lookup = new CommandLookup(SUPPORTED_COMMANDS);

/** The row for a CDB, or the refusal. */
export function findSupported(cdb: Uint8Array): SupportedCommand | Outcome {
  return lookup.find(cdb);
}

// A name that no command has would be an opcode that silently is not there.
for (const name of [...Object.keys(RUNS), ...RUN_BY_THE_CORE]) {
  if (!SUPPORTED_COMMANDS.some(({ command }) => command.name === name)) {
    throw new UsageError("CHANGER_COMMANDS", `there is no command ${name} among those of changers`);
  }
}
