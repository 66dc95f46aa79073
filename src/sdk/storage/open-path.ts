import * as fs from "node:fs";

import { ERRNO } from "../../protocol/errno.ts";
import { UsageError } from "../../protocol/errors.ts";
import { notDirect } from "./direct-alignment.ts";
import { systemError } from "./system-error.ts";

export interface OpenFlags {
  readonly readOnly: boolean;
  /** O_DSYNC. */
  readonly synchronous: boolean;
  /** O_DIRECT. */
  readonly direct: boolean;
}

/**
 * Opens a regular file or a block device. Returns the descriptor.
 *
 * @throws SystemError where that fails
 * @throws UsageError where `path` is neither, or can't be had past the page cache
 */
export function openPath(path: string, { readOnly, synchronous, direct }: OpenFlags): number {
  const { O_RDONLY, O_RDWR, O_DSYNC, O_DIRECT } = fs.constants;
  const flags =
    (readOnly ? O_RDONLY : O_RDWR) | (synchronous ? O_DSYNC : 0) | (direct ? O_DIRECT : 0);
  let stat: fs.Stats;
  try {
    // Asked before opening: to open a pipe or a terminal line may wait for ever.
    stat = fs.statSync(path);
  } catch (error) {
    throw systemError(error, `opening ${path}`);
  }
  if (!stat.isFile() && !stat.isBlockDevice()) {
    throw new UsageError(
      "FILE_STORE_PATH",
      `${path} is ${kindOf(stat)}: a file store needs a regular file or a block device`,
    );
  }
  try {
    return fs.openSync(path, flags);
  } catch (error) {
    if (direct && (error as NodeJS.ErrnoException).errno === -ERRNO.EINVAL) throw notDirect(path);
    throw systemError(error, `opening ${path}`);
  }
}

function kindOf(stat: fs.Stats): string {
  if (stat.isDirectory()) return "a directory";
  if (stat.isCharacterDevice()) return "a character device";
  if (stat.isFIFO()) return "a pipe";
  return "no file";
}
