import { describe, expect, test } from "vitest";
import { iscsiBytes, localTransportId } from "../../../src/core/reservations/transport-id.ts";
import {
  ALL_TYPES,
  CLEARED,
  ID_A,
  ID_B,
  ISID_A,
  type NexusName,
  type Out,
  PREEMPTED,
  RELEASED,
  say,
  Stage,
  TestNexus,
} from "./support.ts";
import { MemoryStateStore } from "../../../src/core/reservations/state-store.ts";
import { iscsiTransportId } from "../../../src/core/reservations/transport-id.ts";
import { Reservations } from "../../../src/core/reservations/reservations.ts";
import { cdbOf, listOf } from "./support.ts";

/** Who asks for what, what the answer is, what is there then, and who is told. */
type Row = readonly [from: NexusName, out: Out, answer: string, picture?: string, notices?: string];

const reg = (newKey: number, key = 0): Out => ({ action: "REGISTER", key, newKey });
const ignore = (newKey: number): Out => ({
  action: "REGISTER_AND_IGNORE_EXISTING_KEY",
  key: 99,
  newKey,
});
const res = (key: number, type: number): Out => ({ action: "RESERVE", key, type });
const rel = (key: number, type: number): Out => ({ action: "RELEASE", key, type });
const clear = (key: number): Out => ({ action: "CLEAR", key });
const pre = (key: number, newKey: number, type = 0): Out => ({
  action: "PREEMPT",
  key,
  newKey,
  type,
});
const move = (key: number, newKey: number, more: Partial<Out> = {}): Out => ({
  action: "REGISTER_AND_MOVE",
  key,
  newKey,
  ids: [ID_B],
  ...more,
});

