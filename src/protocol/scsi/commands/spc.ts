/** The commands of SPC-5, and of its predecessors where SCST still takes them. */
import type { Layout } from "../../layout/index.ts";
import {
  SCST_CAN_GEN_3PARTY_COMMANDS as THIRD_PARTY,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_DESCRIPTORS_BASED as DESCRIPTORS,
  SCST_EXCL_ACCESS_ALLOWED as EXCL_ACCESS,
  SCST_FULLY_LOCAL_CMD,
  SCST_IMPLICIT_HQ as IMPLICIT_HQ,
  SCST_LOCAL_CMD as LOCAL,
  SCST_LONG_TIMEOUT as LONG,
  SCST_REG_RESERVE_ALLOWED as REG_RESERVE,
  SCST_SCSI_ATOMIC as ATOMIC,
  SCST_SERIALIZED as SERIALIZED,
  SCST_SKIP_UA as SKIP_UA,
  SCST_SMALL_TIMEOUT as SMALL,
  SCST_STRICTLY_SERIALIZED as STRICT,
  SCST_WRITE_EXCL_ALLOWED as WRITE_EXCL,
  SCST_WRITE_MEDIUM as WRITE_MEDIUM,
} from "../../scst/constants.ts";
import * as cdb from "../cdb.ts";
import { DEVICE_TYPE } from "../device-type.ts";
import type { SenseCondition } from "../sense.ts";
import type { ParsedCommand } from "./command.ts";
import { ALWAYS_ALLOWED as ALWAYS } from "./flags.ts";
import { bytes, command, type CommandRow, type CommandSpec, invalidField } from "./row.ts";

type More = Partial<CommandSpec>;

function noData(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  return command(name, { opcode, cdb: layout, flags, ...more });
}

function dataIn(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  const length = bytes("allocationLength");
  return command(name, { opcode, cdb: layout, direction: SCST_DATA_READ, length, flags, ...more });
}

function dataOut(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  const length = bytes("parameterListLength");
  return command(name, { opcode, cdb: layout, direction: SCST_DATA_WRITE, length, flags, ...more });
}

const FULLY_LOCAL = SCST_FULLY_LOCAL_CMD | LOCAL;
/** Of RESERVE and PERSISTENT RESERVE the core itself judges the conflict. */
const RESERVATION = SMALL | LOCAL | SERIALIZED | WRITE_EXCL | EXCL_ACCESS;
const COPY_RESULTS = LOCAL | WRITE_EXCL | EXCL_ACCESS;

const { DISK, TAPE, PRINTER, PROCESSOR, WORM, CDROM, SCANNER, MO, CHANGER } = DEVICE_TYPE;
const { COMMUNICATIONS, RAID, ENCLOSURE, OPTICAL_CARD } = DEVICE_TYPE;
// Which types have a command is SCST's choice; where it names none, every type has it.
const UP_TO_9 = [DISK, TAPE, PRINTER, PROCESSOR, WORM, CDROM, SCANNER, MO, CHANGER, COMMUNICATIONS];
const persistent = { types: UP_TO_9.filter((type) => type !== CDROM) };
const attribute = { types: UP_TO_9.filter((type) => type !== DISK) };
const upTo9 = { types: UP_TO_9 };
const disk = { types: [DISK] };
const security = { types: [DISK, TAPE, CDROM] };
const maintenance = {
  types: [
    ...UP_TO_9.filter((type) => type !== PROCESSOR && type !== CDROM),
    RAID,
    ENCLOSURE,
    OPTICAL_CARD,
  ],
};

const PR_IN = "PERSISTENT RESERVE IN";
const PR_OUT = "PERSISTENT RESERVE OUT";

function prIn(name: string, serviceAction: number): CommandRow {
  const more = { serviceAction, ...persistent };
  return dataIn(`${PR_IN}, ${name}`, 0x5e, cdb.PersistentReserveIn, RESERVATION, more);
}

function prOut(name: string, serviceAction: number): CommandRow {
  const more = { serviceAction, ...persistent };
  return dataOut(`${PR_OUT}, ${name}`, 0x5f, cdb.PersistentReserveOut, RESERVATION, more);
}

function copyResults(name: string, serviceAction: number): CommandRow {
  return dataIn(name, 0x84, cdb.ReceiveCopyResults, COPY_RESULTS, { serviceAction, ...disk });
}

