/** One disk behind two targets, in a device group with a group for each of them. */
import { createCore, type DeviceGroupOptions } from "../../../src/core/index.ts";
import { disk } from "../../../src/sdk/devices/disk/disk.ts";
import {
  type DeviceHandler,
  loopbackChannel,
  memoryStore,
  registerDevice,
} from "../../../src/sdk/index.ts";
import { type LocalInitiator, LocalTarget } from "../../../src/targets/local/index.ts";
import { senseText } from "../../support/bench.ts";
import { FakeClock } from "../../support/fake-clock.ts";

export async function openPaths(options: DeviceGroupOptions = {}, handler?: DeviceHandler) {
  const clock = new FakeClock();
  const core = createCore({ clock });
  const device = await registerDevice(
    loopbackChannel(core),
    "disk",
    handler ?? disk(memoryStore(1024 * 1024), { serial: "1" }),
  );
  const targets = ["one", "two"].map((name) => new LocalTarget(core, name));
  for (const target of targets) target.addLun(0, "disk");
  const [first, second] = targets as [LocalTarget, LocalTarget];
  const group = core.addDeviceGroup("shelf", options);
  group.addDevice("disk");
  const one = group.addTargetGroup("left", { groupId: 101 });
  const two = group.addTargetGroup("right", { groupId: 102, state: "nonoptimized" });
  one.addTarget(core.targets.get("one")!);
  two.addTarget(core.targets.get("two")!);
  return { clock, core, device, group, one, two, first, second };
}

const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];

/** What TEST UNIT READY says. */
export async function ready(initiator: LocalInitiator): Promise<string> {
  return senseText((await initiator.execute({ cdb: TEST_UNIT_READY })).sense);
}

/** What TEST UNIT READY says until it says GOOD. */
export async function heard(initiator: LocalInitiator): Promise<string[]> {
  const all: string[] = [];
  for (let sense = await ready(initiator); sense !== ""; sense = await ready(initiator)) {
    all.push(sense);
  }
  return all;
}

/** An initiator that has heard what there is to hear. */
export async function settled(target: LocalTarget, name = "initiator"): Promise<LocalInitiator> {
  const initiator = target.connect(name);
  await heard(initiator);
  return initiator;
}

export function reportTargetPortGroups(length = 252, format = 0): number[] {
  return [0xa3, (format << 5) | 0x0a, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0, 0];
}

/** The command with descriptors of a state and a group each. */
export function setTargetPortGroups(...wanted: readonly (readonly [number, number])[]) {
  const dataOut = Uint8Array.from([
    0,
    0,
    0,
    0,
    ...wanted.flatMap(([state, group]) => [state, 0, group >> 8, group & 0xff]),
  ]);
  return { cdb: [0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, dataOut.length, 0, 0], dataOut };
}
