import { closeSync, existsSync, ftruncateSync, openSync, rmSync } from "node:fs";

import {
  type BlockStore,
  fileStore,
  formatLuks2,
  type Luks2,
  LUKS2_HEADER_BYTES,
  openLuks2,
  UsageError,
} from "scst-user";

import { dumpText } from "./dump.ts";
import type { Options } from "./options.ts";
import { readPassphrase } from "./passphrase.ts";

/** `format`: nothing is changed before the passphrase is known. */
export async function format(options: Options): Promise<void> {
  const { file, header, sizeBytes, force } = options;
  const passphrase = await readPassphrase(options.key, `New passphrase for ${file}`, true);
  const made: string[] = [];
  try {
    if (sizeBytes !== undefined && !existsSync(file)) {
      makeFile(file, sizeBytes + (header === undefined ? LUKS2_HEADER_BYTES : 0), made);
    }
    if (header !== undefined && !existsSync(header)) makeFile(header, LUKS2_HEADER_BYTES, made);
    await using store = opened(header ?? file, false);
    if (!force && !(await isBlank(store))) {
      throw new UsageError("FORMAT", `${store.name} is not empty: --force gives up what it holds`);
    }
    await formatLuks2(store, passphrase, {
      kdf: options.kdf,
      detached: header !== undefined,
      discards: options.discards,
      ...(options.sectorSize !== undefined && { sectorSize: options.sectorSize }),
      ...(options.label !== undefined && { label: options.label }),
    });
  } catch (error) {
    for (const path of made) rmSync(path, { force: true });
    throw error;
  } finally {
    passphrase.fill(0);
  }
}

export async function addKey(options: Options): Promise<string> {
  return await withKeys(options, async (luks, old, added) => {
    return `key slot ${await luks.addKey(old, added, options.kdf)} is new`;
  });
}

export async function changeKey(options: Options): Promise<string> {
  return await withKeys(options, async (luks, old, added) => {
    return `key slot ${await luks.changeKey(old, added, options.kdf)} has the new passphrase`;
  });
}

export async function removeKey(options: Options): Promise<string> {
  const { keySlot } = options;
  await using store = headerStore(options, false);
  const luks = await openLuks2(store);
  if (keySlot !== undefined) {
    await luks.removeSlot(keySlot);
    return `key slot ${keySlot} is gone`;
  }
  const passphrase = await readPassphrase(options.key, "Passphrase to remove", false);
  try {
    return `key slot ${await luks.removeKey(passphrase)} is gone`;
  } finally {
    passphrase.fill(0);
  }
}

export async function dump(options: Options): Promise<string> {
  await using store = headerStore(options, true);
  const luks = await openLuks2(store);
  return options.json ? JSON.stringify(luks.header.metadata, null, 2) : dumpText(luks);
}

export async function repair(options: Options): Promise<string> {
  await using store = headerStore(options, false);
  const luks = await openLuks2(store);
  const { badCopy } = luks;
  await luks.repair();
  return badCopy === undefined
    ? "both copies of the header were whole"
    : `the ${badCopy} copy of the header is whole again`;
}

/** A store that is closed at the end of its block. */
function opened(path: string, readOnly: boolean): ClosingStore {
  const store = fileStore(path, { readOnly });
  return Object.assign(store, { [Symbol.asyncDispose]: async () => await store.close() });
}

type ClosingStore = BlockStore & AsyncDisposable;

export function headerStore({ file, header }: Options, readOnly: boolean): ClosingStore {
  return opened(header ?? file, readOnly);
}

async function withKeys(
  options: Options,
  use: (luks: Luks2, old: Uint8Array, added: Uint8Array) => Promise<string>,
): Promise<string> {
  await using store = headerStore(options, false);
  const luks = await openLuks2(store);
  const old = await readPassphrase(options.key, `Passphrase of ${options.file}`, false);
  try {
    // Before anybody is asked for a new one.
    await luks.test(old);
    const added = await readPassphrase(options.newKey, "New passphrase", true);
    try {
      return await use(luks, old, added);
    } finally {
      added.fill(0);
    }
  } finally {
    old.fill(0);
  }
}

function makeFile(path: string, sizeBytes: number, made: string[]): void {
  const fd = openSync(path, "wx", 0o600);
  made.push(path);
  try {
    ftruncateSync(fd, sizeBytes);
  } finally {
    closeSync(fd);
  }
}

async function isBlank(store: BlockStore): Promise<boolean> {
  const buffer = Buffer.alloc(1024 * 1024);
  const zeros = Buffer.alloc(buffer.length);
  const end = Math.min(store.size, LUKS2_HEADER_BYTES);
  for (let at = 0; at < end; at += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, end - at));
    await store.read(part, at);
    if (!part.equals(zeros.subarray(0, part.length))) return false;
  }
  return true;
}