function maintenanceIn(name: string, serviceAction: number, layout: Layout, flags = 0): CommandRow {
  return dataIn(name, 0xa3, layout, flags, { serviceAction, ...maintenance });
}

function maintenanceOut(
  name: string,
  serviceAction: number,
  layout: Layout,
  flags = 0,
): CommandRow {
  return dataOut(name, 0xa4, layout, flags, { serviceAction, ...maintenance });
}

/** Allowing removal is open to every nexus, preventing it is not (SPC-5, same command). */
function allowing(cdbBytes: Uint8Array, into: ParsedCommand): undefined {
  if (((cdbBytes[4] as number) & 0x03) === 0) into.opFlags |= ALWAYS;
}

/** INC_512: the length counts units of 512 bytes. */
function inUnitsOf512(cdbBytes: Uint8Array, into: ParsedCommand): undefined {
  if (((cdbBytes[4] as number) & 0x80) === 0) return;
  into.dataLength *= 512;
  into.bufferLength *= 512;
}

/** SCST does no other service action than LID1, and says which field asked for it. */
function otherCopy(_cdb: Uint8Array, into: ParsedCommand): SenseCondition {
  return invalidField(into, 1, 0);
}

export const SPC: readonly CommandRow[] = [
  noData("TEST UNIT READY", 0x00, cdb.TestUnitReady, SMALL | IMPLICIT_HQ | ALWAYS),
  dataIn("REQUEST SENSE", 0x03, cdb.RequestSense, SMALL | SKIP_UA | LOCAL | ALWAYS),
  dataIn("INQUIRY", 0x12, cdb.Inquiry, SMALL | IMPLICIT_HQ | SKIP_UA | ALWAYS),
  dataOut("MODE SELECT(6)", 0x15, cdb.ModeSelect6, STRICT),
  noData("RESERVE(6)", 0x16, cdb.Reserve6, RESERVATION | ATOMIC),
  noData("RELEASE(6)", 0x17, cdb.Release6, RESERVATION | REG_RESERVE),
  dataIn("MODE SENSE(6)", 0x1a, cdb.ModeSense6, SMALL | WRITE_EXCL),
  dataIn("RECEIVE DIAGNOSTIC RESULTS", 0x1c, cdb.ReceiveDiagnosticResults, WRITE_EXCL),
  dataOut("SEND DIAGNOSTIC", 0x1d, cdb.SendDiagnostic),
  noData("PREVENT ALLOW MEDIUM REMOVAL", 0x1e, cdb.PreventAllowMediumRemoval, LONG, {
    special: allowing,
  }),
  dataOut("WRITE BUFFER", 0x3b, cdb.WriteBuffer, SMALL),
  dataIn("READ BUFFER(10)", 0x3c, cdb.ReadBuffer10, SMALL | WRITE_EXCL),
  dataOut("CHANGE DEFINITION", 0x40, cdb.ChangeDefinition, SMALL, {
    length: bytes("parameterDataLength"),
    ...upTo9,
  }),
  dataOut("LOG SELECT", 0x4c, cdb.LogSelect, STRICT),
  dataIn("LOG SENSE", 0x4d, cdb.LogSense, SMALL | ALWAYS),
  dataOut("MODE SELECT(10)", 0x55, cdb.ModeSelect10, STRICT),
  noData("RESERVE(10)", 0x56, cdb.Reserve10, RESERVATION | ATOMIC),
  noData("RELEASE(10)", 0x57, cdb.Release10, RESERVATION | REG_RESERVE),
  dataIn("MODE SENSE(10)", 0x5a, cdb.ModeSense10, SMALL | WRITE_EXCL),

  dataIn(PR_IN, 0x5e, cdb.PersistentReserveIn, RESERVATION, persistent),
  prIn("READ KEYS", 0x00),
  prIn("READ RESERVATION", 0x01),
  prIn("REPORT CAPABILITIES", 0x02),
  prIn("READ FULL STATUS", 0x03),
  dataOut(PR_OUT, 0x5f, cdb.PersistentReserveOut, RESERVATION, persistent),
  prOut("REGISTER", 0x00),
  prOut("RESERVE", 0x01),
  prOut("RELEASE", 0x02),
  prOut("CLEAR", 0x03),
  prOut("PREEMPT", 0x04),
  prOut("PREEMPT AND ABORT", 0x05),
  prOut("REGISTER AND IGNORE EXISTING KEY", 0x06),
  prOut("REGISTER AND MOVE", 0x07),
  prOut("REPLACE LOST RESERVATION", 0x08),

  dataOut(
    "EXTENDED COPY(LID1)",
    0x83,
    cdb.ExtendedCopy,
    WRITE_MEDIUM | THIRD_PARTY | LOCAL | DESCRIPTORS,
    { serviceAction: 0x00, ...disk },
  ),
  dataOut("THIRD-PARTY COPY OUT", 0x83, cdb.ExtendedCopy, LOCAL, { special: otherCopy, ...disk }),
  dataIn("THIRD-PARTY COPY IN", 0x84, cdb.ReceiveCopyResults, COPY_RESULTS, disk),
  copyResults("RECEIVE COPY STATUS(LID1)", 0x00),
  copyResults("RECEIVE COPY DATA(LID1)", 0x01),
  copyResults("RECEIVE COPY OPERATING PARAMETERS", 0x03),
  copyResults("RECEIVE COPY FAILURE DETAILS(LID1)", 0x04),
  dataIn("ACCESS CONTROL IN", 0x86, cdb.AccessControlIn, ALWAYS, upTo9),
  dataOut("ACCESS CONTROL OUT", 0x87, cdb.AccessControlOut, ALWAYS, upTo9),
  dataIn("READ ATTRIBUTE", 0x8c, cdb.ReadAttribute, WRITE_EXCL, attribute),
  dataOut("WRITE ATTRIBUTE", 0x8d, cdb.WriteAttribute, WRITE_MEDIUM, attribute),
  dataIn("READ BUFFER(16)", 0x9b, cdb.ReadBuffer16, SMALL | WRITE_EXCL, { beyondScst: true }),
  dataIn("REPORT LUNS", 0xa0, cdb.ReportLuns, SMALL | IMPLICIT_HQ | SKIP_UA | FULLY_LOCAL | ALWAYS),
  dataIn("SECURITY PROTOCOL IN", 0xa2, cdb.SecurityProtocolIn, REG_RESERVE | WRITE_EXCL, {
    special: inUnitsOf512,
    ...security,
  }),
  dataOut("SECURITY PROTOCOL OUT", 0xb5, cdb.SecurityProtocolOut, 0, {
    length: bytes("transferLength"),
    special: inUnitsOf512,
    ...security,
  }),

  dataIn("MAINTENANCE IN", 0xa3, cdb.MaintenanceIn, 0, maintenance),
  maintenanceIn("REPORT IDENTIFYING INFORMATION", 0x05, cdb.ReportIdentifyingInformation, ALWAYS),
  maintenanceIn("REPORT TARGET PORT GROUPS", 0x0a, cdb.ReportTargetPortGroups, LOCAL | ALWAYS),
  maintenanceIn("REPORT ALIASES", 0x0b, cdb.ReportAliases),
  // Left to the handler: scst_user has no way to tell the core which opcodes are supported.
  maintenanceIn(
    "REPORT SUPPORTED OPERATION CODES",
    0x0c,
    cdb.ReportSupportedOperationCodes,
    WRITE_EXCL,
  ),
  maintenanceIn(
    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    0x0d,
    cdb.ReportSupportedTaskManagementFunctions,
    WRITE_EXCL | FULLY_LOCAL,
  ),
  maintenanceIn("REPORT PRIORITY", 0x0e, cdb.ReportPriority),
  maintenanceIn("REPORT TIMESTAMP", 0x0f, cdb.ReportTimestamp),
  dataOut("MAINTENANCE OUT", 0xa4, cdb.MaintenanceOut, 0, maintenance),
  maintenanceOut("SET IDENTIFYING INFORMATION", 0x06, cdb.SetIdentifyingInformation),
  maintenanceOut("SET TARGET PORT GROUPS", 0x0a, cdb.SetTargetPortGroups, LOCAL | STRICT),
  maintenanceOut("CHANGE ALIASES", 0x0b, cdb.ChangeAliases),
  maintenanceOut("SET PRIORITY", 0x0e, cdb.SetPriority),
  maintenanceOut("SET TIMESTAMP", 0x0f, cdb.SetTimestamp),
];
