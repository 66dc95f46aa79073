/** A device that always has more to do lets the event loop have its turns. */
import { expect, test } from "vitest";
import { good } from "../../../src/sdk/index.ts";
import { exec, registered } from "../../support/kernel-device.ts";

test("commands that never end leave time for timers and other devices", async () => {
  let going = true;
  let commands = 0;
  const { fake } = await registered({
    exec: () => {
      commands++;
      if (commands > 100_000) going = false;
      return good;
    },
  });
  // Each reply brings the next command, as of an initiator on another processor.
  fake.onTaken = ({ reply }) => {
    if (going) fake.post(exec(reply.cmdH + 1));
  };
  fake.post(exec(2));
  const first = commands;
  expect([first > 0, first < 100_000, fake.taken.length]).toEqual([true, true, first]);

  await new Promise((resolve) => setImmediate(resolve));
  expect(commands).toBeGreaterThan(first);
  going = false;
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect([fake.waiting, fake.taken.length]).toEqual([0, commands]);
});
