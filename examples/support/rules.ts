import { UsageError } from "scst-user";

/**
 * Checks a value and gives it in the form that the program uses. `where` names it for the
 * message: an option, or a place in a configuration file.
 */
export type Rule<T> = (where: string, value: unknown) => T;

/** @returns the error that names the place, the value and the rule */
export function wrong(message: string): UsageError {
  return new UsageError("OPTION", message);
}

function refusal(where: string, value: unknown, rule: string): UsageError {
  const shown =
    typeof value === "string" || typeof value === "number" ? value : JSON.stringify(value);
  return wrong(`${where} ${shown}: it must be ${rule}`);
}

export const flag: Rule<boolean> = (where, value) => {
  if (value === true || value === 1) return true;
  if (value === false || value === 0) return false;
  throw refusal(where, value, "true or false (1 or 0 on the command line)");
};

export function wholeNumber(min: number, max: number): Rule<number> {
  return (where, value) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    throw refusal(where, value, `a whole number from ${min} to ${max}`);
  };
}

export const powerOfTwo =
  (min: number, max: number): Rule<number> =>
  (where, value) => {
    const size = wholeNumber(min, max)(where, value);
    if (Number.isInteger(Math.log2(size))) return size;
    throw refusal(where, value, `a power of two from ${min} to ${max}`);
  };

export function oneOf<const Table extends Readonly<Record<string, unknown>>>(
  table: Table,
): Rule<Table[keyof Table]> {
  return (where, value) => {
    if (typeof value === "string" && Object.hasOwn(table, value)) {
      return table[value] as Table[keyof Table];
    }
    throw refusal(where, value, `one of ${Object.keys(table).join(", ")}`);
  };
}

/** Printable ASCII. */
export const text =
  (charactersMax: number): Rule<string> =>
  (where, value) => {
    if (typeof value === "string" && /^[ -~]+$/.test(value) && value.length <= charactersMax) {
      return value;
    }
    throw refusal(where, value, `1 to ${charactersMax} ASCII characters`);
  };

/** Hexadecimal digits, with or without 0x. */
export const hex =
  (...digits: readonly number[]): Rule<string> =>
  (where, value) => {
    const found = typeof value === "string" ? /^(?:0x)?([\da-f]+)$/i.exec(value)?.[1] : undefined;
    if (found !== undefined && digits.includes(found.length)) return found.toLowerCase();
    throw refusal(where, value, `${digits.join(" or ")} hexadecimal digits`);
  };

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};

/** Bytes as a number, or with one of the letters K, M, G and T. */
export const bytes =
  (min: number, max: number): Rule<number> =>
  (where, value) => {
    const [, count, unit = ""] = /^(\d+)([KMGT]?)$/i.exec(String(value)) ?? [];
    const size = Number(count) * (UNITS[unit.toUpperCase()] ?? Number.NaN);
    if (size >= min && size <= max) return size;
    throw refusal(where, value, `a size from ${min} to ${max} bytes, such as 10G`);
  };

/** A file's or a folder's path. */
export const path: Rule<string> = (where, value) => {
  if (typeof value === "string" && value !== "" && !value.includes("\0")) return value;
  throw refusal(where, value, "a path");
};

/** What SCST allows in a device's name. */
export const deviceName: Rule<string> = (where, value) => {
  if (typeof value === "string" && /^[!-~]{1,48}$/.test(value) && !/[./]/.test(value)) return value;
  throw wrong(
    `${where} ${JSON.stringify(value)}: it must have 1 to 48 ASCII characters, none of them . or /`,
  );
};
