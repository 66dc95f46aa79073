/** Groups, patterns and LUNs that change under living sessions. */
import { describe, expect, test } from "vitest";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import { NOTHING_LEFT, type Sent } from "../../support/bench.ts";
import { reportLuns, requestSense, write10 } from "../../support/cdbs.ts";
import { lunsOf, Rig } from "./rig.ts";

const POWER_ON = "6/29/00";
const INQUIRY_CHANGED = "6/3F/03";
const LUNS_CHANGED = "6/3F/0E";

interface Change {
  readonly title: string;
  readonly g?: readonly string[];
  readonly h?: readonly string[];
  readonly change: (rig: Rig) => void;
  /** What alice sees then. */
  readonly luns: string;
  /** What she is told, taken from the lowest LUN on. */
  readonly told: readonly string[];
  /** What handlers hear. */
  readonly heard: readonly string[];
}

const TO_G = {
  luns: "0=a 2=c",
  told: [`0 ${LUNS_CHANGED}`, `2 ${POWER_ON}`],
  heard: ["b DETACH_SESS", "c ATTACH_SESS"],
};
const TO_DEFAULT = {
  luns: "0=a 1=b",
  told: [`0 ${LUNS_CHANGED}`, `1 ${POWER_ON}`],
  heard: ["b ATTACH_SESS", "c DETACH_SESS"],
};
const G_TO_H = {
  luns: "0=b 3=c ro",
  told: [`0 ${POWER_ON}`, `0 ${LUNS_CHANGED}`, `0 ${INQUIRY_CHANGED}`, `3 ${POWER_ON}`],
  heard: ["a DETACH_SESS", "b ATTACH_SESS", "c ATTACH_SESS", "c DETACH_SESS"],
};
const NOTHING = { told: [], heard: [] };

const CHANGES: readonly Change[] = [
  { title: "her name is added", change: ({ g }) => g.addInitiator("alice"), ...TO_G },
  { title: "a pattern is added", change: ({ g }) => g.addInitiator("AL*e"), ...TO_G },
  { title: "a negated pattern is added", change: ({ g }) => g.addInitiator("!bob"), ...TO_G },
  {
    title: "a pattern for others is added",
    change: ({ g }) => g.addInitiator("!alice"),
    luns: "0=a 1=b",
    ...NOTHING,
  },
  {
    title: "her name is removed",
    g: ["alice"],
    change: ({ g }) => g.removeInitiator("alice"),
    ...TO_DEFAULT,
  },
  {
    title: "her name is added to a group that has a LUN read-only",
    change: ({ g }) => {
      g.replaceLun(2, "b");
      g.addLun(1, "b", { readOnly: true });
      g.addInitiator("alice");
    },
    luns: "0=a 1=b ro 2=b",
    told: [`0 ${LUNS_CHANGED}`, `1 ${POWER_ON}`, `1 ${INQUIRY_CHANGED}`, `2 ${POWER_ON}`],
    heard: ["b ATTACH_SESS", "b ATTACH_SESS", "b DETACH_SESS"],
  },
  {
    title: "one of two patterns that fit is removed",
    g: ["alice", "a*"],
    change: ({ g }) => g.removeInitiator("alice"),
    luns: "0=a 2=c",
    ...NOTHING,
  },
  {
    title: "her name is removed, and a later group fits",
    g: ["alice"],
    h: ["*"],
    change: ({ g }) => g.removeInitiator("alice"),
    ...G_TO_H,
  },
  {
    title: "her name is moved",
    g: ["alice"],
    change: ({ g, h }) => g.moveInitiator("alice", h),
    ...G_TO_H,
  },
  {
    title: "a pattern moves to a group behind one that fits",
    g: ["alice", "a*"],
    change: ({ g, h }) => g.moveInitiator("a*", h),
    luns: "0=a 2=c",
    ...NOTHING,
  },
  {
    title: "all patterns are removed",
    g: ["alice", "a*"],
    change: ({ g }) => g.clearInitiators(),
    ...TO_DEFAULT,
  },
  {
    title: "her group is removed",
    g: ["alice"],
    change: ({ target }) => target.removeGroup("g"),
    ...TO_DEFAULT,
  },
  {
    title: "her group is removed, and a later one fits",
    g: ["alice"],
    h: ["a*"],
    change: ({ target }) => target.removeGroup("g"),
    ...G_TO_H,
  },
  {
    title: "another group is removed",
    g: ["bob"],
    change: ({ target }) => target.removeGroup("g"),
    luns: "0=a 1=b",
    ...NOTHING,
  },
  {
    title: "a LUN is added to her group",
    change: ({ target }) => target.addLun(700, "c"),
    luns: "0=a 1=b 700=c",
    told: [`0 ${LUNS_CHANGED}`, `700 ${POWER_ON}`],
    heard: ["c ATTACH_SESS"],
  },
  {
    title: "a LUN is added to another group",
    change: ({ g }) => g.addLun(700, "c"),
    luns: "0=a 1=b",
    ...NOTHING,
  },
  {
    title: "a LUN is removed",
    change: ({ target }) => target.removeLun(0),
    luns: "1=b",
    told: [`1 ${LUNS_CHANGED}`],
    heard: ["a DETACH_SESS"],
  },
  {
    title: "all LUNs are removed",
    change: ({ target }) => target.defaultGroup.clear(),
    luns: "",
    told: [],
    heard: ["a DETACH_SESS", "b DETACH_SESS"],
  },
  {
    title: "a LUN is replaced",
    change: ({ target }) => target.defaultGroup.replaceLun(1, "c"),
    luns: "0=a 1=c",
    told: [`1 ${POWER_ON}`, `1 ${INQUIRY_CHANGED}`],
    heard: ["b DETACH_SESS", "c ATTACH_SESS"],
  },
  {
    title: "a LUN becomes read-only",
    change: ({ target }) => target.defaultGroup.replaceLun(1, "b", { readOnly: true }),
    luns: "0=a 1=b ro",
    told: [`1 ${POWER_ON}`, `1 ${INQUIRY_CHANGED}`],
    heard: ["b ATTACH_SESS", "b DETACH_SESS"],
  },
  {
    title: "a LUN is replaced quietly",
    change: ({ target }) => target.defaultGroup.replaceLun(1, "c", { quietly: true }),
    luns: "0=a 1=c",
    told: [`1 ${POWER_ON}`],
    heard: ["b DETACH_SESS", "c ATTACH_SESS"],
  },
  {
    title: "a LUN that is not there is replaced",
    change: ({ target }) => target.defaultGroup.replaceLun(2, "c", { quietly: true }),
    luns: "0=a 1=b 2=c",
    told: [`0 ${LUNS_CHANGED}`, `2 ${POWER_ON}`],
    heard: ["c ATTACH_SESS"],
  },
  {
    title: "a device goes away",
    g: ["alice"],
    change: ({ disks }) => disks[2]!.program.device.close(),
    luns: "0=a",
    told: [`0 ${LUNS_CHANGED}`],
    heard: [],
  },
];

