import { describe, expect, test } from "vitest";
import type { DeviceSession } from "../../../src/sdk/index.ts";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import { senseText } from "../../support/bench.ts";
import { handlerOf, withDevice } from "../../support/device.ts";

const TEST_UNIT_READY = { cdb: [0, 0, 0, 0, 0, 0] };
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("attachSession and detachSession", () => {
  test("are told who it is, once each", async () => {
    const events: [string, string, number][] = [];
    const tell =
      (event: string) =>
      ({ initiatorName, lun }: DeviceSession): undefined =>
        void events.push([event, initiatorName, lun]);
    const { connect } = await withDevice(
      handlerOf({ attachSession: tell("attach"), detachSession: tell("detach") }),
    );
    const [a, b] = [connect("a"), connect("b")];
    await a.close();
    await b.close();
    expect(events).toEqual([
      ["attach", "a", 0],
      ["attach", "b", 0],
      ["detach", "a", 0],
      ["detach", "b", 0],
    ]);
  });

  test("a command's session is the one that was attached", async () => {
    const attached = new Map<string, DeviceSession>();
    const matches: boolean[] = [];
    const { connect } = await withDevice(
      handlerOf({
        attachSession: (session) => void attached.set(session.initiatorName, session),
        exec: ({ session }) => {
          matches.push(attached.get(session.initiatorName) === session);
          return { status: 0 };
        },
      }),
    );
    for (const initiator of [connect("a"), connect("b"), connect("a")]) {
      await initiator.execute(TEST_UNIT_READY);
      await initiator.execute(TEST_UNIT_READY);
    }
    expect(matches).toEqual([true, true, true]);
  });

  test.each([
    [
      "at once",
      () => {
        throw new Error("not you");
      },
    ],
    ["later", () => Promise.reject(new Error("not you"))],
  ])("an error, %s, refuses: the initiator has no such LUN", async (_when, attachSession) => {
    const { connect, reports } = await withDevice(handlerOf({ attachSession }));
    const initiator = connect();
    const { sense } = await initiator.execute(TEST_UNIT_READY);
    expect(senseText(sense)).toBe("5/25/00");
    expect(reports).toMatchObject([{ code: "HANDLER" }]);
    await initiator.close();
  });

  test("one refused does not hurt another", async () => {
    const { connect } = await withDevice(
      handlerOf({
        attachSession: ({ initiatorName }) => {
          if (initiatorName === "bad") throw new Error("not you");
        },
      }),
    );
    const senses: string[] = [];
    for (const name of ["bad", "fine"]) {
      senses.push(senseText((await connect(name).execute(TEST_UNIT_READY)).sense));
    }
    expect(senses).toEqual(["5/25/00", "6/29/00"]);
  });

  test("commands wait until attachSession is done", async () => {
    let open: (() => void) | undefined;
    const { connect } = await withDevice(
      handlerOf({
        attachSession: () =>
          new Promise((resolve) => {
            open = resolve;
          }),
      }),
    );
    const initiator = connect();
    let ended = false;
    const response = initiator.execute(TEST_UNIT_READY).then((each) => {
      ended = true;
      return each;
    });
    await settled();
    expect(ended).toBe(false);
    open?.();
    expect(senseText((await response).sense)).toBe("6/29/00");
  });

  test("one that takes longer than five seconds is not waited for", async () => {
    const { connect, clock } = await withDevice(
      handlerOf({ attachSession: () => new Promise(() => undefined) }),
    );
    const response = connect().execute(TEST_UNIT_READY);
    clock.advance(5000);
    expect(senseText((await response).sense)).toBe("5/25/00");
  });

  test("an error of detachSession is reported, and the session ends", async () => {
    const { connect, reports } = await withDevice(
      handlerOf({
        detachSession: () => {
          throw new Error("stay");
        },
      }),
    );
    await connect().close();
    await settled();
    expect(reports).toMatchObject([{ code: "HANDLER" }]);
  });
});

test("a LUN that goes while commands wait at the handler: they end well", async () => {
  const waiting: (() => void)[] = [];
  const { connect, target, reports } = await withDevice(
    handlerOf({
      exec: () =>
        new Promise((resolve) => {
          waiting.push(() => resolve({ status: 0 }));
        }),
    }),
  );
  const initiator = connect();
  await initiator.execute(TEST_UNIT_READY);
  const responses = [1, 2, 3].map(() => initiator.execute(TEST_UNIT_READY));
  target.removeLun(0);
  for (const end of waiting) end();
  expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([0, 0, 0]);
  expect((await initiator.execute(TEST_UNIT_READY)).status).toBe(STATUS.CHECK_CONDITION);
  expect(reports).toEqual([]);
});
