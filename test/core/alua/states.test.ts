/** What changes of state do to commands, and who is told. */
import { describe, expect, test } from "vitest";

import { SCST_ABORT_TASK } from "../../../src/protocol/scst/index.ts";
import { senseText } from "../../support/bench.ts";
import { heard, openPaths, ready, settled } from "./rig.ts";

describe("a state that lets little through", () => {
  test.each([
    ["standby", "2/04/0B"],
    ["unavailable", "2/04/0C"],
    ["offline", "2/04/0C"],
  ] as const)("%s", async (state, expected) => {
    const { first, second, one } = await openPaths();
    const [a, b] = [await settled(first), await settled(second)];
    one.setState(state);
    // First of all the change itself: by that Linux asks for the states again.
    expect([await ready(a), await ready(a)]).toEqual(["6/2A/06", expected]);
    expect(await heard(b)).toEqual(["6/2A/06"]);
    one.setState("active");
    expect(await heard(a)).toEqual(["6/2A/06"]);
  });

  test("a session that comes later finds it too", async () => {
    const { first, one } = await openPaths();
    one.setState("standby");
    const late = first.connect("late");
    expect([await ready(late), await ready(late)]).toEqual(["6/29/00", "2/04/0B"]);
  });
});

describe("who is told", () => {
  test("everybody, whatever the target", async () => {
    const { first, second, one } = await openPaths();
    const [a, b] = [await settled(first), await settled(second)];
    one.setState("nonoptimized");
    expect([await heard(a), await heard(b)]).toEqual([["6/2A/06"], ["6/2A/06"]]);
    one.setState("nonoptimized");
    expect([await heard(a), await heard(b)]).toEqual([[], []]);
    one.setPreferred(true);
    one.setPreferred(true);
    expect([await heard(a), await heard(b)]).toEqual([["6/2A/06"], ["6/2A/06"]]);
  });

  test("nobody before a transition is over", async () => {
    const { first, second, one } = await openPaths();
    const [a, b] = [await settled(first), await settled(second)];
    one.setState("transitioning");
    expect(await heard(b)).toEqual([]);
    one.setState("active");
    expect([await heard(a), await heard(b)]).toEqual([["6/2A/06"], ["6/2A/06"]]);
  });

  test("a program with an event listener", async () => {
    const { first, one } = await openPaths();
    const events: string[] = [];
    const a = first.connect("a", { onEvent: ({ sense }) => events.push(sense.name) });
    await heard(a);
    one.setState("nonoptimized");
    await Promise.resolve();
    expect(events).toEqual(["ASYMMETRIC ACCESS STATE CHANGED"]);
    expect(await heard(a)).toEqual([]);
  });
});

describe("a transition", () => {
  test("has commands wait for its end", async () => {
    const { first, one, clock } = await openPaths();
    const a = await settled(first);
    one.setState("transitioning");
    const waiting = [ready(a), ready(a)];
    clock.advance(499);
    one.setState("active");
    expect(await Promise.all(waiting)).toEqual(["6/2A/06", ""]);
    expect(clock.timers).toBe(0);
  });

  test("that takes too long refuses them", async () => {
    const { first, one, clock } = await openPaths();
    const a = await settled(first);
    one.setState("transitioning");
    const waiting = ready(a);
    clock.advance(500);
    expect(await waiting).toBe("2/04/0A");
  });

  test("to another state refuses with that one's sense", async () => {
    const { first, one } = await openPaths();
    const a = await settled(first);
    one.setState("transitioning");
    const waiting = [ready(a), ready(a)];
    one.setState("standby");
    expect(await Promise.all(waiting)).toEqual(["6/2A/06", "2/04/0B"]);
  });

  test("that a command does not live to see", async () => {
    const { first, one, clock } = await openPaths();
    const a = await settled(first);
    one.setState("transitioning");
    const waiting = a.execute({ cdb: [0, 0, 0, 0, 0, 0], tag: 77 });
    expect(await a.taskManagement({ function: SCST_ABORT_TASK, tag: 77 })).toBe(0);
    expect((await waiting).aborted).toBe(true);
    expect(clock.timers).toBe(0);
    one.setState("active");
    expect(await heard(a)).toEqual(["6/2A/06"]);
  });

  test.each([
    ["its target", (rig: Rig) => rig.one.removeTarget(rig.core.targets.get("one")!)],
    ["its device", (rig: Rig) => rig.group.removeDevice(rig.core.deviceOf("disk"))],
    ["the target group", (rig: Rig) => rig.group.removeTargetGroup("left")],
    ["the device group", (rig: Rig) => rig.core.removeDeviceGroup("shelf")],
  ])("is over for a command when %s is taken out", async (_what, takeOut) => {
    const rig = await openPaths();
    const a = await settled(rig.first);
    rig.one.setState("transitioning");
    const waiting = ready(a);
    takeOut(rig);
    const sense = await waiting;
    expect(["", "6/3F/03"]).toContain(sense);
    expect(rig.clock.timers).toBe(0);
  });

  test("and a session that closes leave nothing behind", async () => {
    const { first, one, clock } = await openPaths();
    const a = await settled(first);
    one.setState("transitioning");
    const waiting = a.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    await a.close();
    expect((await waiting).aborted).toBe(true);
    expect(clock.timers).toBe(0);
  });
});

type Rig = Awaited<ReturnType<typeof openPaths>>;

test("EXTENDED COPY does not get round a state", async () => {
  const { first, one } = await openPaths();
  const a = await settled(first);
  one.setState("standby");
  expect(await ready(a)).toBe("6/2A/06");
  const { sense } = await a.execute({
    cdb: [0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  });
  expect(senseText(sense)).toBe("2/04/0B");
});
