/** A disk with snapshots as devices of the kernel's SCST. */
import { join } from "node:path";
import { tmpdir } from "node:os";
import { mkdtempSync, rmSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";

import { parseOptions, type ServeOptions } from "../../../examples/snapshot-disk/options.ts";
import { SnapshotServer } from "../../../examples/snapshot-disk/server.ts";
import { createQcow2File, qcow2Store } from "../../../src/sdk/index.ts";
import { FakeScst } from "../support/fake-scst.ts";

async function served(...words: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "snapshot-disk-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "disk.qcow2");
  await createQcow2File(file, 2 ** 20);
  const kernel = new FakeScst();
  const options = parseOptions(["serve", file, ...words]) as unknown as ServeOptions;
  const store = await qcow2Store(file);
  const server = new SnapshotServer(options, store, () => undefined, kernel.scst);
  const ways = await server.start();
  const stop = async () => {
    await server.stop();
    await store.close();
  };
  return { kernel, server, ways, stop };
}

test("the disk is a LUN, and each exported snapshot the next one, to be read", async () => {
  const { kernel, server, ways, stop } = await served("--export=scst_local");
  expect(ways).toEqual([expect.stringMatching(/^disk {2}LUN 0 of .*\/scst_local_tgt$/)]);
  kernel.hasLun(0);
  const disk = kernel.devices[0]!;
  await disk.attach();
  const before = new Uint8Array(1024).fill(1);
  const after = new Uint8Array(1024).fill(2);
  expect(await disk.write(3, before)).toBe(0);
  await server.perform({ command: "snap", name: "monday" });
  expect(await disk.write(3, after)).toBe(0);
  const exported = await server.perform({ command: "export", name: "monday" });
  expect(exported).toEqual([expect.stringMatching(/^disk@monday {2}LUN 1 of /)]);
  expect(kernel.command).toBe("add disk@monday 1");
  const [line] = await server.perform({ command: "list" });
  expect(line).toMatch(/\tLUN 1$/);
  const snapshot = kernel.devices[1]!;
  await snapshot.attach();
  expect([await snapshot.read(3, 2), await disk.read(3, 2)]).toEqual([before, after]);
  expect(await snapshot.write(3, after)).not.toBe(0);
  await server.perform({ command: "unexport", name: "monday" });
  expect([kernel.command, snapshot.user.closes]).toEqual(["del 1", 1]);
  await stop();
  expect([kernel.command, disk.user.closes]).toEqual(["del 0", 1]);
});

test("revert waits for initiators to go", async () => {
  const { kernel, server, stop } = await served("--kernel");
  const disk = kernel.devices[0]!;
  await disk.attach();
  await server.perform({ command: "snap", name: "a" });
  const revert = (force: boolean) => server.perform({ command: "revert", name: "a", force });
  await expect(revert(false)).rejects.toThrow("initiators have 1 sessions");
  await revert(true);
  await disk.detach();
  await revert(false);
  await stop();
});

test("devices without a place: the commands that make them LUNs", async () => {
  const { ways, server, stop } = await served("--kernel");
  expect(ways[1]).toContain('echo "add disk 0"');
  await server.perform({ command: "snap", name: "a" });
  const exported = await server.perform({ command: "export", name: "a" });
  expect(exported[1]).toContain('echo "add disk@a 1"');
  await stop();
});
