import { describe, expect, test } from "vitest";

import { SCST_LUN_RESET } from "../../../../src/protocol/scst/index.ts";
import { disk } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  EXPECT_INVALID_FIELD_IN_PARAMETER_LIST,
  EXPECT_INVALID_OPCODE,
  hex,
  inParameterList,
} from "../fake-command.ts";
import { memoryState } from "./memory-state.ts";

const newDisk = (stateStore = memoryState().state) =>
  disk(memoryStore(4 << 20), { name: "disk1", stateStore });

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const CACHING_OFF = "08 12 00 00 ffff 0000 ffff ffff 00 00 0000 00000000";
/** Flags of the control mode page: bytes 2 to 5. */
const control = (flags: string) => `0a 0a ${flags} 0000 0000 0000`;

const select = (list: string, saves: boolean) => {
  const dataOut = hex(`00 00 00 00 ${list}`);
  const length = dataOut.length.toString(16).padStart(2, "0");
  return { cdb: `15 1${saves ? 1 : 0} 00 00 ${length} 00`, dataOut };
};

async function page(handler: ReturnType<typeof disk>, pcAndPage: string): Promise<string> {
  const { data } = await execute(handler, `1a 08 ${pcAndPage} 00 ff 00`);
  return text(data.subarray(4));
}

describe("saved mode pages", () => {
  test("PS is set for those that can be saved", async () => {
    const { data } = await execute(newDisk(), "1a 08 3f ff ff 00");
    const saveable: number[] = [];
    for (let at = 4; at < data.length;) {
      const first = data[at] as number;
      if ((first & 0x80) !== 0) saveable.push(first & 0x3f);
      at += (first & 0x40) === 0 ? 2 + (data[at + 1] as number) : 4 + (data[at + 3] as number);
    }
    expect(saveable).toEqual([0x08, 0x0a]);
  });

  test("are there after a restart; what was not saved is not", async () => {
    const { state } = memoryState();
    const before = newDisk(state);
    for (const { cdb, dataOut } of [
      select(CACHING_OFF, true),
      select(control("26 10 08 00"), false),
    ]) {
      expect(await execute(before, cdb, { dataOut })).toMatchObject(EXPECT_GOOD);
    }
    expect(before.options).toMatchObject({ descriptorSense: true, softwareWriteProtect: true });
    const after = newDisk(state);
    expect(after.options).toMatchObject({ descriptorSense: false, softwareWriteProtect: false });
    // Current, default and saved values.
    const off = text(hex(CACHING_OFF)).slice(2);
    expect(await page(after, "08")).toBe(`88${off}`);
    expect(await page(after, "c8")).toBe(`88${off}`);
    expect(await page(after, "88")).toBe(`881204${off.slice(4)}`);
  });

  test("a reset brings back what was saved", async () => {
    const handler = newDisk();
    const saved = select(control("22 10 00 40"), true);
    const later = select(control("26 10 08 40"), false);
    await execute(handler, saved.cdb, saved);
    await execute(handler, later.cdb, later);
    expect(handler.options).toMatchObject({ taskAbortedStatus: true, descriptorSense: true });
    handler.taskManagementReceived({
      function: SCST_LUN_RESET,
      session: undefined,
      command: undefined,
    });
    expect(handler.options).toMatchObject({ taskAbortedStatus: true, descriptorSense: false });
  });

  test("where saving fails the initiator hears of it", async () => {
    const { state } = memoryState();
    const handler = newDisk(state);
    state.fail = Object.assign(new TypeError("injected"), { code: "ENOSPC", errno: 28 });
    const { cdb, dataOut } = select(CACHING_OFF, true);
    await expect(execute(handler, cdb, { dataOut })).rejects.toThrow("injected");
    delete state.fail;
    expect(await page(handler, "c8")).toContain("881204");
  });

  test.each(["{", "{}", '{"version":2}', '{"version":1,"modePages":{"08/00":"x"}}', "null"])(
    "a file with %s is refused",
    (content) => {
      const { state, files } = memoryState();
      files.set("disk1.disk.json", Buffer.from(content));
      expect(() => newDisk(state)).toThrow(expect.objectContaining({ code: "DISK_STATE" }));
    },
  );
});

test("disks of different names have files of their own", async () => {
  const { state, files } = memoryState();
  for (const name of ["disk#1", "disk_1", ".", "a/b", "1:disk"]) {
    const handler = disk(memoryStore(4 << 20), { name, stateStore: state });
    const { cdb, dataOut } = select(CACHING_OFF, true);
    expect(await execute(handler, cdb, { dataOut })).toMatchObject(EXPECT_GOOD);
  }
  expect([...files.keys()]).toEqual(
    ["disk%231", "disk_1", "%2E", "a%2Fb", "1:disk"].map((name) => `${name}.disk.json`),
  );
});