const scenarios: Readonly<Record<string, readonly Row[]>> = {
  "REGISTER from an unregistered nexus": [
    ["A1", reg(1, 7), "CONFLICT", " | gen 0"],
    ["A1", reg(0), "GOOD", " | gen 1"],
    ["A1", { ...reg(0), aptpl: true }, "5/26/00 list 20.0", " | gen 1"],
    ["A1", reg(1), "GOOD", "A1:1 | gen 2"],
    ["B1", reg(1), "GOOD", "A1:1 B1:1 | gen 3", ""],
  ],
  "REGISTER from a registered nexus": [
    ["A1", reg(1), "GOOD"],
    ["A1", reg(2), "CONFLICT", "A1:1 | gen 1"],
    ["A1", reg(2, 3), "CONFLICT", "A1:1 | gen 1"],
    ["A1", reg(2, 1), "GOOD", "A1:2 | gen 2"],
    ["A1", reg(2, 2), "GOOD", "A1:2 | gen 3"],
    ["A1", { ...reg(3, 2), ids: [ID_B] }, "5/26/00 list 20.3", "A1:2 | gen 3"],
    ["A1", { ...reg(0, 2), ids: [ID_B] }, "5/26/00 list 20.3", "A1:2 | gen 3"],
    ["A1", reg(0, 2), "GOOD", " | gen 4"],
  ],
  "REGISTER AND IGNORE EXISTING KEY": [
    ["A1", ignore(0), "GOOD", " | gen 1"],
    ["A1", ignore(1), "GOOD", "A1:1 | gen 2"],
    ["A1", ignore(2), "GOOD", "A1:2 | gen 3"],
    ["A1", { ...ignore(3), ids: [ID_B] }, "5/26/00 list 20.3", "A1:2 | gen 3"],
    ["A1", ignore(0), "GOOD", " | gen 4"],
  ],
  "a key changes under a reservation": [
    ["A1", reg(1), "GOOD"],
    ["A1", res(1, 1), "GOOD"],
    ["A1", reg(2, 1), "GOOD", "A1:2 | type 1 by A1 | gen 2"],
    ["A1", rel(2, 1), "GOOD", "A1:2 | gen 2", ""],
  ],
  "nothing but registering from an unregistered nexus": [
    ["A1", res(0, 1), "CONFLICT", " | gen 0"],
    ["A1", rel(0, 1), "CONFLICT"],
    ["A1", clear(0), "CONFLICT"],
    ["A1", pre(0, 0, 1), "CONFLICT"],
    ["A1", { ...pre(0, 0, 1), action: "PREEMPT_AND_ABORT" }, "CONFLICT"],
    ["A1", move(0, 1), "CONFLICT", " | gen 0", ""],
  ],
  "the wrong key": [
    ["A1", reg(1), "GOOD"],
    ["A1", res(2, 1), "CONFLICT"],
    ["A1", rel(2, 1), "CONFLICT"],
    ["A1", clear(2), "CONFLICT"],
    ["A1", pre(2, 1, 1), "CONFLICT"],
    ["A1", move(2, 1), "CONFLICT", "A1:1 | gen 1", ""],
  ],
  RESERVE: [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A1", res(1, 0), "5/24/00 cdb 2.3"],
    ["A1", res(1, 2), "5/24/00 cdb 2.3"],
    ["A1", { ...res(1, 1), scope: 1 }, "5/24/00 cdb 2.7"],
    ["A1", res(1, 5), "GOOD", "A1:1 B1:2 | type 5 by A1 | gen 2"],
    ["A1", res(1, 5), "GOOD", "A1:1 B1:2 | type 5 by A1 | gen 2"],
    ["A1", res(1, 6), "CONFLICT"],
    ["B1", res(2, 5), "CONFLICT", "A1:1 B1:2 | type 5 by A1 | gen 2", ""],
  ],
  "RESERVE of an all registrants type": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A1", res(1, 7), "GOOD", "A1:1 B1:2 | type 7 by all | gen 2"],
    ["B1", res(2, 7), "GOOD", "A1:1 B1:2 | type 7 by all | gen 2"],
    ["B1", res(2, 8), "CONFLICT", "A1:1 B1:2 | type 7 by all | gen 2", ""],
    ["B1", rel(2, 7), "GOOD", "A1:1 B1:2 | gen 2", `A1 ${RELEASED}`],
  ],
  RELEASE: [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A1", rel(1, 1), "GOOD", "A1:1 B1:2 | gen 2"],
    ["A1", res(1, 1), "GOOD"],
    ["B1", rel(2, 1), "GOOD", "A1:1 B1:2 | type 1 by A1 | gen 2"],
    ["B1", rel(2, 9), "GOOD", "A1:1 B1:2 | type 1 by A1 | gen 2"],
    ["A1", rel(1, 3), "5/26/04 cdb 2.3"],
    ["A1", { ...rel(1, 1), scope: 1 }, "5/26/04 cdb 2.7"],
    ["A1", rel(1, 1), "GOOD", "A1:1 B1:2 | gen 2", ""],
  ],
  "the holder unregisters": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["A1", res(1, 3), "GOOD"],
    ["A1", reg(0, 1), "GOOD", "B1:2 A2:3 | gen 4", ""],
    ["B1", res(2, 6), "GOOD"],
    ["B1", ignore(0), "GOOD", "A2:3 | gen 5", `A2 ${RELEASED}`],
    ["A2", res(3, 8), "GOOD"],
    ["B2", reg(4), "GOOD"],
    ["A2", reg(0, 3), "GOOD", "B2:4 | type 8 by all | gen 7", ""],
    ["B2", reg(0, 4), "GOOD", " | gen 8", ""],
  ],
  CLEAR: [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["B2", reg(2), "GOOD"],
    ["A1", res(1, 1), "GOOD"],
    ["B1", { ...clear(2), scope: 5, type: 9 }, "GOOD", " | gen 4", `A1 ${CLEARED}, B2 ${CLEARED}`],
  ],
  "PREEMPT without a reservation removes registrations": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["B2", reg(2), "GOOD"],
    ["A1", pre(1, 9), "CONFLICT"],
    ["A1", pre(1, 0), "CONFLICT", "A1:1 B1:2 B2:2 | gen 3"],
    ["A1", pre(1, 2, 9), "GOOD", "A1:1 | gen 4", `B1 ${PREEMPTED}, B2 ${PREEMPTED}`],
    ["A1", pre(1, 1), "GOOD", " | gen 5", ""],
  ],
  "PREEMPT of a holder": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["B1", res(2, 1), "GOOD"],
    ["A1", pre(1, 0, 1), "5/26/00 list 8"],
    ["A1", pre(1, 9, 1), "CONFLICT"],
    ["A1", pre(1, 2, 2), "5/24/00 cdb 2.3"],
    ["A1", { ...pre(1, 2, 1), scope: 2 }, "5/24/00 cdb 2.7"],
    ["A1", pre(1, 2, 1), "GOOD", "A1:1 A2:3 | type 1 by A1 | gen 4", `B1 ${PREEMPTED}`],
    ["A2", pre(3, 1, 5), "GOOD", "A2:3 | type 5 by A2 | gen 5", `A1 ${PREEMPTED}`],
  ],
  "PREEMPT of a holder with another type": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["B1", res(2, 1), "GOOD"],
    [
      "A1",
      pre(1, 2, 3),
      "GOOD",
      "A1:1 A2:3 | type 3 by A1 | gen 4",
      `A2 ${RELEASED}, B1 ${PREEMPTED}`,
    ],
  ],
  "PREEMPT of oneself": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(1), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["A1", res(1, 1), "GOOD"],
    [
      "A1",
      pre(1, 1, 8),
      "GOOD",
      "A1:1 A2:3 | type 8 by all | gen 4",
      `A2 ${RELEASED}, B1 ${PREEMPTED}`,
    ],
  ],
  "PREEMPT of one who is not the holder": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["A1", res(1, 3), "GOOD"],
    ["A2", pre(3, 2, 1), "GOOD", "A1:1 A2:3 | type 3 by A1 | gen 4", `B1 ${PREEMPTED}`],
    ["A2", pre(3, 3, 1), "GOOD", "A1:1 | type 3 by A1 | gen 5", ""],
  ],
  "PREEMPT of all registrants": [
    ["A1", reg(1), "GOOD"],
    ["B1", reg(2), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["B1", res(2, 8), "GOOD"],
    ["A1", pre(1, 9, 1), "CONFLICT"],
    ["A1", pre(1, 2, 1), "GOOD", "A1:1 A2:3 | type 8 by all | gen 4", `B1 ${PREEMPTED}`],
    ["A1", pre(1, 0, 1), "GOOD", "A1:1 | type 1 by A1 | gen 5", `A2 ${PREEMPTED}`],
  ],
  "PREEMPT of the last of all registrants": [
    ["A1", reg(1), "GOOD"],
    ["A1", res(1, 7), "GOOD"],
    ["A1", pre(1, 1, 7), "GOOD", " | gen 2", ""],
  ],
  "REGISTER AND MOVE": [
    ["A1", reg(1), "GOOD"],
    ["A1", move(1, 2), "5/24/00 cdb 1.4"],
    ["A1", res(1, 5), "GOOD"],
    ["A2", reg(3), "GOOD"],
    ["A2", move(3, 2), "CONFLICT"],
    ["A1", move(1, 0), "5/26/00 list 8"],
    ["A1", move(1, 2, { ids: [ID_A] }), "5/26/00 list 24"],
    ["A1", move(1, 2, { ids: [ID_A], target: 2 }), "5/26/00 list 24"],
    ["A1", move(1, 2, { target: 3 }), "5/26/00 list 18", "A1:1 A2:3 | type 5 by A1 | gen 2"],
    ["A1", move(1, 2, { scope: 1, type: 9 }), "GOOD", "A1:1 A2:3 B1:2 | type 5 by B1 | gen 3", ""],
    [
      "B1",
      move(2, 4, { ids: [ID_A], target: 2, unreg: true }),
      "GOOD",
      "A1:1 A2:4 | type 5 by A2 | gen 4",
      "",
    ],
  ],
  "REGISTER AND MOVE of an all registrants type": [
    ["A1", reg(1), "GOOD"],
    ["A1", res(1, 8), "GOOD"],
    ["A1", move(1, 2), "CONFLICT", "A1:1 | type 8 by all | gen 1"],
  ],
  "REGISTER AND MOVE to an initiator by its name": [
    ["A1", reg(1), "GOOD"],
    ["A1", res(1, 1), "GOOD"],
    ["A1", move(1, 2, { ids: [byName("iqn.2024-01.net.example:carol")] }), "5/26/00 list 24"],
    ["A1", move(1, 2, { ids: [byName("iqn.2024-01.net.example:alice")] }), "5/26/00 list 24"],
    [
      "A1",
      move(1, 2, { ids: [byName("IQN.2024-01.net.example:Bob")] }),
      "GOOD",
      "A1:1 B1:2 | type 1 by B1 | gen 2",
    ],
  ],
  SPEC_I_PT: [
    ["A1", { ...reg(1), ids: [ID_B, ID_A] }, "GOOD", "A1:1 B1:1 | gen 1", ""],
    ["B2", reg(2), "GOOD"],
    ["A2", { ...reg(3), ids: [ID_B] }, "5/26/00 list 28", "A1:1 B1:1 B2:2 | gen 2"],
    ["A2", { ...reg(3, 1), ids: [ID_B] }, "CONFLICT"],
    ["A2", { ...reg(3), ids: [] }, "GOOD", "A1:1 B1:1 B2:2 A2:3 | gen 3"],
  ],
  "SPEC_I_PT with names": [
    [
      "A1",
      {
        ...reg(1),
        ids: [byName("iqn.2024-01.net.example:bob"), byName("iqn.2024-01.net.example:carol")],
      },
      "GOOD",
      "A1:1 B1:1 | gen 1",
    ],
  ],
  "SPEC_I_PT with TransportIDs of another protocol": [
    ["A1", { ...reg(1), ids: [ID_B, localTransportId("x")] }, "5/26/00 list 80", " | gen 0"],
  ],
  ALL_TG_PT: [
    ["A1", { ...reg(1), allTgPt: true }, "GOOD", "A1:1 A2:1 | gen 1"],
    ["A2", reg(5, 1), "GOOD"],
    ["A1", { ...reg(2, 1), allTgPt: true }, "GOOD", "A1:2 A2:5 | gen 3"],
    ["A1", { ...ignore(3), allTgPt: true }, "GOOD", "A1:3 A2:3 | gen 4"],
    ["A1", res(3, 5), "GOOD"],
    ["B1", reg(9), "GOOD"],
    ["A2", { ...reg(0, 3), allTgPt: true }, "GOOD", "B1:9 | gen 6", `B1 ${RELEASED}`],
    ["A1", { ...reg(1), allTgPt: true, ids: [ID_B] }, "5/26/00 list 28", "B1:9 | gen 6"],
    ["B1", reg(0, 9), "GOOD"],
    ["A1", { ...reg(1), allTgPt: true, ids: [ID_B] }, "GOOD", "A1:1 A2:1 B1:1 B2:1 | gen 8"],
    // Ignored where nothing is registered.
    ["A1", { ...res(1, 1), allTgPt: true, aptpl: true }, "GOOD"],
  ],
  "parameter lists": [
    ["A1", { ...reg(1), length: 23 }, "5/1a/00 cdb 5", " | gen 0"],
    ["A1", { ...reg(1), length: 0 }, "5/1a/00 cdb 5"],
    ["A1", { ...reg(1), ids: [ID_B], length: 24 }, "5/1a/00 cdb 5"],
    ["A1", { ...reg(1), ids: [ID_B], length: 27 }, "5/1a/00 cdb 5"],
    ["A1", { ...reg(1), ids: [ID_B], length: 50 }, "5/1a/00 cdb 5"],
    ["A1", { ...reg(1), ids: [ID_B], idsLength: 20 }, "5/26/00 list 24"],
    ["A1", { ...reg(1), ids: [ID_B], idsLength: 28 }, "5/26/00 list 28"],
    ["A1", { ...reg(1), ids: [ID_B.with(0, 0xc5)] }, "5/26/00 list 28"],
    ["A1", { ...reg(1), ids: [ID_B.with(0, 0x07)] }, "5/26/00 list 28", " | gen 0"],
    ["A1", reg(1), "GOOD"],
    ["A1", { ...res(1, 1), ids: [ID_B] }, "5/26/00 list 20.3"],
    ["A1", { ...res(1, 1), length: 20 }, "5/1a/00 cdb 5"],
    ["A1", res(1, 1), "GOOD"],
    ["A1", move(1, 2, { length: 20 }), "5/1a/00 cdb 5"],
    ["A1", move(1, 2, { ids: [] }), "5/26/00 list 20"],
    ["A1", move(1, 2, { idsLength: 20 }), "5/26/00 list 20"],
    ["A1", move(1, 2, { idsLength: 400 }), "5/26/00 list 20"],
    ["A1", move(1, 2, { idsLength: 24 }), "5/26/00 list 24"],
    ["A1", { ...move(1, 2), aptpl: true }, "5/26/00 list 17.0", "A1:1 | type 1 by A1 | gen 1"],
  ],
  "service actions that are none": [
    ["A1", { action: 0x08 }, "5/24/00 cdb 1.4"],
    ["A1", { action: 0x1f }, "5/24/00 cdb 1.4"],
  ],
};

