import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Gives files of zeros, which are gone when the test file is over. */
export function scratchFiles(parent = tmpdir()): (size: number) => string {
  let folder: string | undefined;
  let count = 0;
  afterAll(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });
  return (size) => {
    folder ??= mkdtempSync(join(parent, "scst-user-"));
    const path = join(folder, `${count++}.img`);
    writeFileSync(path, "");
    truncateSync(path, size);
    return path;
  };
}

// statfs(2), f_type.
const TMPFS = 0x0102_1994;
const EXT4 = 0xef53;

export function isTmpfs(path: string): boolean {
  return fileSystemOf(path) === TMPFS;
}

export function isExt4(path: string): boolean {
  return fileSystemOf(path) === EXT4;
}

function fileSystemOf(path: string): number {
  try {
    return statfsSync(path).type;
  } catch {
    return 0;
  }
}
