import { closeSync, openSync, realpathSync, rmSync } from "node:fs";
import { dirname, isAbsolute, join, relative, sep } from "node:path";

import type { BlockStore } from "../block-store.ts";
import { fileStore, type FileStoreOptions } from "../file-store.ts";
import { systemError } from "../system-error.ts";
import { createQcow2, type CreateQcow2Options } from "./create.ts";
import { BACKING_DEPTH_MAX, unsupported } from "./format.ts";
import type { BackingName } from "./header.ts";
import { openQcow2, type OpenQcow2Options } from "./open-image.ts";
import type { Qcow2Store } from "./qcow2-store.ts";

export interface Qcow2FileOptions extends Omit<OpenQcow2Options, "openBacking"> {
  /** How the file itself is used. */
  readonly file?: Omit<FileStoreOptions, "readOnly">;
  /**
   * Which backing files are opened: an image decides what is read, so that by default it may name
   * only files that are in its folder or below it.
   */
  readonly backing?: "beside" | "anywhere" | "refuse";
}

/**
 * Opens a qcow2 file, and what stands behind it.
 *
 * @throws ProtocolError QCOW2_FORMAT, QCOW2_UNSUPPORTED
 * @throws SystemError what the system says
 */
export async function qcow2Store(
  path: string,
  options: Qcow2FileOptions = {},
): Promise<Qcow2Store> {
  return await openChain(path, options, []);
}

/**
 * Makes a qcow2 file of a disk of `sizeBytes`.
 *
 * @throws SystemError EEXIST where there is one of that name
 * @throws UsageError QCOW2_OPTION
 */
export async function createQcow2File(
  path: string,
  sizeBytes: number,
  options: CreateQcow2Options = {},
): Promise<void> {
  try {
    closeSync(openSync(path, "wx"));
  } catch (error) {
    throw systemError(error, `making ${path}`);
  }
  const store = fileStore(path);
  try {
    await createQcow2(store, sizeBytes, options);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    await store.close();
  }
}

async function openChain(
  path: string,
  options: Qcow2FileOptions,
  above: readonly string[],
): Promise<Qcow2Store> {
  const { readOnly = false } = options;
  const store = fileStore(path, { ...options.file, readOnly });
  try {
    const here = [...above, realpathSync(path)];
    return await openQcow2(store, {
      ...options,
      openBacking: (backing) => openBehind(path, backing, options, here),
    });
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openBehind(
  path: string,
  { file, format }: BackingName,
  options: Qcow2FileOptions,
  above: readonly string[],
): Promise<BlockStore> {
  const say = (what: string) => unsupported(path, `backing file "${file}": ${what}`);
  if (options.backing === "refuse") throw say("backing files are refused");
  if (/^[\w+]+:/.test(file)) throw say("only names of files are understood");
  if (above.length > BACKING_DEPTH_MAX) throw say(`more than ${BACKING_DEPTH_MAX} images`);
  let real: string;
  let folder: string;
  try {
    real = realpathSync(isAbsolute(file) ? file : join(dirname(path), file));
    folder = realpathSync(dirname(path));
  } catch (error) {
    throw systemError(error, `backing file "${file}" of ${path}`);
  }
  if (above.includes(real)) throw say("it stands behind itself");
  const way = relative(folder, real);
  if (options.backing !== "anywhere" && (way.startsWith(`..${sep}`) || isAbsolute(way))) {
    throw say("it is not in the image's folder");
  }
  if (format === "raw") return fileStore(real, { ...options.file, readOnly: true });
  // To guess would let whoever writes to a raw disk choose which files are read.
  if (format !== "qcow2")
    throw say(`the format is ${format ?? "not said"}: raw or qcow2 are known`);
  return await openChain(real, { ...options, readOnly: true }, above);
}