function byName(name: string): Uint8Array {
  return iscsiBytes(0, name, 24);
}

describe("PERSISTENT RESERVE OUT", () => {
  test.each(Object.entries(scenarios))("%s", (_name, rows) => {
    const stage = new Stage();
    for (const [from, out, answer, picture, notices] of rows) {
      const line = `${from} ${JSON.stringify({ ...out, ids: out.ids?.length })}`;
      expect(say(stage.out(from, out)), `after ${line}`).toBe(answer);
      if (picture !== undefined) expect(stage.picture, `after ${line}`).toBe(picture);
      const told = stage.takeNotices();
      if (notices !== undefined) expect(told, `after ${line}`).toBe(notices);
    }
  });
});

describe("PREEMPT AND ABORT", () => {
  const abort = (key: number, newKey: number, type: number): Out => ({
    action: "PREEMPT_AND_ABORT",
    key,
    newKey,
    type,
  });

  test.each<[string, type: number, from: NexusName, Out, aborted: string]>([
    ["the holder", 1, "A1", abort(1, 2, 1), "B1 B2"],
    ["one who is not the holder", 1, "A1", abort(1, 3, 1), "A2"],
    ["oneself, who is the holder", 1, "B1", abort(2, 2, 3), "B1 B2"],
    ["one of all registrants", 8, "A1", abort(1, 3, 1), "A2"],
    ["all registrants", 8, "A1", abort(1, 0, 1), "A1 A2 B1 B2"],
    ["nobody", 8, "A1", abort(1, 9, 1), ""],
  ])("%s", (_name, type, from, out, aborted) => {
    const stage = new Stage();
    for (const [nexus, key] of [
      ["A1", 1],
      ["A2", 3],
      ["B1", 2],
      ["B2", 2],
    ] as const) {
      stage.out(nexus, reg(key));
    }
    stage.out("B1", res(2, type));
    const { abort: nexuses = [] } = stage.out(from, out);
    const names = nexuses.map((nexus) => (nexus as TestNexus).name).toSorted();
    expect(names.join(" ")).toBe(aborted);
  });

  test("without a reservation, and PREEMPT aborts nothing", () => {
    const stage = new Stage();
    stage.out("A1", reg(1));
    stage.out("B1", reg(2));
    stage.out("B2", reg(3));
    expect(stage.out("A1", pre(1, 2)).abort).toBeUndefined();
    expect(stage.out("A1", abort(1, 3, 0)).abort).toEqual([stage.nexuses.B2]);
  });
});

