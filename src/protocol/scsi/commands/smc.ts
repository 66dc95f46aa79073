/** The commands of SMC-3. */
import type { Layout } from "../../layout/index.ts";
import {
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_LONG_TIMEOUT as LONG,
} from "../../scst/constants.ts";
import * as cdb from "../cdb.ts";
import { DEVICE_TYPE } from "../device-type.ts";
import type { ParsedCommand } from "./command.ts";
import { ALWAYS_ALLOWED } from "./flags.ts";
import { bytes, command, type CommandRow, type CommandSpec } from "./row.ts";

const types = [DEVICE_TYPE.CHANGER];

function noData(name: string, opcode: number, layout: Layout, beyondScst = false): CommandRow {
  return command(name, { opcode, cdb: layout, flags: LONG, types, beyondScst });
}

function dataIn(name: string, opcode: number, cdbLayout: Layout, more?: More): CommandRow {
  const length = bytes("allocationLength");
  const spec = { opcode, cdb: cdbLayout, direction: SCST_DATA_READ, length, types };
  return command(name, { ...spec, ...more });
}

type More = Partial<CommandSpec>;

/** CURDATA asks for what is known without moving anything: a reservation does not forbid it. */
function currentData(cdbBytes: Uint8Array, into: ParsedCommand): undefined {
  if (((cdbBytes[6] as number) & 0x02) !== 0) into.opFlags |= ALWAYS_ALLOWED;
}

export const SMC: readonly CommandRow[] = [
  noData("INITIALIZE ELEMENT STATUS", 0x07, cdb.InitializeElementStatus),
  noData("OPEN/CLOSE IMPORT/EXPORT ELEMENT", 0x1b, cdb.OpenCloseImportExportElement, true),
  noData("POSITION TO ELEMENT", 0x2b, cdb.PositionToElement),
  noData("INITIALIZE ELEMENT STATUS WITH RANGE", 0x37, cdb.InitializeElementStatusWithRange),
  noData("MOVE MEDIUM", 0xa5, cdb.MoveMedium),
  noData("EXCHANGE MEDIUM", 0xa6, cdb.ExchangeMedium),
  dataIn("REQUEST VOLUME ELEMENT ADDRESS", 0xb5, cdb.RequestVolumeElementAddress),
  command("SEND VOLUME TAG", {
    opcode: 0xb6,
    cdb: cdb.SendVolumeTag,
    direction: SCST_DATA_WRITE,
    length: bytes("parameterListLength"),
    types,
  }),
  dataIn("READ ELEMENT STATUS", 0xb8, cdb.ReadElementStatus, { special: currentData }),
];
