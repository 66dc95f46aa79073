/** Which group an initiator belongs to, what it sees there, and what is refused. */
import { describe, expect, test } from "vitest";
import { INITIATORS_PER_GROUP_MAX } from "../../../src/core/initiator-group.ts";
import { GROUPS_PER_TARGET_MAX } from "../../../src/core/target.ts";
import type { AddressMethod } from "../../../src/core/index.ts";
import { SCST_MAX_LUN } from "../../../src/protocol/scst/index.ts";
import { Bench, Initiator, TestDriver } from "../../support/bench.ts";
import { reportLuns } from "../../support/cdbs.ts";
import { toHex } from "../../support/hex.ts";
import { lunsOf, Rig, textOf } from "./rig.ts";

const DEFAULT = "0=a 1=b";
const G = "0=a 2=c";
const H = "0=b 3=c ro";

describe("the first group that fits, else the default one", () => {
  test.each([
    ["nobody named", [], [], "alice", DEFAULT],
    ["the name", ["alice"], [], "alice", G],
    ["another name", ["alice"], [], "bob", DEFAULT],
    ["in another case", ["ALICE"], [], "alice", G],
    ["the second group", ["bob"], ["alice"], "alice", H],
    ["both groups", ["a*"], ["alice"], "alice", G],
    ["the second pattern", ["bob", "a?ice"], ["alice"], "alice", G],
    ["everybody but one", ["!bob"], ["*"], "bob", H],
    ["everybody", [], ["*"], "bob", H],
  ])("%s", (_title, g, h, name, expected) => {
    const rig = new Rig({ g, h });
    expect(lunsOf(rig.connect(name).session)).toBe(expected);
    expect(textOf(rig.target.lunsFor(name))).toBe(expected);
  });

  test("a second session of the same initiator, whose name has a suffix, belongs to the same", () => {
    const rig = new Rig({ g: ["alice"] });
    const sessions = [1, 2].map(() => rig.connect("alice").session);
    expect(sessions.map(({ name }) => name)).toEqual(["alice", "alice_1"]);
    expect(sessions.map(lunsOf)).toEqual([G, G]);
    expect([...rig.g.sessions]).toEqual(sessions);
    rig.g.removeInitiator("alice");
    rig.serve();
    expect(sessions.map(lunsOf)).toEqual([DEFAULT, DEFAULT]);
    expect(rig.g.sessions.size).toBe(0);
  });

  test("a group may have no LUN: the initiator sees none", () => {
    const rig = new Rig();
    rig.target.addGroup("none").addInitiator("alice");
    expect(rig.target.lunsFor("alice").size).toBe(0);
    expect(rig.connect("alice").testUnitReady().response?.sense).toBe("5/25/00");
  });

  test("only the target's own groups count", () => {
    const rig = new Rig({ g: ["*"] });
    const other = rig.bench.core.addTarget({ name: "other", driver: new TestDriver() });
    other.addLun(5, "b");
    expect(textOf(other.lunsFor("alice"))).toBe("5=b");
  });
});

describe("REPORT LUNS writes LUNs by the target's method", () => {
  test.each<[AddressMethod | undefined, string]>([
    [undefined, "0000 0001 4100 7fff"],
    ["peripheral", "0000 0001 4100 7fff"],
    ["flat", "0000 4001 4100 7fff"],
    ["lun", "0000 8001 8100 bfff"],
  ])("%s", (addressMethod, expected) => {
    const bench = Bench.withDisk();
    const options = { name: "other", driver: bench.driver };
    const target = bench.core.addTarget(
      addressMethod === undefined ? options : { ...options, addressMethod },
    );
    for (const lun of [0, 1, 256, SCST_MAX_LUN]) target.addLun(lun, "disk");
    const initiator = new Initiator(target.openSession({ initiatorName: "alice" }));
    const sent = initiator.send({ cdb: reportLuns(256), dataInLength: 256, lun: 99 });
    bench.answerAttach();
    const { dataIn } = sent.response!;
    const luns = [0, 1, 2, 3].map((i) => toHex(dataIn.subarray(8 + i * 8, 10 + i * 8)));
    expect([dataIn.length, luns.join(" ")]).toEqual([40, expected]);
  });
});

