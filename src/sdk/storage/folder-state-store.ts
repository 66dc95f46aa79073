import * as fs from "node:fs";
import { join } from "node:path";

import { UsageError } from "../../protocol/errors.ts";
import { systemError } from "./system-error.ts";

/**
 * Small files in a folder, saved so that after a crash at any moment the old or the new content
 * is there, never a mixture: for `CoreOptions.stateStore`.
 */
export interface FolderStateStore {
  load(name: string): Uint8Array | undefined;
  save(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

/**
 * Keeps state in `folder`, which is made if it is not there. Files have the names and the format
 * of SCST's own in `/var/lib/scst/pr`.
 *
 * @throws SystemError where the folder can't be made
 */
export function folderStateStore(folder: string): FolderStateStore {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw systemError(cause, `making the folder ${folder}`);
  }
  return {
    load: (name) => load(pathOf(folder, name)),
    save: (name, bytes) => save(folder, pathOf(folder, name), bytes),
    remove: (name) => remove(folder, pathOf(folder, name)),
  };
}

function pathOf(folder: string, name: string): string {
  if (!/^[^/\0]+$/.test(name) || name.startsWith(".")) {
    throw new UsageError("STATE_NAME", `"${name}" is no name for a file of saved state`);
  }
  return join(folder, name);
}

function load(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(fs.readFileSync(path));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw systemError(cause, `reading ${path}`);
  }
}

async function save(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.new`;
  const old = `${path}.old`;
  try {
    await writeDurably(fresh, bytes);
    // A second name for what is there, to put it back by if the folder can't be synchronised.
    await fs.promises.rm(old, { force: true });
    await fs.promises.link(path, old).catch(ignoreMissing);
    await fs.promises.rename(fresh, path);
  } catch (cause) {
    throw systemError(cause, `saving ${path}`);
  }
  try {
    await syncFolder(folder);
  } catch (cause) {
    await putBack(old, path);
    throw systemError(cause, `saving ${path}`);
  }
  await fs.promises.rm(old, { force: true });
}

/** There was a file before, or there was none. */
async function putBack(old: string, path: string): Promise<void> {
  await fs.promises.rename(old, path).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    return fs.promises.rm(path, { force: true });
  });
}

async function remove(folder: string, path: string): Promise<void> {
  try {
    await fs.promises.unlink(path).catch(ignoreMissing);
    await syncFolder(folder);
  } catch (cause) {
    throw systemError(cause, `removing ${path}`);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.promises.open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.promises.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === "ENOENT";
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
