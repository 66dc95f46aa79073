/** Configuring device groups and target groups: what is refused. */
import { expect, test } from "vitest";

import { disk, loopbackChannel, memoryStore, registerDevice } from "../../../src/sdk/index.ts";
import { openPaths } from "./rig.ts";

type Rig = Awaited<ReturnType<typeof openPaths>>;

const WRONG: readonly [string, string, (rig: Rig) => void][] = [
  [
    "a second device group of a name",
    "GROUP_NAME_TAKEN",
    ({ core }) => core.addDeviceGroup("shelf"),
  ],
  [
    "a second target group of a name",
    "GROUP_NAME_TAKEN",
    ({ group }) => group.addTargetGroup("left", { groupId: 7 }),
  ],
  ["an id that is taken", "GROUP_ID", ({ group }) => group.addTargetGroup("x", { groupId: 101 })],
  ["id 0", "GROUP_ID", ({ group }) => group.addTargetGroup("x", { groupId: 0 })],
  ["id 65536", "GROUP_ID", ({ group }) => group.addTargetGroup("x", { groupId: 65_536 })],
  ["half an id", "GROUP_ID", ({ group }) => group.addTargetGroup("x", { groupId: 0.5 })],
  [
    "a device in two groups",
    "DEVICE_IN_GROUP",
    ({ core }) => core.addDeviceGroup("other").addDevice("disk"),
  ],
  ["a device that is not there", "DEVICE_UNKNOWN", ({ group }) => group.addDevice("tape")],
  [
    "a target in two groups",
    "TARGET_IN_GROUP",
    ({ core, two }) => two.addTarget(core.targets.get("one")!),
  ],
  ["a remote target with a local id", "TARGET_IN_GROUP", ({ two }) => two.addRemoteTarget(1)],
  ["remote target 0", "RELATIVE_TARGET_PORT", ({ two }) => two.addRemoteTarget(0)],
  ["remote target 65536", "RELATIVE_TARGET_PORT", ({ two }) => two.addRemoteTarget(65_536)],
  [
    "a state that there is not",
    "ACCESS_STATE",
    ({ one }) => one.setState("lba-dependent" as "active"),
  ],
  [
    "256 targets",
    "TARGETS_PER_GROUP_MAX",
    ({ one }) => {
      for (let id = 1000; id < 1256; id++) one.addRemoteTarget(id);
    },
  ],
  [
    "65 target groups",
    "TARGET_GROUPS_MAX",
    ({ group }) => {
      for (let id = 1; id < 65; id++) group.addTargetGroup(`${id}`, { groupId: id });
    },
  ],
  [
    "1025 device groups",
    "DEVICE_GROUPS_MAX",
    ({ core }) => {
      for (let i = 0; i < 1024; i++) core.addDeviceGroup(`${i}`);
    },
  ],
];

test.each(WRONG)("%s: %s", async (_what, code, configure) => {
  const rig = await openPaths();
  expect(() => configure(rig)).toThrow(expect.objectContaining({ code }));
});

test("a device that is closed, and a target that is removed, leave their groups", async () => {
  const { core, device, group, one } = await openPaths();
  await device.close();
  expect(group.devices.size).toBe(0);
  core.removeTarget(core.targets.get("one")!);
  expect(one.targets.size).toBe(0);
});

test("a device that comes back is in its group again, unless it was taken out", async () => {
  const { core, device, group } = await openPaths();
  await device.close();
  const come = () =>
    registerDevice(loopbackChannel(core), "disk", disk(memoryStore(1024 * 1024), { serial: "1" }));
  const second = await come();
  expect([...group.devices].map(({ name }) => name)).toEqual(["disk"]);
  group.removeDevice(core.devices.get("disk")!);
  await second.close();
  await come();
  expect(group.devices.size).toBe(0);
});

test("a device that has left may join another group", async () => {
  const { core, group } = await openPaths();
  group.removeDevice(core.deviceOf("disk"));
  core.addDeviceGroup("other").addDevice("disk");
  expect(core.deviceOf("disk").deviceGroup?.name).toBe("other");
  core.removeDeviceGroup("other");
  expect(core.deviceOf("disk").deviceGroup).toBeUndefined();
  expect([...core.deviceGroups.keys()]).toEqual(["shelf"]);
});
