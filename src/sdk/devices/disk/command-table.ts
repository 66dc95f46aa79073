import {
  type Command,
  commandsOf,
  DEVICE_TYPE,
  encodeDescriptorSense,
  encodeFixedSense,
  SENSE,
} from "../../../protocol/scsi/index.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { good } from "../../outcome.ts";
import { coreCommandsOf, reportSupportedOperationCodes } from "../supported-commands.ts";
import { readCapacity10, readCapacity16 } from "./capacity.ts";
import { cdbRule } from "./cdb-rule.ts";
import { inquiry } from "./inquiry.ts";
import type { Run, SupportedCommand } from "./logical-unit.ts";
import { modeSelect6, modeSelect10 } from "./mode-select.ts";
import { modeSense6, modeSense10 } from "./mode-sense.ts";
import { read, read6, write, write6 } from "./read-write.ts";
import { invalidFieldInCdb, invalidOpcode } from "./refusals.ts";
import { startStopUnit, synchronizeCache10, synchronizeCache16 } from "./synchronize-cache.ts";
import { verify, writeAndVerify } from "./verify.ts";
import { writeSame10, writeSame16 } from "./write-same.ts";

const nothing: Run = () => good;

/** No sense is pending: the core keeps unit attentions, and sense goes with its status. */
const requestSense: Run = (_unit, command) => {
  const encode =
    ((command.cdb[1] as number) & 0x01) === 0 ? encodeFixedSense : encodeDescriptorSense;
  return command.reply(encode(SENSE.NO_ADDITIONAL_SENSE_INFORMATION));
};

const reportCommands: Run = (unit, command) =>
  reportSupportedOperationCodes(command, unit.supportedCommands);

/** What the disk does, by the commands' names in the standards. */
const RUNS: Readonly<Record<string, Run>> = {
  "TEST UNIT READY": nothing,
  "REQUEST SENSE": requestSense,
  INQUIRY: inquiry,
  "MODE SELECT(6)": modeSelect6,
  "MODE SELECT(10)": modeSelect10,
  "MODE SENSE(6)": modeSense6,
  "MODE SENSE(10)": modeSense10,
  "START STOP UNIT": startStopUnit,
  "PREVENT ALLOW MEDIUM REMOVAL": nothing,
  // The core keeps the reservation; the disk is only told.
  "RESERVE(6)": nothing,
  "RESERVE(10)": nothing,
  "RELEASE(6)": nothing,
  "RELEASE(10)": nothing,
  "READ CAPACITY(10)": readCapacity10,
  "READ CAPACITY(16)": readCapacity16,
  "READ(6)": read6,
  "READ(10)": read,
  "READ(12)": read,
  "READ(16)": read,
  "WRITE(6)": write6,
  "WRITE(10)": write,
  "WRITE(12)": write,
  "WRITE(16)": write,
  "WRITE AND VERIFY(10)": writeAndVerify,
  "WRITE AND VERIFY(12)": writeAndVerify,
  "WRITE AND VERIFY(16)": writeAndVerify,
  "VERIFY(10)": verify,
  "VERIFY(12)": verify,
  "VERIFY(16)": verify,
  "SYNCHRONIZE CACHE(10)": synchronizeCache10,
  "SYNCHRONIZE CACHE(16)": synchronizeCache16,
  "WRITE SAME(10)": writeSame10,
  "WRITE SAME(16)": writeSame16,
  "REPORT SUPPORTED OPERATION CODES": reportCommands,
};

/**
 * What the core carries out itself: REPORT SUPPORTED OPERATION CODES lists it too. One that comes
 * through all the same is refused.
 */
const RUN_BY_THE_CORE = coreCommandsOf(DEVICE_TYPE.DISK).map(({ name }) => name);

/** All that an initiator can send to a disk, by opcode and service action. */
export const SUPPORTED_COMMANDS: readonly SupportedCommand[] = commandsOf(DEVICE_TYPE.DISK).flatMap(
  (command) => {
    const run = runOf(command);
    return run === undefined ? [] : [{ command, rule: cdbRule(command), run }];
  },
);

function runOf({ name }: Command): Run | undefined {
  if (Object.hasOwn(RUNS, name)) return RUNS[name];
  return RUN_BY_THE_CORE.includes(name) ? () => invalidOpcode : undefined;
}

/** An opcode without service actions, or the service actions of one. */
type Entry = SupportedCommand | ReadonlyMap<number, SupportedCommand> | undefined;

/** 256 entries, by opcode. */
const TABLE: readonly Entry[] = Array.from({ length: 256 }, (_, opcode): Entry => {
  const rows = SUPPORTED_COMMANDS.filter((row) => row.command.opcode === opcode);
  const [first] = rows;
  if (first === undefined || first.command.serviceAction === undefined) return first;
  return new Map(rows.map((row) => [row.command.serviceAction as number, row]));
});

/**
 * Service actions that are refused as an unknown opcode is: by that, and not by INVALID FIELD IN
 * CDB, initiators know that a disk is without the command.
 */
const GET_LBA_STATUS = { opcode: 0x9e, serviceAction: 0x12 };

/** The row for a CDB, or the refusal. */
export function findSupported(cdb: Uint8Array) {
  const entry = TABLE[cdb[0] as number];
  if (entry === undefined) return invalidOpcode;
  if (!(entry instanceof Map)) return entry as SupportedCommand;
  const serviceAction = (cdb[1] as number) & 0x1f;
  const row = (entry as ReadonlyMap<number, SupportedCommand>).get(serviceAction);
  if (row !== undefined) return row;
  if (cdb[0] === GET_LBA_STATUS.opcode && serviceAction === GET_LBA_STATUS.serviceAction) {
    return invalidOpcode;
  }
  return invalidFieldInCdb(1, 4);
}

// A name that no command has would be an opcode that silently is not there.
for (const name of [...Object.keys(RUNS), ...RUN_BY_THE_CORE]) {
  if (!SUPPORTED_COMMANDS.some(({ command }) => command.name === name)) {
    throw new UsageError("DISK_COMMANDS", `there is no command ${name} among those of disks`);
  }
}
