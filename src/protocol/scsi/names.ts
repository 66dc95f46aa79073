import { findCommand } from "./commands/index.ts";
import { DEVICE_TYPE } from "./device-type.ts";

/** The standard's name of a CDB's command, for traces: `READ(10)`, or `opcode FFh`. */
export function commandName(cdb: Uint8Array, deviceType: number = DEVICE_TYPE.DISK): string {
  const command = findCommand(cdb, deviceType);
  if (command !== undefined) return command.name;
  const opcode = (cdb[0] ?? 0).toString(16).toUpperCase().padStart(2, "0");
  return `opcode ${opcode}h`;
}
