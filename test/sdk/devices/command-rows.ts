/** What the tests of command tables have in common: a row for each command of a device. */
import { expect } from "vitest";

export interface CommandRow {
  readonly name: string;
  readonly cdb: string;
  /** Data-out, in hexadecimal. */
  readonly out?: string;
  readonly room?: number;
  readonly result?: string;
  /** What data-in begins with. */
  readonly data?: string;
}

/** Commands of the core that answer alike whatever the device. */
export const CORE_ROWS: readonly CommandRow[] = [
  { name: "REPORT TARGET PORT GROUPS", cdb: "a3 0a 0000 00000000 00000100 00 00", room: 256 },
  {
    name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    cdb: "a3 0d 0000 00000000 00000004 00 00",
    room: 4,
  },
  { name: "PERSISTENT RESERVE IN, READ KEYS", cdb: "5e 00 0000000000 0008 00", room: 8 },
  { name: "PERSISTENT RESERVE IN, READ RESERVATION", cdb: "5e 01 0000000000 0008 00", room: 8 },
  { name: "PERSISTENT RESERVE IN, REPORT CAPABILITIES", cdb: "5e 02 0000000000 0008 00", room: 8 },
  { name: "PERSISTENT RESERVE IN, READ FULL STATUS", cdb: "5e 03 0000000000 0008 00", room: 8 },
];

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** What a device is sent beside the CDB. */
export function sentFor(room: number, out: string | undefined) {
  return out === undefined ? { room } : { room, out: bytesOf(out) };
}

/** @param beginning in hexadecimal; undefined: whatever it is */
export function expectToBegin(data: Buffer, beginning: string | undefined): void {
  if (beginning === undefined) return;
  const wanted = beginning.replaceAll(" ", "");
  expect(data.toString("hex").slice(0, wanted.length)).toBe(wanted);
}

/** Commands of a device's table that no row tries; the core's own tests have PERSISTENT RESERVE OUT. */
export function namesWithoutRow(
  table: readonly { readonly command: { readonly name: string } }[],
  rows: readonly CommandRow[],
): string[] {
  const tested = new Set(rows.map(({ name }) => name));
  return table
    .map(({ command }) => command.name)
    .filter((name) => !tested.has(name) && !name.startsWith("PERSISTENT RESERVE OUT, "));
}
