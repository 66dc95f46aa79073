import { basename, parse } from "node:path";

import {
  type BlockStore,
  disk,
  encryptedStore,
  fileStore,
  type KernelScst,
  openLuks2,
  UsageError,
  writeProtectedStore,
} from "scst-user";

import { type Front, kernelFront, networkFront } from "./fronts.ts";
import type { Options } from "./options.ts";
import { keyFile, readPassphrase } from "./passphrase.ts";
import { headerStore } from "./volume.ts";

/** Opens the disk and serves it. */
export async function serve(
  options: Options,
  tell: (line: string) => void,
  scst: KernelScst = {},
): Promise<Front> {
  const { file, kernel, readOnly, direct } = options;
  const name = options.name ?? nameOf(file);
  const data = fileStore(file, { readOnly, engine: direct ? "direct" : "buffered" });
  let store: BlockStore = data;
  try {
    store = await unlocked(data, options, tell);
    const handler = disk(readOnly ? writeProtectedStore(store) : store, {
      name,
      thinProvisioned: !readOnly && store.trim !== undefined,
    });
    return kernel === undefined
      ? await networkFront(name, handler, options, tell)
      : await kernelFront(name, handler, kernel, tell, scst);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function unlocked(
  data: BlockStore,
  options: Options,
  tell: (line: string) => void,
): Promise<BlockStore> {
  if (options.plain) return plain(data, options);
  if (options.sectorSize !== undefined) {
    throw new UsageError("OPTION", "--sector-size is in the header, unless there is none: --plain");
  }
  await using header = headerStore(options, true);
  const luks = await openLuks2(header);
  if (luks.badCopy !== undefined) {
    tell(`the ${luks.badCopy} copy of the header is bad: "encrypting-disk repair" writes it again`);
  }
  const passphrase = await readPassphrase(options.key, `Passphrase of ${options.file}`, false);
  try {
    return await luks.unlock(passphrase, data);
  } finally {
    passphrase.fill(0);
  }
}

/** dm-crypt without a header: cryptsetup's "--type plain --cipher aes-xts-plain64". */
function plain(data: BlockStore, { key, sectorSize = 512, header }: Options): BlockStore {
  if (key.file === undefined || header !== undefined) {
    throw new UsageError("OPTION", "--plain: the key is in a file (--key-file), and no --header");
  }
  const bytes = keyFile(key.file);
  try {
    return encryptedStore(data, bytes, { sectorSize });
  } finally {
    bytes.fill(0);
  }
}

/** What SCST and iSCSI allow, of a file's name. */
function nameOf(file: string): string {
  return (
    parse(basename(file))
      .name.replaceAll(/[^\w-]/g, "-")
      .slice(0, 48) || "disk"
  );
}
