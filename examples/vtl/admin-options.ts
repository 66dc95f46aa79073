import { resolve } from "node:path";

import { wrong } from "../support/rules.ts";
import { CARTRIDGE_OPTIONS, cartridgeSettings, split } from "./arguments.ts";
import type { CartridgeSettings } from "./create.ts";
import { barcodesOf } from "./rules.ts";

/** What an operator asks of a library: a line of JSON to one that is served. */
export type AdminRequest =
  | { readonly command: "list"; readonly all: boolean; readonly json: boolean }
  | {
      readonly command: "add-cartridge";
      readonly barcodes: readonly string[];
      readonly cartridges: CartridgeSettings | undefined;
    }
  | { readonly command: "import"; readonly barcode: string; readonly place?: string }
  | { readonly command: "export"; readonly place: string }
  | { readonly command: "move"; readonly from: string; readonly to: string }
  | { readonly command: "load"; readonly from: string; readonly drive?: string }
  | { readonly command: "unload"; readonly drive: string; readonly place?: string }
  | { readonly command: "protect" | "unprotect"; readonly barcode: string }
  | CartridgeRequest;

/** Work on one cartridge that takes its time. */
export type CartridgeRequest =
  | { readonly command: "verify" | "erase"; readonly barcode: string }
  /** `image` is an absolute path: the server may be in another folder. */
  | { readonly command: "dump" | "restore"; readonly barcode: string; readonly image: string };

/** The words of each command behind FOLDER: those in brackets may be left out. */
const WORDS: Readonly<Record<string, readonly [min: number, max: number, usage: string]>> = {
  list: [0, 0, ""],
  "add-cartridge": [1, 1, "BARCODES"],
  import: [1, 2, "BARCODE [mail:N]"],
  export: [1, 1, "BARCODE|mail:N"],
  move: [2, 2, "BARCODE|PLACE PLACE"],
  load: [1, 2, "BARCODE|PLACE [drive:N]"],
  unload: [1, 2, "BARCODE|drive:N [PLACE]"],
  protect: [1, 1, "BARCODE"],
  unprotect: [1, 1, "BARCODE"],
  verify: [1, 1, "BARCODE"],
  erase: [1, 1, "BARCODE"],
  dump: [2, 2, "BARCODE FILE"],
  restore: [2, 2, "BARCODE FILE"],
};

const LIST_OPTIONS = { all: { type: "boolean" }, json: { type: "boolean" } } as const;

/** @throws UsageError which word, and what it must be */
export function parseAdmin(command: string, words: readonly string[]) {
  const rule = Object.hasOwn(WORDS, command) ? WORDS[command] : undefined;
  if (rule === undefined) {
    const all = ["create", "serve", ...Object.keys(WORDS)].join(", ");
    throw wrong(`${command}: there is no such command; there are ${all}`);
  }
  const { values, positionals } = split(words, optionsOf(command));
  const [folder, ...rest] = positionals;
  const [min, max, usage] = rule;
  if (folder === undefined || rest.length < min || rest.length > max) {
    throw wrong(`usage: vtl ${command} FOLDER ${usage}`.trimEnd());
  }
  return { folder, request: requestOf(command as AdminRequest["command"], rest, values) };
}

function optionsOf(command: string) {
  if (command === "list") return LIST_OPTIONS;
  return command === "add-cartridge" ? CARTRIDGE_OPTIONS : {};
}

/** All options that an operator's command can have. */
interface Values {
  readonly all?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly kind?: string | undefined;
  readonly density?: string | undefined;
  readonly capacity?: string | undefined;
}

function requestOf(
  command: AdminRequest["command"],
  [first = "", second]: readonly string[],
  values: Values,
): AdminRequest {
  switch (command) {
    case "list":
      return { command, all: values.all === true, json: values.json === true };
    case "add-cartridge":
      return {
        command,
        barcodes: barcodesOf("add-cartridge", first),
        cartridges: addedCartridges(values),
      };
    case "import":
      return { command, barcode: first, ...(second === undefined ? {} : { place: second }) };
    case "export":
      return { command, place: first };
    case "move":
      return { command, from: first, to: second as string };
    case "load":
      return { command, from: first, ...(second === undefined ? {} : { drive: second }) };
    case "unload":
      return { command, drive: first, ...(second === undefined ? {} : { place: second }) };
    case "protect":
    case "unprotect":
    case "verify":
    case "erase":
      return { command, barcode: first };
    case "dump":
    case "restore":
      return { command, barcode: first, image: resolve(second as string) };
  }
}

/** The library's own first drive says of what generation cartridges are, unless it is told. */
function addedCartridges(values: Values): CartridgeSettings | undefined {
  const settings = cartridgeSettings(values, "");
  const said = Object.values(settings).some((one) => one !== undefined && one !== "");
  return said ? settings : undefined;
}
