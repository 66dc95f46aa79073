import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
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

/**
 * Where files can be opened with O_DIRECT: the folder for temporary files, or this one. Undefined
 * where neither can, which is said.
 */
export function directFolder(): string | undefined {
  const found = [tmpdir(), import.meta.dirname].find(takesDirect);
  if (found === undefined) {
    process.stderr.write("SKIPPED: no folder takes O_DIRECT: set TMPDIR to one on ext4 or XFS\n");
  }
  return found;
}

function takesDirect(folder: string): boolean {
  const path = join(folder, `.o-direct-${process.pid}`);
  try {
    writeFileSync(path, "");
    closeSync(openSync(path, constants.O_RDWR | constants.O_DIRECT));
    return statfsSync(folder).type !== TMPFS;
  } catch {
    return false;
  } finally {
    rmSync(path, { force: true });
  }
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
