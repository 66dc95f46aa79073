import { closeSync, constants, openSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TMPFS = 0x0102_1994;

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
