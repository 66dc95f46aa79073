import { DEVICE_TYPE_COUNT } from "../device-type.ts";
import type { Command } from "./command.ts";
import { type CommandRow, DeviceCommand } from "./row.ts";
import { SBC } from "./sbc.ts";
import { serviceActionOf, type ServiceActionPlace, serviceActionPlace } from "./service-action.ts";
import { SMC } from "./smc.ts";
import { SPC } from "./spc.ts";
import { SSC } from "./ssc.ts";

export { type Command, parsedCommand, type ParsedCommand } from "./command.ts";
export { cdbUsageData, usedBits } from "./usage.ts";

/**
 * The command sets, in the order of precedence: where two have a row for the same opcode and
 * type of device, the first counts.
 */
const COMMAND_SETS: readonly (readonly CommandRow[])[] = [SPC, SBC, SSC, SMC];

/** One opcode of one type of device. */
interface Opcode {
  /** The command, or what is made of a service action that has no row. */
  generic: Command | undefined;
  place: ServiceActionPlace | undefined;
  /** By service action. */
  services: Map<number, Command> | undefined;
}

interface DeviceTable {
  readonly commands: readonly Command[];
  /** 256 entries, by opcode. */
  readonly opcodes: readonly (Opcode | undefined)[];
}

const tables: (DeviceTable | undefined)[] = new Array(DEVICE_TYPE_COUNT).fill(undefined);

/**
 * The row for a CDB, or undefined when the type of device has no such opcode (or service action).
 * O(1) and without allocation.
 */
export function findCommand(cdb: Uint8Array, deviceType: number): Command | undefined {
  const { opcodes } = tables[deviceType] ?? tableOf(deviceType);
  const opcode = opcodes[cdb[0] as number];
  if (opcode === undefined) return undefined;
  if (opcode.place === undefined) return opcode.generic;
  return opcode.services?.get(serviceActionOf(cdb, opcode.place)) ?? opcode.generic;
}

/** Every row that a type of device has, by opcode and service action. */
export function commandsOf(deviceType: number): readonly Command[] {
  return (tables[deviceType] ?? tableOf(deviceType)).commands;
}

/**
 * A CDB's length by its opcode's group (SPC-5, "Operation code"), in bytes. 0 where the group
 * says nothing (vendor specific, reserved, and variable length CDBs, whose byte 7 says it): then
 * the transport's length counts.
 */
export function standardCdbLength(opcode: number): number {
  return GROUP_LENGTHS[(opcode >> 5) & 0x07] as number;
}

const GROUP_LENGTHS = [6, 10, 10, 0, 16, 12, 0, 0] as const;

function tableOf(deviceType: number): DeviceTable {
  const commands: Command[] = [];
  const opcodes: (Opcode | undefined)[] = new Array(256).fill(undefined);
  for (const row of COMMAND_SETS.flat()) {
    if (!row.types.includes(deviceType)) continue;
    const opcode = (opcodes[row.opcode] ??= {
      generic: undefined,
      place: undefined,
      services: undefined,
    });
    if (has(opcode, row.serviceAction)) continue;
    const command = new DeviceCommand(row, deviceType);
    commands.push(command);
    if (row.serviceAction === undefined) {
      opcode.generic = command;
    } else {
      opcode.place = serviceActionPlace(row.opcode);
      opcode.services ??= new Map();
      opcode.services.set(row.serviceAction, command);
    }
  }
  commands.sort((a, b) => a.opcode - b.opcode || (a.serviceAction ?? -1) - (b.serviceAction ?? -1));
  const table = { commands, opcodes };
  if (deviceType >= 0 && deviceType < DEVICE_TYPE_COUNT) tables[deviceType] = table;
  return table;
}

function has(opcode: Opcode, serviceAction: number | undefined): boolean {
  if (serviceAction === undefined) return opcode.generic !== undefined;
  return opcode.services?.has(serviceAction) ?? false;
}
