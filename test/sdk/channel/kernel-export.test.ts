/** The LUN in SCST's part of sysfs, with a folder in its place. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exportFromKernel, exportPlace } from "../../../src/sdk/channel/kernel-export.ts";

let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "scst-user-sysfs-"));
  for (const target of ["scst_local_tgt", "other"]) {
    mkdirSync(join(root, "targets/scst_local", target, "luns/0"), { recursive: true });
  }
  mkdirSync(join(root, "targets/scst_local/stats"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

/** The last command that was written. */
function written(target: string): string {
  return readFileSync(join(root, "targets/scst_local", target, "luns/mgmt"), "latin1");
}

describe("a place", () => {
  test.each([
    ["scst_local", "scst_local", undefined, undefined],
    ["iscsi/iqn.2026-11.example:a", "iscsi", "iqn.2026-11.example:a", undefined],
    ["iscsi/iqn.2026-11.example:a:7", "iscsi", "iqn.2026-11.example:a", 7],
    ["scst_local/other:16383", "scst_local", "other", 16_383],
  ])("%s", (text, driver, target, lun) => {
    expect(exportPlace(text)).toEqual({ driver, target, lun });
  });

  test.each(["", "/", "a/", "a/b/c", "../x", "a/b:16384"])("%j is none", (text) => {
    expect(() => exportPlace(text)).toThrow(/it must be DRIVER, DRIVER\/TARGET or/);
  });
});

describe("a LUN", () => {
  test("is the first free one of the first target, and goes again", async () => {
    const lun = await exportFromKernel("disk1", exportPlace("scst_local"), root);
    expect([lun.lun, written("other")]).toEqual([1, "add disk1 1"]);
    await lun.remove();
    expect(written("other")).toBe("del 1");
  });

  test("is the one that is asked for", async () => {
    await exportFromKernel("disk1", exportPlace("scst_local/scst_local_tgt:7"), root);
    expect(written("scst_local_tgt")).toBe("add disk1 7");
  });

  test.each([
    ["iscsi", /target driver iscsi has no target : it has none/],
    ["scst_local/stats", /has no target stats: it has other, scst_local_tgt/],
  ])("of %s: there is no such target", async (text, message) => {
    await expect(exportFromKernel("disk1", exportPlace(text), root)).rejects.toThrow(message);
  });

  test("what the kernel refuses is told", async () => {
    rmSync(join(root, "targets/scst_local/other/luns/mgmt"), { force: true });
    mkdirSync(join(root, "targets/scst_local/other/luns/mgmt"));
    writeFileSync(join(root, "last_sysfs_mgmt_res"), "0\n");
    await expect(exportFromKernel("disk1", exportPlace("scst_local"), root)).rejects.toMatchObject({
      code: "EISDIR",
      message: expect.stringContaining('SCST refused "add disk1 1"') as string,
    });
  });
});
