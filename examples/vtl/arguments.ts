import { parseArgs, type ParseArgsConfig } from "node:util";

import { bytes, oneOf, type Rule, wholeNumber, wrong } from "../support/rules.ts";
import type { CartridgeSettings } from "./create.ts";
import { personality } from "./rules.ts";

export const value = { type: "string" } as const;

type Arguments<Options extends NonNullable<ParseArgsConfig["options"]>> = ReturnType<
  typeof parseArgs<{
    args: string[];
    options: Options;
    allowPositionals: true;
    strict: true;
  }>
>;

/** `parseArgs`, with its complaints as ours. */
export function split<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  words: readonly string[],
  options: Options,
): Arguments<Options> {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

/** Options that say what new cartridges are. */
export const CARTRIDGE_OPTIONS = { kind: value, density: value, capacity: value } as const;
type CartridgeValues = { readonly [Name in keyof typeof CARTRIDGE_OPTIONS]?: string | undefined };

const CAPACITY_BYTES_MIN = 1024 * 1024;
const mediumKind = oneOf({ data: "data", worm: "worm", cleaning: "cleaning" });
const capacity = bytes(CAPACITY_BYTES_MIN, Number.MAX_SAFE_INTEGER);

export function cartridgeSettings(values: CartridgeValues, model: string): CartridgeSettings {
  return {
    kind: given(values, "kind", mediumKind),
    density: given(values, "density", personality) ?? model,
    capacityBytes: given(values, "capacity", capacity),
  };
}

/** An option that was given, checked. */
export function given<T, Name extends string>(
  values: { readonly [Key in Name]?: string | undefined },
  name: Name,
  rule: Rule<T>,
): T | undefined {
  const word = values[name];
  return word === undefined ? undefined : rule(`--${name}`, word);
}

/** Rules of whole numbers are for numbers. */
export function number<Name extends string>(
  values: { readonly [Key in Name]?: string | undefined },
  name: Name,
  min: number,
  max: number,
): number | undefined {
  return given(values, name, (where, word) => {
    return wholeNumber(min, max)(where, /^\d+$/.test(String(word)) ? Number(word) : word);
  });
}