describe("who is told", () => {
  test("an initiator that is not there hears nothing, and is registered when it is back", () => {
    const stage = new Stage();
    stage.out("A1", reg(1));
    stage.out("B1", reg(2));
    stage.out("B1", res(2, 5));
    stage.reservations.detach(stage.nexuses.A1);
    stage.out("B1", rel(2, 5));
    expect(stage.takeNotices()).toBe("");
    stage.out("B1", res(2, 6));
    const back = new TestNexus("A1", ID_A, 1);
    expect(stage.reservations.check(back, 0)).toBe(true);
    stage.reservations.attach(back);
    expect(stage.reservations.check(back, 0)).toBe(false);
    stage.out("B1", rel(2, 6));
    expect(back.unitAttentions.map(({ name }) => name)).toEqual([RELEASED]);
  });

  test("every LUN of the nexus that leads to the device", () => {
    const stage = new Stage();
    const second = new TestNexus("A1'", ID_A, 1);
    stage.reservations.attach(second);
    stage.out("A1", reg(1));
    stage.out("B1", reg(2));
    stage.out("B1", res(2, 6));
    expect(stage.reservations.check(second, 0)).toBe(false);
    stage.out("B1", clear(2));
    expect(second.unitAttentions.map(({ name }) => name)).toEqual([CLEARED]);
  });
});

