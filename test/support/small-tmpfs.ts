import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "vitest";

import { findProgram } from "../interop/support/tools.ts";

/**
 * A file system with room for so many MiB, for the tests of one file: a folder, which goes after
 * them, or undefined and a loud line, since only root may mount one.
 */
export function smallTmpfs(mebibytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "scst-user-full-"));
  const room = `size=${mebibytes}m`;
  try {
    execFileSync(findProgram("mount") ?? "", ["-t", "tmpfs", "-o", room, "tmpfs", folder], {
      stdio: "ignore",
    });
  } catch {
    rmSync(folder, { recursive: true });
    process.stderr.write("SKIPPED: a full disk needs root, to mount a small tmpfs\n");
    return undefined;
  }
  afterAll(() => {
    execFileSync(findProgram("umount") ?? "", [folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}