describe.each(CHANGES)("$title", ({ g = [], h = [], change, luns, told, heard }) => {
  test("she sees what she shall, and is told once", () => {
    const rig = new Rig({ g, h });
    const alice = rig.connect("alice");
    change(rig);
    expect(rig.serve().sort()).toEqual(heard);
    expect(lunsOf(alice.session)).toBe(luns);
    expect(alice.session.group).toBe(rig.target.groupFor("alice"));
    expect(rig.attentions(alice)).toEqual(told);
    expect(rig.bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("with commands under way: each is answered, and nothing is left", () => {
    const rig = new Rig({ g, h });
    const alice = rig.connect("alice");
    const testAll = (): Sent[] =>
      ["0", "1", "2", "3", "700"].map((lun) => alice.testUnitReady(Number(lun)));
    const before = testAll();
    rig.get();
    before.push(...testAll());
    change(rig);
    const sent = [...before, ...testAll()];
    rig.serve();
    expect(sent.filter(({ response }) => response === undefined)).toEqual([]);
    expect(sent.filter(({ response }) => response?.aborted)).toEqual([]);
    expect(lunsOf(alice.session)).toBe(luns);
    const later = rig.attentions(alice).map((each) => each.split(" ")[1]);
    const senses = [...sent.map(({ response }) => response?.sense), ...later];
    for (const sense of [LUNS_CHANGED, INQUIRY_CHANGED]) {
      expect(senses.filter((each) => each === sense)).toHaveLength(
        told.filter((each) => each.endsWith(sense)).length,
      );
    }
    expect(rig.bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("in the middle of the login she is told nothing but of the power on", () => {
    const rig = new Rig({ g, h });
    const alice = rig.login("alice");
    const early = alice.testUnitReady();
    change(rig);
    rig.serve();
    expect(early.response?.sense).toBe(luns.startsWith("0") ? POWER_ON : "5/25/00");
    expect(lunsOf(alice.session)).toBe(luns);
    const senses = new Set(rig.attentions(alice).map((each) => each.split(" ")[1]));
    senses.delete(POWER_ON);
    expect([...senses]).toEqual([]);
  });

  test("when the session has closed, every ATTACH_SESS has its DETACH_SESS", () => {
    const rig = new Rig({ g, h });
    const [alice, bob] = [rig.connect("alice"), rig.login("bob")];
    alice.testUnitReady();
    change(rig);
    const closing = [alice.close(), bob.close()];
    rig.serve();
    expect(closing).toEqual([{ closed: true }, { closed: true }]);
    const [, , c] = rig.disks;
    const alive = rig.disks.filter((disk) => disk !== c || rig.bench.core.devices.has("c"));
    expect(alive.map(({ attached }) => attached.size)).toEqual(alive.map(() => 0));
    expect([...rig.target.sessions]).toEqual([]);
    expect(rig.target.groupFor("alice").sessions.size).toBe(0);
  });
});

describe("REPORTED LUNS DATA HAS CHANGED", () => {
  function changed() {
    const rig = new Rig();
    const [alice, bob] = [rig.connect("alice"), rig.connect("bob")];
    rig.target.addLun(9, "c");
    rig.get();
    return { rig, alice, bob };
  }

  test("is told to each session, by whichever LUN is asked first", () => {
    const { rig, alice, bob } = changed();
    expect(alice.testUnitReady(1).response?.sense).toBe(LUNS_CHANGED);
    expect(rig.attentions(alice)).toEqual([`9 ${POWER_ON}`]);
    expect(rig.attentions(bob)).toEqual([`0 ${LUNS_CHANGED}`, `9 ${POWER_ON}`]);
  });

  test.each([0, 9, 77])("REPORT LUNS at LUN %i makes it unnecessary", (lun) => {
    const { rig, alice } = changed();
    alice.send({ cdb: reportLuns(64), dataInLength: 64, lun });
    rig.serve();
    expect(rig.attentions(alice)).toEqual([`9 ${POWER_ON}`]);
  });

  test("REQUEST SENSE tells it too", () => {
    const { rig, alice } = changed();
    const sent = alice.send({ cdb: requestSense(18), dataInLength: 18 });
    rig.serve();
    expect([...sent.response!.dataIn].slice(12, 14)).toEqual([0x3f, 0x0e]);
    expect(rig.attentions(alice)).toEqual([`9 ${POWER_ON}`]);
  });

  test("many changes at once are told once", () => {
    const rig = new Rig();
    const alice = rig.connect("alice");
    for (let lun = 10; lun < 20; lun++) rig.target.addLun(lun, "c");
    for (let lun = 10; lun < 20; lun++) rig.target.removeLun(lun);
    rig.serve();
    expect(rig.attentions(alice)).toEqual([`0 ${LUNS_CHANGED}`]);
  });
});

test("a session that moves to and fro before handlers have answered has one nexus a LUN", () => {
  const rig = new Rig();
  const alice = rig.connect("alice");
  const waiting: Sent[] = [];
  for (let i = 0; i < 5; i++) {
    rig.g.addInitiator("alice");
    waiting.push(alice.testUnitReady(2));
    rig.g.moveInitiator("alice", rig.h);
    waiting.push(alice.testUnitReady(3));
    rig.h.removeInitiator("alice");
    waiting.push(alice.testUnitReady(0));
  }
  expect(waiting.every(({ response }) => response === undefined)).toBe(true);
  rig.serve();
  expect(waiting.filter(({ response }) => response === undefined)).toEqual([]);
  expect(lunsOf(alice.session)).toBe("0=a 1=b");
  expect(rig.disks.map(({ attached }) => attached.size)).toEqual([1, 1, 0]);
});

test("LUNs that change while held commands go on are waited for by the rest of them", () => {
  const rig = new Rig();
  const alice = rig.login("alice");
  const sent = [alice.testUnitReady(0), alice.testUnitReady(9)];
  const { driver } = rig.bench;
  const sendResponse = driver.sendResponse.bind(driver);
  driver.sendResponse = (command) => {
    sendResponse(command);
    if (!rig.target.luns.has(9)) rig.target.addLun(9, "c");
  };
  rig.serve();
  expect(sent.map(({ response }) => response?.sense)).toEqual([POWER_ON, POWER_ON]);
});

test("what a group has for reading only is not written", () => {
  const rig = new Rig({ g: ["bob"], h: ["alice"] });
  const [alice, bob] = [rig.connect("alice"), rig.connect("bob")];
  const write = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
  const sent = [alice.send({ ...write, lun: 3 }), bob.send({ ...write, lun: 2 })];
  rig.serve();
  expect(sent.map(({ response }) => response)).toMatchObject([
    { status: STATUS.CHECK_CONDITION, sense: "7/00/00" },
    { status: STATUS.GOOD, sense: "" },
  ]);
});
