import { type Density, type Personality, TAPE_PERSONALITIES } from "scst-user";

import { type Rule, wrong } from "../support/rules.ts";

/** A drive's model, `lto8` or `lto-8`. */
export const personality: Rule<string> = (where, value) => {
  const name = String(value).toLowerCase().replace(/^lto-/, "lto");
  if (Object.hasOwn(TAPE_PERSONALITIES, name)) return name;
  const names = Object.keys(TAPE_PERSONALITIES).join(", ");
  throw wrong(`${where} ${String(value)}: there is no such model of drive; there are ${names}`);
};

/** The recording format of a model's own cartridges. */
export function densityOf(name: string): Density {
  return (TAPE_PERSONALITIES[name] as Personality).densities.written[0] as Density;
}

export const libraryName: Rule<string> = (where, value) => {
  if (typeof value === "string" && /^[a-z0-9][a-z0-9-]{0,47}$/.test(value)) return value;
  throw wrong(`${where} ${String(value)}: a name has 1 to 48 characters, a to z, 0 to 9 and -`);
};

export const iqn: Rule<string> = (where, value) => {
  if (typeof value === "string" && /^iqn\.\d{4}-\d{2}\.[a-z0-9.:-]{1,200}$/.test(value)) {
    return value;
  }
  throw wrong(`${where} ${String(value)}: it must be an iSCSI name, iqn.2026-11.org.example:name`);
};

const BARCODE = /^[A-Z0-9]{1,32}$/;
const BARCODES_MAX = 61_440;

/** Barcodes: one, several with commas, or a range such as VTL001L8..VTL020L8. */
export function barcodesOf(where: string, word: string): string[] {
  const all = word.split(",").flatMap((part) => rangeOf(where, part));
  const twice = all.find((barcode, index) => all.indexOf(barcode) !== index);
  if (twice !== undefined) throw wrong(`${where}: ${twice} is there twice`);
  return all;
}

function rangeOf(where: string, part: string): string[] {
  const [first = "", last, ...more] = part.split("..");
  if (more.length > 0 || !BARCODE.test(first) || (last !== undefined && !BARCODE.test(last))) {
    throw wrong(`${where} ${part}: barcodes have 1 to 32 characters, A to Z and 0 to 9`);
  }
  if (last === undefined) return [first];
  // The number that counts: the last digits before the two letters of the generation.
  const parts = /^(.*?)(\d+)([A-Z]\w)?$/;
  const [, head, from, tail = ""] = parts.exec(first) ?? [];
  const [, lastHead, to, lastTail = ""] = parts.exec(last) ?? [];
  const count = Number(to) - Number(from) + 1;
  const alike = head === lastHead && tail === lastTail && from?.length === to?.length;
  if (head === undefined || from === undefined || !alike || !(count >= 1)) {
    throw wrong(`${where} ${part}: a range counts up, such as VTL001L8..VTL020L8`);
  }
  if (count > BARCODES_MAX) throw wrong(`${where} ${part}: ${count} are more than ${BARCODES_MAX}`);
  return Array.from({ length: count }, (_, index) => {
    const number = String(Number(from) + index).padStart(from.length, "0");
    return `${head}${number}${tail}`;
  });
}
