/** RESERVE and RELEASE. */
import { describe, expect, test } from "vitest";
import { findCommand } from "../../../src/protocol/scsi/index.ts";
import { type NexusName, say, Stage } from "./support.ts";

type Step = readonly [from: NexusName, what: string, answer: string];

const CDBS: Readonly<Record<string, readonly number[]>> = {
  "RESERVE(6)": [0x16, 0, 0, 0, 0, 0],
  "RELEASE(6)": [0x17, 0, 0, 0, 0, 0],
  "RESERVE(10)": [0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  "RELEASE(10)": [0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  "TEST UNIT READY": [0x00, 0, 0, 0, 0, 0],
  INQUIRY: [0x12, 0, 0, 0, 96, 0],
  "READ(10)": [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0],
  "WRITE(10)": [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0],
};

/** As the life cycle does: the check, then the command. */
function perform(stage: Stage, from: NexusName, what: string): string {
  const cdb = Uint8Array.from(CDBS[what] ?? []);
  const nexus = stage.nexuses[from];
  if (what === "reset") {
    stage.reservations.reset();
    return "";
  }
  if (what === "nexus loss") {
    stage.reservations.nexusLost(nexus);
    return "";
  }
  if (what === "REGISTER") return say(stage.out(from, { action: "REGISTER", newKey: 1 }));
  if (what.startsWith("type")) {
    return say(stage.out(from, { action: "RESERVE", key: 1, type: Number(what.slice(4)) }));
  }
  if (what === "READ KEYS") return say(stage.in(from, "READ_KEYS"));
  const flags = findCommand(cdb, 0)?.flags ?? 0;
  if (stage.reservations.active && stage.reservations.check(nexus, flags)) return "CONFLICT";
  if (what.startsWith("RESERVE")) return say(stage.reserve(from, [...cdb]));
  if (what.startsWith("RELEASE")) {
    const outcome = stage.release(from, [...cdb]);
    return outcome.changed === true ? "GOOD" : `${say(outcome)}, nothing released`;
  }
  return "GOOD";
}

describe("RESERVE and RELEASE", () => {
  test.each<[string, readonly Step[]]>([
    [
      "one at a time",
      [
        ["A1", "RESERVE(6)", "GOOD"],
        ["A1", "RESERVE(10)", "GOOD"],
        ["B1", "RESERVE(6)", "CONFLICT"],
        ["B1", "TEST UNIT READY", "GOOD"],
        ["B1", "INQUIRY", "GOOD"],
        ["B1", "READ(10)", "CONFLICT"],
        ["A2", "WRITE(10)", "CONFLICT"],
        ["A1", "WRITE(10)", "GOOD"],
        ["B1", "RELEASE(6)", "GOOD, nothing released"],
        ["B1", "READ(10)", "CONFLICT"],
        ["A1", "RELEASE(10)", "GOOD"],
        ["B1", "READ(10)", "GOOD"],
        ["B1", "RELEASE(6)", "GOOD"],
        ["B1", "RESERVE(10)", "GOOD"],
      ],
    ],
    [
      "a reset ends it",
      [
        ["A1", "RESERVE(6)", "GOOD"],
        ["B1", "reset", ""],
        ["B1", "READ(10)", "GOOD"],
        ["B1", "RESERVE(6)", "GOOD"],
      ],
    ],
    [
      "the loss of the nexus ends it, the loss of another does not",
      [
        ["A1", "RESERVE(6)", "GOOD"],
        ["A2", "nexus loss", ""],
        ["B1", "READ(10)", "CONFLICT"],
        ["A1", "nexus loss", ""],
        ["B1", "READ(10)", "GOOD"],
      ],
    ],
    [
      "persistent reservations are refused, to the holder too",
      [
        ["A1", "RESERVE(6)", "GOOD"],
        ["A1", "REGISTER", "CONFLICT"],
        ["A1", "READ KEYS", "CONFLICT"],
        ["B1", "REGISTER", "CONFLICT"],
        ["A1", "RELEASE(6)", "GOOD"],
        ["A1", "REGISTER", "GOOD"],
      ],
    ],
    [
      "registrations without a reservation",
      [
        ["A1", "REGISTER", "GOOD"],
        ["A1", "RESERVE(6)", "CONFLICT"],
        ["B1", "RESERVE(6)", "CONFLICT"],
        ["A1", "RELEASE(6)", "CONFLICT, nothing released"],
      ],
    ],
    [
      "a persistent reservation of one",
      [
        ["A1", "REGISTER", "GOOD"],
        ["B1", "REGISTER", "GOOD"],
        ["A1", "type 1", "GOOD"],
        ["A1", "RESERVE(6)", "GOOD"],
        ["A1", "RELEASE(6)", "GOOD, nothing released"],
        ["B1", "RESERVE(6)", "CONFLICT"],
        ["B1", "RELEASE(6)", "CONFLICT, nothing released"],
        ["A1", "READ KEYS", "GOOD"],
      ],
    ],
    ...[5, 6, 7, 8].map((type): [string, Step[]] => [
      `a persistent reservation of type ${type}`,
      [
        ["A1", "REGISTER", "GOOD"],
        ["B1", "REGISTER", "GOOD"],
        ["A1", `type ${type}`, "GOOD"],
        ["A1", "RESERVE(10)", "GOOD"],
        ["B1", "RESERVE(6)", "GOOD"],
        ["B1", "RELEASE(10)", "GOOD, nothing released"],
        ["B2", "RESERVE(6)", "CONFLICT"],
        ["B2", "RELEASE(6)", "CONFLICT, nothing released"],
        ["B2", "WRITE(10)", "CONFLICT"],
        ["B1", "WRITE(10)", "GOOD"],
      ],
    ]),
  ])("%s", (_name, steps) => {
    const stage = new Stage();
    for (const [index, [from, what, answer]] of steps.entries()) {
      expect(perform(stage, from, what), `${index}: ${from} ${what}`).toBe(answer);
    }
    expect(stage.takeNotices()).toBe("");
  });

  test.each([
    ["RESERVE(10) for a third party", 0x56, 0x10, "5/24/00 cdb 1.4"],
    ["RELEASE(10) for a third party", 0x57, 0x10, "5/24/00 cdb 1.4"],
    ["RESERVE(6) for a third party", 0x16, 0x10, "5/24/00 cdb 1.4"],
    ["RESERVE(6) of an extent", 0x16, 0x01, "5/24/00 cdb 1.0"],
    ["RESERVE(10) with LONGID alone", 0x56, 0x02, "GOOD"],
  ])("%s", (_name, opcode, byte1, answer) => {
    const stage = new Stage();
    const cdb = [opcode, byte1, 0, 0, 0, 0, 0, 0, 0, 0];
    const outcome = opcode === 0x57 ? stage.release("A1", cdb) : stage.reserve("A1", cdb);
    expect(say(outcome)).toBe(answer);
    expect(stage.reservations.reserved).toBe(answer === "GOOD");
  });

  test("the LUN of the holder is taken away", () => {
    const stage = new Stage();
    stage.reserve("A1");
    expect(stage.reservations.active).toBe(true);
    stage.reservations.detach(stage.nexuses.A1);
    expect(stage.reservations.active).toBe(false);
    expect(stage.reservations.check(stage.nexuses.A1, 0)).toBe(false);
    // A command that was under way then gets nothing to hold for ever.
    expect(say(stage.reserve("A1"))).toBe("5/25/00");
    expect(stage.reservations.reserved).toBe(false);
  });
});