describe("the control mode page", () => {
  test.each([
    ["D_SENSE", "26 10 00 00", { descriptorSense: true }],
    ["TMF_ONLY", "32 10 00 00", { taskManagementFunctionsOnly: true }],
    ["restricted reordering", "22 00 00 00", { queueAlgorithm: 0 }],
    ["QERR 1", "22 12 00 00", { queueErrorManagement: 1 }],
    ["QERR 3", "22 16 00 00", { queueErrorManagement: 3 }],
    ["SWP", "22 10 08 00", { softwareWriteProtect: true }],
    ["TAS", "22 10 00 40", { taskAbortedStatus: true }],
  ])("%s is told to the core", async (_name, flags, expected) => {
    const handler = newDisk();
    const told: unknown[] = [];
    handler.registered({
      optionsChanged: () => told.push(handler.options),
      capacityChanged: () => undefined,
    });
    const { cdb, dataOut } = select(control(flags), false);
    expect(await execute(handler, cdb, { dataOut })).toMatchObject(EXPECT_GOOD);
    expect(told).toEqual([expect.objectContaining(expected)]);
    expect(await page(handler, "0a")).toBe(text(hex(control(flags))).replace(/^0a/, "8a"));
  });

  test.each([
    ["QERR 2", "22 14 00 00"],
    ["QUEUE ALGORITHM MODIFIER 2", "22 20 00 00"],
  ])("%s is refused", async (_name, flags) => {
    const { cdb, dataOut } = select(control(flags), false);
    const answer = await execute(newDisk(), cdb, { dataOut });
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_PARAMETER_LIST);
    expect(answer.details.fieldPointer).toEqual(inParameterList(4 + 3));
  });

  test("where the core refuses, nothing has changed", async () => {
    const handler = newDisk();
    handler.registered({
      optionsChanged: () => {
        throw Object.assign(new TypeError("injected"), { code: "EBUSY" });
      },
      capacityChanged: () => undefined,
    });
    const { cdb, dataOut } = select(control("26 10 00 00"), false);
    await expect(execute(handler, cdb, { dataOut })).rejects.toThrow("injected");
    expect(handler.options.descriptorSense).toBe(false);
    expect(await page(handler, "0a")).toContain("8a0a2210");
  });
});

const report = (type: number, length = 0x200) =>
  `a3 05 00000000 ${length.toString(16).padStart(8, "0")} ${(type << 1).toString(16).padStart(2, "0")} 00`;
const set = (type: number, length: number) =>
  `a4 06 00000000 ${length.toString(16).padStart(8, "0")} ${(type << 1).toString(16).padStart(2, "0")} 00`;

describe("identifying information", () => {
  test("is kept over a restart, by type", async () => {
    const { state } = memoryState();
    const handler = newDisk(state);
    expect(text((await execute(handler, report(0))).data)).toBe("00000000");
    const name = hex("616263");
    const label = hex("6400");
    expect(await execute(handler, set(0, 3), { dataOut: name })).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, set(2, 2), { dataOut: label })).toMatchObject(EXPECT_GOOD);
    const after = newDisk(state);
    expect(text((await execute(after, report(0))).data)).toBe("00000003616263");
    expect(text((await execute(after, report(2))).data)).toBe("000000026400");
    expect(text((await execute(after, report(0, 5))).data)).toBe("0000000361");
    await execute(after, set(0, 0));
    expect(text((await execute(newDisk(state), report(0))).data)).toBe("00000000");
  });

  test("the types that there are", async () => {
    const { data } = await execute(newDisk(), report(127));
    expect(text(data)).toBe("000000080000020004000100");
  });

  test.each([
    ["another type", report(1), "", EXPECT_INVALID_FIELD_IN_CDB],
    ["another type to set", set(1, 1), "61", EXPECT_INVALID_FIELD_IN_CDB],
    ["more than there is room for", set(2, 257), "", EXPECT_INVALID_FIELD_IN_CDB],
    ["text without its end", set(2, 1), "61", EXPECT_INVALID_FIELD_IN_PARAMETER_LIST],
  ])("%s", async (_name, cdb, list, expected) => {
    expect(await execute(newDisk(), cdb, { dataOut: hex(list) })).toMatchObject(expected);
  });

  test("a disk without a state store has none", async () => {
    const handler = disk(memoryStore(4 << 20));
    expect(await execute(handler, report(0))).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
    expect(await execute(handler, set(0, 1), { dataOut: hex("61") })).toMatchObject(
      EXPECT_INVALID_OPCODE,
    );
  });
});
