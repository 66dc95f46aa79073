import { ProtocolError } from "../../../protocol/errors.ts";
import type { FolderStateStore } from "../../storage/folder-state-store.ts";

/** What a disk keeps over a restart. */
export interface DiskState {
  /** Mode pages that hosts have had saved, whole, by page and subpage code: "0a/00". */
  readonly modePages: Readonly<Record<string, Uint8Array>>;
  /** By IDENTIFYING INFORMATION TYPE. */
  readonly identifyingInformation: Readonly<Record<string, Uint8Array>>;
  /** Whether a SANITIZE began and has not come to a good end. */
  readonly sanitizing: Sanitizing;
}

export const SANITIZING = {
  NO: 0,
  YES: 1,
  /** It may be given up (AUSE). */
  WITH_EXIT: 2,
} as const;

export type Sanitizing = (typeof SANITIZING)[keyof typeof SANITIZING];

const VERSION = 1;

const EMPTY: DiskState = { modePages: {}, identifyingInformation: {}, sanitizing: SANITIZING.NO };

/** The saved state of one disk: a small JSON file, replaced as a whole. */
export class SavedState {
  readonly #store: FolderStateStore | undefined;
  readonly #file: string;
  #state: DiskState;
  /** Saves go one after the other, so that the last one is what stays. */
  #last: Promise<void> = Promise.resolve();

  /**
   * @param store where to keep it; without one nothing can be saved
   * @throws ProtocolError `DISK_STATE` where the file is none that a disk has saved
   */
  constructor(store: FolderStateStore | undefined, diskName: string) {
    this.#store = store;
    this.#file = `${fileNameOf(diskName)}.disk.json`;
    const bytes = store?.load(this.#file);
    this.#state = bytes === undefined ? EMPTY : parse(bytes, this.#file);
  }

  get possible(): boolean {
    return this.#store !== undefined;
  }

  get now(): DiskState {
    return this.#state;
  }

  /** Saves what is given, and keeps the rest. The old state stays where that fails. */
  async save(changes: Partial<DiskState>): Promise<void> {
    const store = this.#store;
    const saving = this.#last.then(async () => {
      const next = { ...this.#state, ...changes };
      await store?.save(this.#file, encode(next));
      this.#state = next;
    });
    this.#last = saving.catch(() => undefined);
    await saving;
  }
}

/** Another for every name, and one that may be a file's: what may not is written as "%2F". */
function fileNameOf(diskName: string): string {
  return encodeURIComponent(diskName).replaceAll("%3A", ":").replaceAll(".", "%2E");
}

function encode({ modePages, identifyingInformation, sanitizing }: DiskState): Uint8Array {
  const text = JSON.stringify({
    version: VERSION,
    modePages: toHex(modePages),
    identifyingInformation: toHex(identifyingInformation),
    sanitizing,
  });
  return Buffer.from(`${text}\n`);
}

function toHex(table: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(table).map(([key, bytes]) => [key, Buffer.from(bytes).toString("hex")]),
  );
}

function parse(bytes: Uint8Array, file: string): DiskState {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw damaged(file, "it is no JSON");
  }
  const { version, modePages, identifyingInformation, sanitizing } = (content ?? {}) as Readonly<
    Record<string, unknown>
  >;
  if (version !== VERSION) throw damaged(file, `its version is not ${VERSION}`);
  if (sanitizing !== 0 && sanitizing !== 1 && sanitizing !== 2) {
    throw damaged(file, "sanitizing must be 0, 1 or 2");
  }
  return {
    modePages: fromHex(modePages, file),
    identifyingInformation: fromHex(identifyingInformation, file),
    sanitizing,
  };
}

function fromHex(table: unknown, file: string): Record<string, Uint8Array> {
  const entries = typeof table === "object" && table !== null ? Object.entries(table) : undefined;
  if (entries === undefined) throw damaged(file, "a table is missing");
  return Object.fromEntries(
    entries.map(([key, value]: [string, unknown]) => {
      if (typeof value !== "string" || !/^([\da-f]{2})*$/.test(value)) {
        throw damaged(file, `${key} must be hexadecimal digits`);
      }
      return [key, Uint8Array.from(Buffer.from(value, "hex"))];
    }),
  );
}

function damaged(file: string, why: string): ProtocolError {
  return new ProtocolError("DISK_STATE", `${file} is no saved state of a disk: ${why}`);
}
