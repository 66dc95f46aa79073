import { execFileSync } from "node:child_process";
import { truncateSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { fileStore, type FileStoreOptions } from "../../../src/sdk/storage/file-store.ts";
import { findProgram } from "../../interop/support/tools.ts";
import { scratchFiles } from "./scratch-file.ts";
import { settle } from "./store-suite.ts";

const newFile = scratchFiles();
const losetup = findProgram("losetup") ?? "losetup";
const MIB = 1024 * 1024;

function attach(path: string): string | undefined {
  try {
    return execFileSync(losetup, ["--find", "--show", path], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

const detach = (device: string) => execFileSync(losetup, ["--detach", device]);

const probe = attach(newFile(MIB));
if (probe === undefined) process.stderr.write("SKIPPED: no loop devices (losetup needs root)\n");
else detach(probe);

describe.skipIf(probe === undefined)("a block device", () => {
  test.each<[string, FileStoreOptions]>([
    ["buffered", {}],
    ["direct", { engine: "direct" }],
  ])("%s: size, medium, trim, zeros", async (_name, options) => {
    const device = attach(newFile(4 * MIB)) as string;
    const store = fileStore(device, options);
    try {
      expect(store.size).toBe(4 * MIB);
      expect(store.physicalBlockSize).toBeGreaterThanOrEqual(512);
      expect(store.allocated).toBeUndefined();
      const data = new Uint8Array(MIB).fill(9);
      await settle(() => store.write(data, MIB, true));
      // Neither begins nor ends with a sector.
      await settle(() => store.trim?.(MIB + 100, 20_000));
      await settle(() =>
        store.writeZeroes?.(MIB + 65_536 + 7, 9000, { mayTrim: false, fua: true }),
      );
      const found = new Uint8Array(MIB);
      await settle(() => store.read(found, MIB));
      data.fill(0, 100, 20_100).fill(0, 65_543, 74_543);
      expect(Buffer.compare(found, data)).toBe(0);
    } finally {
      await store.close();
      detach(device);
    }
  });

  test("one that grows is noticed", async () => {
    const path = newFile(MIB);
    const device = attach(path) as string;
    const store = fileStore(device);
    try {
      let told = 0;
      store.onResize = () => told++;
      truncateSync(path, 2 * MIB);
      execFileSync(losetup, ["--set-capacity", device]);
      expect([store.refreshSize(), store.refreshSize(), told]).toEqual([2 * MIB, 2 * MIB, 1]);
    } finally {
      await store.close();
      detach(device);
    }
  });
});
