import { describe, expect, test } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import { DEVICE_TYPE } from "../../../src/protocol/scsi/index.ts";
import { SCST_USER_GET_OPTIONS, ScstUserOpt } from "../../../src/protocol/scst/index.ts";
import {
  type DeviceHandler,
  type DeviceOptions,
  good,
  loopbackChannel,
  registerDevice,
} from "../../../src/sdk/index.ts";
import { handlerOf, readyDevice, withDevice } from "../../support/device.ts";
import { senseText } from "../../support/bench.ts";

const register = (name: string, handler: DeviceHandler, core = createCore()) =>
  registerDevice(loopbackChannel(core), name, handler);

describe("what is wrong is said before the core can only say EINVAL", () => {
  test.each([
    ["no name", "", handlerOf(), "DEVICE_NAME"],
    ["a name with a dot", "a.b", handlerOf(), "DEVICE_NAME"],
    ["a name with a slash", "a/b", handlerOf(), "DEVICE_NAME"],
    ["a long name", "x".repeat(49), handlerOf(), "DEVICE_NAME"],
    ["small blocks", "disk", handlerOf({ blockSize: 256 }), "BLOCK_SIZE"],
    ["odd blocks", "disk", handlerOf({ blockSize: 520 }), "BLOCK_SIZE"],
    ["no blocks", "disk", handlerOf({ blockSize: 0 }), "BLOCK_SIZE"],
    ["parse without parse()", "disk", handlerOf({ options: { parse: "call" } }), "PARSE_MISSING"],
  ])("%s", async (_title, name, handler, code) => {
    await expect(register(name, handler)).rejects.toThrow(
      expect.objectContaining({ name: "UsageError", code }),
    );
  });

  test("a name that is taken", async () => {
    const core = createCore();
    await register("disk", handlerOf(), core);
    await expect(register("disk", handlerOf(), core)).rejects.toThrow(
      expect.objectContaining({ name: "SystemError", code: "ENOMEM" }),
    );
    await expect(register("disk", handlerOf(), core)).rejects.toThrow(
      'loopback refused to register "disk"',
    );
  });

  test.each([
    ["a name of 48 characters", "x".repeat(48), handlerOf()],
    ["a tape without blocks", "tape", handlerOf({ type: DEVICE_TYPE.TAPE, blockSize: 0 })],
    ["blocks of 4096", "disk", handlerOf({ blockSize: 4096 })],
  ])("%s is fine", async (_title, name, handler) => {
    const device = await register(name, handler);
    expect(device).toMatchObject({ name, handler });
    await device.close();
  });
});

describe("options", () => {
  test.each<[string, DeviceOptions, Partial<Record<string, number>>]>([
    ["none", {}, { parseType: 0, memoryReuseType: 3, onFreeCmdType: 1, tst: 1, queueAlg: 1 }],
    ["parse", { parse: "exception" }, { parseType: 2 }],
    [
      "reuse none: memory must come back",
      { memoryReuse: "none" },
      { memoryReuseType: 0, onFreeCmdType: 0 },
    ],
    ["reuse read", { memoryReuse: "read" }, { memoryReuseType: 1, onFreeCmdType: 0 }],
    ["reuse write", { memoryReuse: "write" }, { memoryReuseType: 2, onFreeCmdType: 0 }],
    ["onFree", { onFree: "call" }, { onFreeCmdType: 0 }],
    ["task sets", { taskSetType: 0, queueAlgorithm: 0 }, { tst: 0, queueAlg: 0 }],
    ["QERR", { queueErrorManagement: 3 }, { qerr: 3 }],
    ["flags", { taskAbortedStatus: true, softwareWriteProtect: true }, { tas: 1, swp: 1 }],
    ["D_SENSE", { descriptorSense: true }, { dSense: 1 }],
    ["order", { ownOrderManagement: true }, { hasOwnOrderMgmt: 1 }],
    ["TMF_ONLY", { taskManagementFunctionsOnly: true }, { tmfOnly: 1 }],
    ["EXTENDED COPY", { extendedCopyRemap: true }, { extCopyRemapSupported: 1 }],
  ])("%s", async (_title, options, expected) => {
    const callbacks = options.extendedCopyRemap === true ? { extendedCopyRemap: () => [] } : {};
    const handler = handlerOf({ options, parse: () => good, ...callbacks });
    const { channel } = await withDevice(handler);
    const block = channel.arena.allocate(ScstUserOpt.size)!;
    expect(channel.ioctl(SCST_USER_GET_OPTIONS, block.address)).toBe(0);
    const view = ScstUserOpt.view(block.bytes) as unknown as Record<string, number>;
    const names = Object.keys(expected);
    expect(Object.fromEntries(names.map((name) => [name, view[name]]))).toEqual(expected);
  });
});

test("capacityChanged is a unit attention to every initiator", async () => {
  const { initiator, device } = await readyDevice(handlerOf());
  await device.capacityChanged();
  const { sense } = await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  expect(senseText(sense)).toBe("6/2A/09");
});

test("capacityChanged of what has no capacity is an error", async () => {
  const { device } = await withDevice(handlerOf({ type: DEVICE_TYPE.TAPE, blockSize: 0 }));
  await expect(device.capacityChanged()).rejects.toThrow(
    expect.objectContaining({ code: "EINVAL" }),
  );
});
