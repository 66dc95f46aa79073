import { join } from "node:path";

import { folderStateStore, UsageError } from "scst-user";

import { hex, type Rule, text, wholeNumber } from "../support/rules.ts";
import { MAIL_SLOTS_MAX, SLOTS_MAX } from "./models.ts";
import { iqn, libraryName, personality } from "./rules.ts";

/** What a library is: `library.json` in its folder, for people to change while it rests. */
export interface LibraryDescription {
  readonly name: string;
  readonly iqn: string;
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly serial: string;
  readonly naa?: string;
  readonly slots: number;
  readonly mailSlots: number;
  readonly drives: readonly DriveDescription[];
}

export interface DriveDescription {
  readonly personality: string;
  readonly serial: string;
  readonly vendor?: string;
  readonly product?: string;
  readonly revision?: string;
  readonly naa?: string;
}

const FILE = "library.json";
const FORMAT = "scst-user library";
const VERSION = 1;
export const DRIVES_MAX = 255;

const IDENTITY = { vendor: text(8), product: text(16), revision: text(4), serial: text(64) };
const NAA = { naa: hex(16, 32) };

const LIBRARY_RULES = {
  ...IDENTITY,
  ...NAA,
  name: libraryName,
  iqn,
  slots: wholeNumber(1, SLOTS_MAX),
  mailSlots: wholeNumber(0, MAIL_SLOTS_MAX),
} as const;
const DRIVE_RULES = { ...IDENTITY, ...NAA, personality } as const;

/** @throws UsageError LIBRARY: it is there, or there is none, or what is wrong with it */
export function readLibrary(folder: string): LibraryDescription {
  const path = join(folder, FILE);
  const bytes = folderStateStore(folder).load(FILE);
  if (bytes === undefined) {
    throw new UsageError("LIBRARY", `${folder} is no library: ${path} is missing`);
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw new UsageError("LIBRARY", `${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
  const { format, version, drives, ...rest } = objectOf(path, json);
  if (format !== FORMAT || version !== VERSION) {
    throw new UsageError("LIBRARY", `${path}: it must be a "${FORMAT}" of version ${VERSION}`);
  }
  if (!Array.isArray(drives) || drives.length > DRIVES_MAX) {
    throw new UsageError("LIBRARY", `${path}: drives: a list of up to ${DRIVES_MAX} is due`);
  }
  const checked = check(path, rest, LIBRARY_RULES, ["naa"]);
  return {
    ...(checked as unknown as Omit<LibraryDescription, "drives">),
    drives: drives.map((drive, index) => {
      const place = `${path}: drives[${index}]`;
      const optional = ["naa", "vendor", "product", "revision"];
      const values = check(place, objectOf(place, drive), DRIVE_RULES, optional);
      return values as unknown as DriveDescription;
    }),
  };
}

export async function writeLibrary(folder: string, library: LibraryDescription): Promise<void> {
  const json = { format: FORMAT, version: VERSION, ...library };
  await folderStateStore(folder).save(FILE, Buffer.from(`${JSON.stringify(json, null, 2)}\n`));
}

export function hasLibrary(folder: string): boolean {
  return folderStateStore(folder).load(FILE) !== undefined;
}

function objectOf(place: string, value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new UsageError("LIBRARY", `${place}: it must be an object in braces`);
}

function check(
  place: string,
  values: Record<string, unknown>,
  rules: Readonly<Record<string, Rule<unknown>>>,
  optional: readonly string[],
): Record<string, unknown> {
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(rules, name));
  if (unknown !== undefined) {
    throw new UsageError("LIBRARY", `${place}: ${unknown}: there is no such setting`);
  }
  const given = Object.entries(rules).filter(
    ([name]) => values[name] !== undefined || !optional.includes(name),
  );
  return Object.fromEntries(
    given.map(([name, rule]) => [name, rule(`${place}: ${name}`, values[name])]),
  );
}
