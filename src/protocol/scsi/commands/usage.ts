import type { Layout } from "../../layout/index.ts";
import type { Command } from "./command.ts";

/** Of the CONTROL byte only NACA is looked at. */
const CONTROL_USAGE = 0x04;

/**
 * CDB USAGE DATA (SPC-5, "REPORT SUPPORTED OPERATION CODES command"): the opcode and service
 * action as they are, and a one for every other bit that the CDB's layout gives a meaning. A
 * handler that ignores a field clears its bits. New bytes; not for the command path.
 */
export function cdbUsageData(command: Command): Uint8Array {
  const usage = usedBits(command.cdb);
  usage[0] = command.opcode;
  usage[command.controlByte] = CONTROL_USAGE;
  if (command.serviceAction !== undefined) {
    command.cdb.write(command.cdb.view(usage), { serviceAction: command.serviceAction });
  }
  return usage;
}

/** A one for every bit of a layout that belongs to a field. */
export function usedBits(layout: Layout): Uint8Array {
  const used = new Uint8Array(layout.size);
  const one = new Uint8Array(layout.size);
  for (let index = 0; index < layout.size; index++) {
    for (let bit = 1; bit < 0x100; bit <<= 1) {
      one[index] = bit;
      // What a bit sets in the fields, they write back: a bit of no field is lost on the way.
      used[index] = (used[index] as number) | (copyOf(layout, one)[index] as number);
    }
    one[index] = 0;
  }
  return used;
}

function copyOf(layout: Layout, bytes: Uint8Array): Uint8Array {
  const values = layout.view(bytes) as unknown as Readonly<Record<string, unknown>>;
  const copy: Record<string, unknown> = {};
  for (const { name } of layout.fields) copy[name] = values[name];
  return layout.encode(copy);
}
