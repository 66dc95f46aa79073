/** The loop asks for the next command instead of sleeping, where that is sooner. */
import { afterEach, expect, test, vi } from "vitest";
import { ERRNO } from "../../../src/protocol/errno.ts";
import { type DeviceHandler, good, registerDevice } from "../../../src/sdk/index.ts";
import { handlerOf } from "../../support/device.ts";
import { FakeScstUser } from "../../support/fake-scst-user.ts";
import { attach, exec } from "../../support/kernel-device.ts";

/** As many commands as it takes until the loop has found out what pays. */
const MANY = 256 * 20;
const LAST = 500;
const AWAKE_TIME_US = 200;

afterEach(() => vi.restoreAllMocks());

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An initiator that sends one command after the other, to a loop that wakes up in `wakeUpMs`. */
class Initiator {
  readonly fake = new FakeScstUser();
  readonly commandMs = 0.02;
  wakeUpMs = 0.06;
  nowMs = 0;
  /** Commands that were found without a word. */
  found = 0;
  #handle = 1;

  async register(awakeTimeUsMax: number, parts: Partial<DeviceHandler> = {}): Promise<void> {
    vi.spyOn(performance, "now").mockImplementation(() => this.nowMs);
    const channel = this.fake.channel(undefined, awakeTimeUsMax);
    await registerDevice(channel, "disk1", handlerOf({ exec: () => good, ...parts }));
    this.fake.post(attach(1));
  }

  async send(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.nowMs += this.commandMs;
      this.#handle++;
      this.fake.bring(exec(this.#handle));
      await turn();
      if (this.fake.waiting === 0) {
        this.found++;
        continue;
      }
      this.nowMs += this.wakeUpMs;
      this.fake.post();
    }
  }

  async foundOf(count: number): Promise<number> {
    const { found } = this;
    await this.send(count);
    return this.found - found;
  }

  /** Calls of the core in each of so many turns. */
  async looks(turns: number): Promise<number[]> {
    const counts: number[] = [];
    for (let i = 0; i < turns; i++) {
      const before = this.fake.requests.length;
      await turn();
      counts.push(this.fake.requests.length - before);
    }
    return counts;
  }
}

test("commands are found where waking up takes longer than they do", async () => {
  const initiator = new Initiator();
  await initiator.register(AWAKE_TIME_US);
  await initiator.send(MANY);
  expect(await initiator.foundOf(LAST)).toBeGreaterThan(LAST * 0.9);
});

test("the loop sleeps where it makes no difference", async () => {
  const initiator = new Initiator();
  initiator.wakeUpMs = 0;
  await initiator.register(AWAKE_TIME_US);
  await initiator.send(MANY);
  expect(initiator.found).toBeLessThan(MANY * 0.1);
});

test("it is turned off by 0", async () => {
  const initiator = new Initiator();
  await initiator.register(0);
  await initiator.send(MANY);
  expect([initiator.found, await initiator.looks(2)]).toEqual([0, [0, 0]]);
});

test("it asks a few times a turn, and not at all when no command came for the time", async () => {
  const initiator = new Initiator();
  await initiator.register(AWAKE_TIME_US);
  await initiator.send(MANY);
  expect(await initiator.looks(3)).toEqual([16, 16, 16]);
  initiator.nowMs += 2 * (AWAKE_TIME_US / 1000);
  expect(await initiator.looks(3)).toEqual([0, 0, 0]);
});

test("it asks once a turn while the handler waits for something", async () => {
  let finish: (outcome: typeof good) => void = () => undefined;
  let waits = false;
  const initiator = new Initiator();
  await initiator.register(AWAKE_TIME_US, {
    exec: () => (waits ? new Promise((resolve) => (finish = resolve)) : good),
  });
  await initiator.send(MANY);
  waits = true;
  await initiator.send(1);
  expect(await initiator.looks(3)).toEqual([1, 1, 1]);
  finish(good);
});

test("a device that is closed is not asked any more", async () => {
  const initiator = new Initiator();
  await initiator.register(AWAKE_TIME_US);
  await initiator.send(MANY);
  initiator.fake.answer = () => -ERRNO.ENODEV;
  await turn();
  expect(await initiator.looks(3)).toEqual([0, 0, 0]);
});