describe("what is refused", () => {
  test.each<[string, (rig: Rig) => void, string]>([
    ["a group without a name", ({ target }) => target.addGroup(""), "GROUP_NAME_LENGTH"],
    ["a long name", ({ target }) => target.addGroup("x".repeat(256)), "GROUP_NAME_LENGTH"],
    ["a name twice", ({ target }) => target.addGroup("g"), "GROUP_NAME_TAKEN"],
    ["a group too many", addGroups, "GROUPS_MAX"],
    ["a group to remove", ({ target }) => target.removeGroup("x"), "GROUP_UNKNOWN"],
    ["an empty pattern", ({ g }) => g.addInitiator(""), "INITIATOR_NAME_LENGTH"],
    ["a long pattern", ({ g }) => g.addInitiator("x".repeat(256)), "INITIATOR_NAME_LENGTH"],
    ["a pattern twice", ({ g }) => [1, 2].forEach(() => g.addInitiator("x")), "INITIATOR_TAKEN"],
    ["a pattern too many", addInitiators, "INITIATORS_MAX"],
    ["a pattern to remove", ({ g }) => g.removeInitiator("x"), "INITIATOR_UNKNOWN"],
    ["a pattern to move", ({ g, h }) => g.moveInitiator("x", h), "INITIATOR_UNKNOWN"],
    ["a pattern to move where it is", moveTwice, "INITIATOR_TAKEN"],
    [
      "to move to another target",
      ({ g }) => g.moveInitiator("x", new Rig().g),
      "GROUP_OTHER_TARGET",
    ],
    ["a LUN too high", ({ g }) => g.addLun(SCST_MAX_LUN + 1, "a"), "LUN_RANGE"],
    ["a LUN too high to replace", ({ g }) => g.replaceLun(SCST_MAX_LUN + 1, "a"), "LUN_RANGE"],
    ["a LUN that is taken", ({ g }) => g.addLun(0, "b"), "LUN_TAKEN"],
    ["a device that is not there", ({ g }) => g.addLun(9, "x"), "DEVICE_UNKNOWN"],
    ["one to replace another", ({ g }) => g.replaceLun(0, "x"), "DEVICE_UNKNOWN"],
    ["a LUN to remove", ({ g }) => g.removeLun(1), "LUN_UNKNOWN"],
    ["a LUN for a group that is gone", (rig) => removed(rig).addLun(9, "a"), "GROUP_REMOVED"],
    ["to clear it", (rig) => removed(rig).clear(), "GROUP_REMOVED"],
    ["a pattern for it", (rig) => removed(rig).addInitiator("x"), "GROUP_REMOVED"],
    ["to move a pattern there", moveToRemoved, "GROUP_REMOVED"],
    ["an addressing method", wrongMethod, "ADDRESS_METHOD"],
  ])("%s", (_title, wrong, code) => {
    const rig = new Rig({ g: ["y"] });
    expect(() => wrong(rig)).toThrow(expect.objectContaining({ name: "UsageError", code }));
    expect([textOf(rig.target.luns), textOf(rig.h.luns)]).toEqual([DEFAULT, H]);
    expect(rig.g.initiators).toContain("y");
  });

  function addGroups({ target }: Rig): void {
    for (let i = 0; i <= GROUPS_PER_TARGET_MAX; i++) target.addGroup(`group ${i}`);
  }

  function addInitiators({ g }: Rig): void {
    for (let i = 0; i <= INITIATORS_PER_GROUP_MAX; i++) g.addInitiator(`host ${i}`);
  }

  function moveTwice({ g, h }: Rig): void {
    h.addInitiator("y");
    g.moveInitiator("y", h);
  }

  function removed({ target, g }: Rig): Rig["g"] {
    target.removeGroup("g");
    return g;
  }

  function moveToRemoved({ target, g }: Rig): void {
    const group = target.addGroup("group");
    target.removeGroup("group");
    g.moveInitiator("y", group);
  }

  function wrongMethod({ bench }: Rig): void {
    const addressMethod = "toString" as AddressMethod;
    bench.core.addTarget({ name: "x", driver: new TestDriver(), addressMethod });
  }
});
