import { closeSync, openSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { createCore } from "../../../src/core/index.ts";
import { loopbackChannel } from "../../../src/sdk/channel/loopback.ts";
import { registerDevice } from "../../../src/sdk/device/register-device.ts";
import { disk } from "../../../src/sdk/devices/disk/disk.ts";
import { fileStore, type FileStoreOptions } from "../../../src/sdk/storage/file-store.ts";
import { LocalTarget } from "../../../src/targets/local/index.ts";
import { smallTmpfs } from "../../support/small-tmpfs.ts";
import { settle } from "./store-suite.ts";

const MIB = 1024 * 1024;

const folder = smallTmpfs(1);

function newFile(name: string): string {
  const path = join(folder as string, name);
  closeSync(openSync(path, "w"));
  truncateSync(path, 4 * MIB);
  return path;
}

describe.skipIf(folder === undefined)("a full disk", () => {
  test.each<[string, FileStoreOptions]>([
    ["buffered", {}],
    ["thread pool", { io: "thread-pool" }],
    ["write through", { writeThrough: true }],
    ["direct", { engine: "direct" }],
  ])("%s: ENOSPC, and what was written stays", async (_name, options) => {
    const path = newFile("disk.img");
    const store = fileStore(path, options);
    const block = new Uint8Array(64 * 1024).fill(5);
    const enospc = expect.objectContaining({ code: "ENOSPC", errno: 28 });
    let written = 0;
    const fill = async () => {
      for (; written < 4 * MIB; written += block.length) {
        await settle(() => store.write(block, written, false));
      }
    };
    await expect(fill()).rejects.toThrow(enospc);
    expect(written).toBeGreaterThan(MIB / 2);
    // Room that comes is used: nothing of the failure is remembered.
    await settle(() => store.trim?.(0, 2 * block.length));
    await settle(() => store.write(block, written, true));
    await settle(() => store.flush());
    const found = new Uint8Array(block.length);
    await settle(() => store.read(found, written));
    expect(Buffer.compare(found, block)).toBe(0);
    await store.close();
    rmSync(path);
  });

  test("a host is told of it, and reads on", async () => {
    const path = newFile("disk.img");
    const core = createCore();
    const device = await registerDevice(loopbackChannel(core), "d", disk(fileStore(path)));
    const target = new LocalTarget(core, "target");
    target.addLun(0, "d");
    const initiator = target.connect("a");
    await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] });
    const dataOut = new Uint8Array(128 * 512).fill(6);
    const write = (lba: number) => [0x2a, 0, 0, 0, lba >> 8, lba & 0xff, 0, 0, 128, 0];
    let failure: Uint8Array | undefined;
    for (let lba = 0; failure === undefined && lba < 8192; lba += 128) {
      const result = await initiator.execute({ cdb: write(lba), dataOut });
      if (result.status === 2) failure = result.sense;
    }
    // DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT.
    expect([failure?.[2], failure?.[12], failure?.[13]]).toEqual([7, 0x27, 7]);
    const read = await initiator.execute({
      cdb: [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0],
      dataInLength: 512,
    });
    expect([read.status, read.dataIn[511]]).toEqual([0, 6]);
    await initiator.close();
    await device.close();
    rmSync(path);
  });
});