describe("limits and transports", () => {
  test("more registrations than there is room for", () => {
    const targetPorts = () => Array.from({ length: 9000 }, (_, index) => index + 1);
    const stage = new Stage({ targetPorts });
    expect(say(stage.out("A1", { ...reg(1), allTgPt: true }))).toBe("GOOD");
    expect(say(stage.out("B1", { ...reg(1), allTgPt: true }))).toBe("5/55/04");
    expect(stage.reservations.state.registrations.size).toBe(9000);
    expect(stage.reservations.state.generation).toBe(1);
  });

  test("while a nexus without a TransportID is attached, there are no persistent reservations", () => {
    const stage = new Stage();
    const nameless = new TestNexus("N", undefined, 3);
    stage.reservations.attach(nameless);
    expect(say(stage.out("A1", reg(1)))).toBe("5/20/00");
    expect(say(stage.in("A1", "READ_KEYS"))).toBe("5/20/00");
    stage.reservations.detach(nameless);
    expect(say(stage.out("A1", reg(1)))).toBe("GOOD");
    const cdb = cdbOf(reg(1));
    const answer = stage.reservations.persistentReserveOut(nameless, cdb, listOf(reg(1)));
    expect(answer).toMatchObject({ sense: { asc: 0x20 } });
  });

  test("a TransportID that is none", () => {
    const reservations = new Reservations({ name: "disk", store: new MemoryStateStore() });
    expect(() => reservations.attach(new TestNexus("N", ID_A.subarray(0, 20), 1))).toThrow(
      expect.objectContaining({ code: "TRANSPORT_ID" }),
    );
  });

  test("PRGENERATION wraps", () => {
    const stage = new Stage();
    stage.out("A1", reg(1));
    const { state } = stage.reservations;
    // Four thousand million service actions are too many for a test.
    Object.assign(state, { generation: 0xffff_ffff });
    stage.out("A1", reg(1, 1));
    expect(stage.reservations.state.generation).toBe(0);
  });

  test.each(ALL_TYPES)("type %i is one", (type) => {
    const stage = new Stage();
    stage.out("A1", reg(1));
    expect(say(stage.out("A1", res(1, type)))).toBe("GOOD");
    expect(stage.reservations.active).toBe(true);
    stage.out("A1", rel(1, type));
    expect(stage.reservations.active).toBe(false);
  });

  test("two ports of one iSCSI initiator are two initiator ports", () => {
    const stage = new Stage();
    const other = iscsiTransportId("iqn.2024-01.net.example:alice", ISID_A.with(5, 1));
    const nexus = new TestNexus("A'", other, 1);
    stage.reservations.attach(nexus);
    stage.out("A1", reg(1));
    stage.out("A1", res(1, 6));
    expect(stage.reservations.check(nexus, 0)).toBe(true);
  });
});
