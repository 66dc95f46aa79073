import {
  commandsOf,
  DEVICE_TYPE,
  encodeDescriptorSense,
  encodeFixedSense,
  SENSE,
} from "../../../protocol/scsi/index.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { good, type Outcome } from "../../outcome.ts";
import { cdbRule } from "../cdb-rule.ts";
import { CommandLookup } from "../command-lookup.ts";
import { invalidFieldInCdb, invalidOpcode } from "../refusals.ts";
import { coreCommandsOf, reportSupportedOperationCodes } from "../supported-commands.ts";
import { readAttribute, writeAttribute } from "./attributes.ts";
import { reportDensitySupport } from "./density-support.ts";
import { inquiry } from "./inquiry.ts";
import { loadUnload, preventAllow, testUnitReady } from "./load.ts";
import { logSelect, logSense } from "./log-sense.ts";
import { allowOverwrite, erase16, erase6, formatMedium, setCapacity } from "./medium.ts";
import { modeSelect10, modeSelect6 } from "./mode-select.ts";
import { modeSense10, modeSense6 } from "./mode-sense.ts";
import { readBlockLimits, readPosition } from "./position.ts";
import { read } from "./read.ts";
import { securityProtocolIn, securityProtocolOut } from "./security-protocol.ts";
import { locate10, locate16, rewind, space16, space6 } from "./space.ts";
import type { Run, SupportedCommand } from "./tape-unit.ts";
import { verify } from "./verify.ts";
import { write, writeFilemarks16, writeFilemarks6 } from "./write.ts";

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

/** What the drive does, by the commands' names in the standards. */
const RUNS: Readonly<Record<string, Run>> = {
  "TEST UNIT READY": testUnitReady,
  REWIND: rewind,
  "REQUEST SENSE": requestSense,
  "FORMAT MEDIUM": formatMedium,
  "READ BLOCK LIMITS": readBlockLimits,
  "READ(6)": read,
  "WRITE(6)": write,
  "SET CAPACITY": setCapacity,
  "WRITE FILEMARKS(6)": writeFilemarks6,
  "SPACE(6)": space6,
  INQUIRY: inquiry,
  "VERIFY(6)": verify,
  "MODE SELECT(6)": modeSelect6,
  "RESERVE(6)": nothing,
  "RELEASE(6)": nothing,
  "ERASE(6)": erase6,
  "MODE SENSE(6)": modeSense6,
  "LOAD UNLOAD": loadUnload,
  "SEND DIAGNOSTIC": sendDiagnostic,
  "PREVENT ALLOW MEDIUM REMOVAL": preventAllow,
  "LOCATE(10)": locate10,
  "READ POSITION": readPosition,
  "REPORT DENSITY SUPPORT": reportDensitySupport,
  "LOG SELECT": logSelect,
  "LOG SENSE": logSense,
  "MODE SELECT(10)": modeSelect10,
  "RESERVE(10)": nothing,
  "RELEASE(10)": nothing,
  "MODE SENSE(10)": modeSense10,
  "WRITE FILEMARKS(16)": writeFilemarks16,
  "ALLOW OVERWRITE": allowOverwrite,
  "READ(16)": read,
  "WRITE(16)": write,
  "READ ATTRIBUTE": readAttribute,
  "WRITE ATTRIBUTE": writeAttribute,
  "VERIFY(16)": verify,
  "SPACE(16)": space16,
  "LOCATE(16)": locate16,
  "ERASE(16)": erase16,
  "SECURITY PROTOCOL IN": securityProtocolIn,
  "SECURITY PROTOCOL OUT": securityProtocolOut,
  "REPORT SUPPORTED OPERATION CODES": (unit, command) =>
    reportSupportedOperationCodes(command, unit.supportedCommands),
};

/** What the core carries out itself: REPORT SUPPORTED OPERATION CODES lists it too. */
const RUN_BY_THE_CORE = coreCommandsOf(DEVICE_TYPE.TAPE).map(({ name }) => name);

/** Answered whatever waits for the nexus (SAM-6, "Unit attention conditions"). */
const ALWAYS: readonly string[] = ["INQUIRY", "REQUEST SENSE"];

/** All that an initiator can send to a tape drive, by opcode and service action. */
export const SUPPORTED_COMMANDS: readonly SupportedCommand[] = commandsOf(DEVICE_TYPE.TAPE).flatMap(
  (command) => {
    const { name } = command;
    const run = RUNS[name] ?? (RUN_BY_THE_CORE.includes(name) ? () => invalidOpcode : undefined);
    if (run === undefined) return [];
    return [{ command, rule: cdbRule(command), run, always: ALWAYS.includes(name) }];
  },
);

const lookup = new CommandLookup(SUPPORTED_COMMANDS);

/** The row for a CDB, or the refusal. */
export function findSupported(cdb: Uint8Array): SupportedCommand | Outcome {
  return lookup.find(cdb);
}

// A name that no command has would be an opcode that silently is not there.
for (const name of [...Object.keys(RUNS), ...RUN_BY_THE_CORE]) {
  if (!SUPPORTED_COMMANDS.some(({ command }) => command.name === name)) {
    throw new UsageError("TAPE_COMMANDS", `there is no command ${name} among those of tapes`);
  }
}
