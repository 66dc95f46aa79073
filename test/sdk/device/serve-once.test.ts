/** The loop of a thread that waits for commands in the core's own call. */
import { expect, test } from "vitest";
import { ERRNO } from "../../../src/protocol/errno.ts";
import {
  SCST_USER_REPLY_AND_GET_MULTI,
  ScstUserGetMulti,
} from "../../../src/protocol/scst/index.ts";
import { DeviceLoop } from "../../../src/sdk/device/device-loop.ts";
import { type DeviceHandler, good } from "../../../src/sdk/index.ts";
import { handlerOf } from "../../support/device.ts";
import { FakeScstUser } from "../../support/fake-scst-user.ts";
import { attach, exec, handles } from "../../support/kernel-device.ts";

/** What each call brought and wanted: "2 replies, 32 gets". */
function blockingLoop(parts: Partial<DeviceHandler> = {}) {
  const fake = new FakeScstUser();
  const calls: string[] = [];
  const reports: string[] = [];
  fake.answer = (request, argument) => {
    if (request !== SCST_USER_REPLY_AND_GET_MULTI) return undefined;
    const multi = ScstUserGetMulti.view(fake.bytesAt(argument, ScstUserGetMulti.size));
    calls.push(`${multi.repliesCnt} replies, ${multi.cmdsCnt} gets`);
    return undefined;
  };
  const loop = new DeviceLoop(fake.channel(), handlerOf(parts), (code) => reports.push(code));
  loop.pumpsOnlyReply = true;
  fake.post(attach(1));
  loop.serveOnce(() => undefined);
  calls.length = 0;
  return { fake, loop, calls, reports };
}

const nothing = () => undefined;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a call that waits takes no replies along: a signal would have it give them again", () => {
  const { fake, loop, calls } = blockingLoop();
  fake.post(exec(2), exec(3));
  expect(loop.serveOnce(nothing)).toBe(true);
  loop.serveOnce(nothing);
  // The first is the session's.
  expect(calls).toEqual([
    "1 replies, 0 gets",
    "0 replies, 32 gets",
    "2 replies, 0 gets",
    "0 replies, 32 gets",
  ]);
  expect(handles(fake)).toEqual([1, 2, 3]);
});

test("what is told comes before the commands that were got with it", () => {
  const events: string[] = [];
  const { fake, loop } = blockingLoop({
    exec: () => {
      events.push("command");
      return good;
    },
  });
  fake.post(exec(2));
  loop.serveOnce(() => events.push("told"));
  expect(events).toEqual(["told", "command"]);
});

test("it asks for nothing while the handler has something, and replies to what it has not", async () => {
  let finish: (outcome: typeof good) => void = nothing;
  const { fake, loop, calls } = blockingLoop({
    exec: ({ cdb }) => (cdb[0] === 0 ? new Promise((resolve) => (finish = resolve)) : good),
  });
  fake.post(
    exec(2),
    exec(3, ({ cdb }) => (cdb[0] = 0x1e)),
  );
  loop.serveOnce(nothing);
  expect(loop.isAnswered).toBe(false);
  loop.pump();
  expect(handles(fake)).toEqual([1, 3]);
  let answered = false;
  void loop.answered().then(() => (answered = true));
  calls.length = 0;
  fake.post(exec(4));
  await settled();
  expect([answered, calls]).toEqual([false, []]);
  finish(good);
  await settled();
  expect([answered, calls]).toEqual([true, ["1 replies, 0 gets"]]);
  expect(handles(fake)).toEqual([1, 3, 2]);
  await loop.answered();
});

test.each(["EAGAIN", "EINTR"] as const)("%s: it comes back with nothing", (name) => {
  const { fake, loop, reports } = blockingLoop();
  fake.getError = { after: 0, errno: ERRNO[name] };
  expect([loop.serveOnce(nothing), loop.isAnswered, reports]).toEqual([true, true, []]);
});

test("a device that is gone ends it", () => {
  const { fake, loop, reports } = blockingLoop();
  fake.getError = { after: 0, errno: ERRNO.ENODEV };
  expect([loop.serveOnce(nothing), reports]).toEqual([false, ["CHANNEL"]]);
  expect(loop.serveOnce(nothing)).toBe(false);
});
