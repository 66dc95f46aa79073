import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { createCore } from "../../../src/core/index.ts";
import { loopbackChannel } from "../../../src/sdk/channel/loopback.ts";
import { registerDevice } from "../../../src/sdk/device/register-device.ts";
import { disk } from "../../../src/sdk/devices/disk/disk.ts";
import { folderStateStore } from "../../../src/sdk/storage/folder-state-store.ts";
import { memoryStore } from "../../../src/sdk/storage/memory-store.ts";
import { LocalTarget } from "../../../src/targets/local/index.ts";

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "state-"));
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) =>
  data === undefined ? undefined : new TextDecoder().decode(data);

describe("state in a folder", () => {
  test("is saved, replaced and removed, and nothing else is left", async () => {
    const store = folderStateStore(join(folder, "new", "folder"));
    expect(store.load("disk1")).toBeUndefined();
    await store.save("disk1", bytes("one"));
    await store.save("disk1", bytes("two"));
    expect(text(store.load("disk1"))).toBe("two");
    expect(fs.readdirSync(join(folder, "new", "folder"))).toEqual(["disk1"]);
    await store.remove("disk1");
    await store.remove("disk1");
    expect(store.load("disk1")).toBeUndefined();
  });

  test.each([
    ["before the rename", "rename"],
    ["of the new file", "open"],
  ] as const)("a failure %s leaves what there was", async (_what, operation) => {
    const store = folderStateStore(folder);
    await store.save("disk2", bytes("one"));
    const failure = Object.assign(new Error("no space"), { errno: -28, code: "ENOSPC" });
    const spy = vi.spyOn(fs.promises, operation).mockRejectedValueOnce(failure);
    await expect(store.save("disk2", bytes("two"))).rejects.toMatchObject({ code: "ENOSPC" });
    spy.mockRestore();
    expect(text(store.load("disk2"))).toBe("one");
  });

  test("a folder that can't be synchronised has the old content put back", async () => {
    const store = folderStateStore(folder);
    await store.save("disk3", bytes("one"));
    const { open } = fs.promises;
    const failure = Object.assign(new Error("broken"), { errno: -5, code: "EIO" });
    const spy = vi.spyOn(fs.promises, "open").mockImplementation((path, ...rest) => {
      return path === folder ? Promise.reject(failure) : open(path, ...rest);
    });
    await expect(store.save("disk3", bytes("two"))).rejects.toMatchObject({ code: "EIO" });
    await expect(store.save("disk4", bytes("two"))).rejects.toMatchObject({ code: "EIO" });
    spy.mockRestore();
    expect(text(store.load("disk3"))).toBe("one");
    expect(store.load("disk4")).toBeUndefined();
  });

  test.each(["", ".", "../x", "a/b"])("%j is no name", (name) => {
    expect(() => folderStateStore(folder).load(name)).toThrow("no name");
  });

  test("a registration with APTPL is there after a restart, damage refuses the device", async () => {
    const open = async () => {
      const core = createCore({ stateStore: folderStateStore(folder) });
      const device = await registerDevice(
        loopbackChannel(core),
        "disk5",
        disk(memoryStore(1024 * 1024), { name: "disk5" }),
      );
      const target = new LocalTarget(core, "target");
      target.addLun(0, "disk5");
      return { device, initiator: target.connect("a") };
    };
    const first = await open();
    const dataOut = new Uint8Array(24);
    dataOut[15] = 7;
    dataOut[20] = 1;
    await first.initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    const register = { cdb: [0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0], dataOut };
    expect((await first.initiator.execute(register)).status).toBe(0);
    await first.initiator.close();
    await first.device.close();

    const second = await open();
    const readKeys = { cdb: [0x5e, 0, 0, 0, 0, 0, 0, 0, 16, 0], dataInLength: 16 };
    await second.initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    expect((await second.initiator.execute(readKeys)).dataIn[15]).toBe(7);
    await second.initiator.close();
    await second.device.close();

    fs.writeFileSync(join(folder, "disk5"), "not what it was");
    await expect(open()).rejects.toMatchObject({ code: "EIO" });
  });
});
