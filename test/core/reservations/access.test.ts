/** Every command of a disk under every reservation, for the holder, a registrant and another. */
import { describe, expect, test } from "vitest";
import { DEVICE_TYPE, commandsOf, RESERVATION_TYPE } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_EXCL_ACCESS_ALLOWED as EXCL,
  SCST_REG_RESERVE_ALLOWED as REG,
  SCST_WRITE_EXCL_ALLOWED as WRITE,
} from "../../../src/protocol/scst/index.ts";
import { type NexusName, Stage } from "./support.ts";

const T = RESERVATION_TYPE;

/** A1 holds, B1 is registered, A2 is not. */
const ROLES: readonly NexusName[] = ["A1", "B1", "A2"];

/** Which flag lets a nexus through, or that it needs none: SPC-5, "Reservations", by type. */
const NEEDED: Readonly<Record<number, Readonly<Partial<Record<NexusName, number>>>>> = {
  [T.WRITE_EXCLUSIVE]: { B1: WRITE, A2: WRITE },
  [T.EXCLUSIVE_ACCESS]: { B1: EXCL, A2: EXCL },
  [T.WRITE_EXCLUSIVE_REGISTRANTS_ONLY]: { A2: WRITE },
  [T.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY]: { A2: EXCL },
  [T.WRITE_EXCLUSIVE_ALL_REGISTRANTS]: { A2: WRITE },
  [T.EXCLUSIVE_ACCESS_ALL_REGISTRANTS]: { A2: EXCL },
};

const rows = commandsOf(DEVICE_TYPE.DISK);

describe("access to every command of a disk", () => {
  test.each(Object.entries(T))("%s", (_name, type) => {
    const stage = new Stage();
    stage.out("A1", { action: "REGISTER", newKey: 1 });
    stage.out("B1", { action: "REGISTER", newKey: 2 });
    stage.out("A1", { action: "RESERVE", key: 1, type });
    expect(stage.reservations.active).toBe(true);
    for (const role of ROLES) {
      const needed = NEEDED[type]?.[role];
      for (const { name, flags } of rows) {
        const conflict = needed !== undefined && (flags & needed) === 0;
        const checked = stage.reservations.check(stage.nexuses[role], flags);
        expect(checked, `${name} from ${role}`).toBe(conflict);
      }
    }
  });

  test("RESERVE", () => {
    const stage = new Stage();
    stage.reserve("A1");
    for (const { name, flags } of rows) {
      expect(stage.reservations.check(stage.nexuses.A1, flags), `${name} passes`).toBe(false);
      expect(stage.reservations.check(stage.nexuses.A2, flags), `${name} passes`).toBe(
        (flags & REG) === 0,
      );
    }
  });
});

/**
 * SPC-5 and SBC-4, "Commands that are allowed in the presence of various reservations": whether a
 * nexus without access may do it under a write exclusive and under an exclusive access one.
 */
const STANDARD: readonly [allowed: "both" | "write exclusive" | "none", names: string][] = [
  [
    "both",
    `ACCESS CONTROL IN|ACCESS CONTROL OUT|INQUIRY|LOG SENSE|TEST UNIT READY|REQUEST SENSE
    |REPORT LUNS|REPORT IDENTIFYING INFORMATION|REPORT TARGET PORT GROUPS|READ CAPACITY(10)
    |READ CAPACITY(16)|REPORT REFERRALS|RECEIVE COPY STATUS(LID1)|RECEIVE COPY DATA(LID1)
    |RECEIVE COPY OPERATING PARAMETERS|RECEIVE COPY FAILURE DETAILS(LID1)
    |PERSISTENT RESERVE IN, READ KEYS|PERSISTENT RESERVE IN, READ FULL STATUS`,
  ],
  [
    "write exclusive",
    `MODE SENSE(6)|MODE SENSE(10)|READ BUFFER(10)|RECEIVE DIAGNOSTIC RESULTS|SECURITY PROTOCOL IN
    |REPORT SUPPORTED OPERATION CODES|REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
    |GET LBA STATUS(16)|GET STREAM STATUS|PRE-FETCH(10)|PRE-FETCH(16)|READ(6)|READ(10)|READ(12)
    |READ(16)|READ DEFECT DATA(10)|READ DEFECT DATA(12)|VERIFY(10)|VERIFY(12)|VERIFY(16)`,
  ],
  [
    "none",
    `MODE SELECT(6)|MODE SELECT(10)|LOG SELECT|SEND DIAGNOSTIC|WRITE BUFFER|EXTENDED COPY(LID1)
    |SECURITY PROTOCOL OUT|SET IDENTIFYING INFORMATION|SET TARGET PORT GROUPS|SET PRIORITY
    |SET TIMESTAMP|CHANGE ALIASES|COMPARE AND WRITE|FORMAT UNIT|ORWRITE(16)|REASSIGN BLOCKS
    |SANITIZE, OVERWRITE|SYNCHRONIZE CACHE(10)|SYNCHRONIZE CACHE(16)|UNMAP|WRITE(6)|WRITE(10)
    |WRITE(12)|WRITE(16)|WRITE AND VERIFY(10)|WRITE AND VERIFY(16)|WRITE ATOMIC(16)|WRITE LONG(10)
    |WRITE LONG(16)|WRITE SAME(10)|WRITE SAME(16)|STREAM CONTROL|BACKGROUND CONTROL`,
  ],
];

/** The standard lets everybody do these; SCST, and so far the command set, does not. */
const STRICTER_THAN_THE_STANDARD = ["REPORT ALIASES", "REPORT PRIORITY", "REPORT TIMESTAMP"];

const byStandard = STANDARD.flatMap(([allowed, names]) =>
  names.split("|").map((name) => [name.trim(), allowed] as const),
);

test("the command set says what the standards say", () => {
  const said = [
    ...byStandard,
    ...STRICTER_THAN_THE_STANDARD.map((name) => [name, "none"] as const),
  ];
  for (const [name, allowed] of said) {
    const row = rows.find((each) => each.name === name);
    expect(row, `${name} passes`).toBeDefined();
    const flags = (row?.flags ?? 0) & (WRITE | EXCL);
    expect(flags, `${name} passes`).toBe(
      { both: WRITE | EXCL, "write exclusive": WRITE, none: 0 }[allowed],
    );
  }
});
