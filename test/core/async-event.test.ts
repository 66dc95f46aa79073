/** Changes that a target driver tells by itself (SCST's asynchronous event notifications). */
import { describe, expect, test } from "vitest";

import type { AsyncEvent } from "../../src/core/index.ts";
import { SCST_USER_DEVICE_CAPACITY_CHANGED } from "../../src/protocol/scst/index.ts";
import { LocalTarget } from "../../src/targets/local/index.ts";
import { Bench } from "../support/bench.ts";
import { handlerOf, withDevice } from "../support/device.ts";

interface Taker {
  asyncEvent?: (event: AsyncEvent) => boolean;
}

function benchWith(takes: boolean) {
  const [bench, initiator] = Bench.ready();
  const events: string[] = [];
  (bench.driver as Taker).asyncEvent = ({ session, lun, sense }) => {
    events.push(`${session.name} ${lun} ${sense.name}`);
    return takes;
  };
  const heard = () => {
    const sent = initiator.testUnitReady();
    bench.serve();
    return sent.response!.sense;
  };
  return { bench, events, heard };
}

const CHANGES: readonly [string, string, (bench: Bench) => void][] = [
  [
    "CAPACITY DATA HAS CHANGED",
    "6/2A/09",
    (bench) => bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED),
  ],
  ["INQUIRY DATA HAS CHANGED", "6/3F/03", (bench) => bench.core.inquiryDataChanged("disk")],
  [
    "REPORTED LUNS DATA HAS CHANGED",
    "6/3F/0E",
    (bench) => {
      bench.target.addLun(7, "disk");
      bench.answerAttach();
    },
  ],
];

describe.each(CHANGES)("%s", (name, sense, change) => {
  test("is told by a driver that can", () => {
    const { bench, events, heard } = benchWith(true);
    change(bench);
    expect(events).toEqual([`initiator 0 ${name}`]);
    expect(heard()).toBe("");
  });

  test("waits where the driver can't", () => {
    const { bench, events, heard } = benchWith(false);
    change(bench);
    expect(events).toEqual([`initiator 0 ${name}`]);
    expect(heard()).toBe(sense);
  });

  test("waits where the target's switch is off", () => {
    const { bench, events, heard } = benchWith(true);
    bench.target.asyncEvents = false;
    change(bench);
    expect(events).toEqual([]);
    expect(heard()).toBe(sense);
  });
});

test("a program with a local initiator hears of them, in a later turn", async () => {
  const { device, target } = await withDevice(handlerOf());
  const events: string[] = [];
  const listening = target.connect("listening", {
    onEvent: ({ lun, sense }) => events.push(`${lun} ${sense.name}`),
  });
  const asking = target.connect("asking");
  for (const initiator of [listening, asking]) await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  const told = device.capacityChanged();
  expect(events).toEqual([]);
  await told;
  expect(events).toEqual(["0 CAPACITY DATA HAS CHANGED"]);
  const heard = await asking.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  expect(heard.status).toBe(2);
  const seen = await listening.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  expect(seen.status).toBe(0);
  await listening.close();
  await device.capacityChanged();
  await Promise.resolve();
  expect(events).toHaveLength(1);
  await device.close();
});

test("a target can be told at its start not to ask", () => {
  const { core } = new Bench();
  const driver = new LocalTarget(core, "other");
  expect(core.targets.get("other")!.asyncEvents).toBe(true);
  const quiet = core.addTarget({ name: "quiet", driver, asyncEvents: false });
  expect(quiet.asyncEvents).toBe(false);
});
