/** Which commands each asymmetric access state lets through. */
import { describe, expect, test } from "vitest";

import {
  ACCESS_STATE,
  type AccessState,
  mediumRefusedIn,
  refusedIn,
} from "../../../src/core/alua/access-state.ts";
import { type Command, commandsOf, DEVICE_TYPE } from "../../../src/protocol/scsi/index.ts";

const ALWAYS = [
  "INQUIRY",
  "READ BUFFER(10)",
  "READ CAPACITY(10)",
  "READ CAPACITY(16)",
  "REPORT LUNS",
  "REPORT TARGET PORT GROUPS",
  "REQUEST SENSE",
  "WRITE BUFFER",
];
const UNAVAILABLE = [...ALWAYS, "SET TARGET PORT GROUPS"];
const STANDBY = [
  ...UNAVAILABLE,
  "LOG SELECT",
  "LOG SENSE",
  "MODE SELECT(10)",
  "MODE SELECT(6)",
  "MODE SENSE(10)",
  "MODE SENSE(6)",
  "RECEIVE DIAGNOSTIC RESULTS",
  "RELEASE(10)",
  "RELEASE(6)",
  "RESERVE(10)",
  "RESERVE(6)",
  "SEND DIAGNOSTIC",
  ...commandsOf(DEVICE_TYPE.DISK)
    .map(({ name }) => name)
    .filter((name) => name.startsWith("PERSISTENT RESERVE")),
];

const ROWS: readonly [AccessState, string | undefined, readonly string[] | undefined][] = [
  ["active", undefined, undefined],
  ["nonoptimized", undefined, undefined],
  ["standby", "TARGET PORT IN STANDBY STATE", STANDBY],
  ["unavailable", "TARGET PORT IN UNAVAILABLE STATE", UNAVAILABLE],
  ["offline", "TARGET PORT IN UNAVAILABLE STATE", UNAVAILABLE],
  ["transitioning", "ASYMMETRIC ACCESS STATE TRANSITION", ALWAYS],
];

function cdbOf({ opcode, serviceAction = 0 }: Command): Uint8Array {
  return Uint8Array.of(opcode, serviceAction, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

test("every state has a row", () => {
  expect(ROWS.map(([state]) => state)).toEqual(Object.keys(ACCESS_STATE));
});

describe.each(ROWS)("%s", (state, sense, allowed) => {
  test("lets these commands of disks through, and no others", () => {
    const commands = commandsOf(DEVICE_TYPE.DISK).filter(
      // Rows for service actions that have none of their own.
      ({ name }) => !["MAINTENANCE IN", "MAINTENANCE OUT"].includes(name),
    );
    const passing = commands.filter((each) => refusedIn(state, cdbOf(each)) === undefined);
    const names = [...new Set(passing.map(({ name }) => name))].sort();
    expect(names).toEqual([...new Set(allowed ?? commands.map(({ name }) => name))].sort());
  });

  test("says why", () => {
    const refusal = refusedIn(state, Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0));
    expect(refusal?.name).toEqual(sense === undefined ? undefined : expect.stringContaining(sense));
    expect(mediumRefusedIn(state)).toBe(refusal);
  });
});
