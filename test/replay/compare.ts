/** Compares what our core said with what was recorded, field by field. */
import type { Layout } from "../../src/protocol/layout/index.ts";
import { ScstUserGetCmd } from "../../src/protocol/scst/index.ts";
import type { GetCmdView } from "../support/raw-program.ts";
import { PAGE_SIZE } from "../../src/sdk/memory/arena.ts";
import { toHex } from "../support/hex.ts";
import { memberLayout, SUBCOMMANDS, type SubcommandName } from "../support/subcommands.ts";
import type { DataIn } from "./trace.ts";

export interface FieldDifference {
  readonly field: string;
  readonly recorded: string;
  readonly ours: string;
}

/** Ours for a recorded handle; undefined where the recording never told of it before. */
export type Translate = (recorded: bigint | number) => bigint | number | undefined;

/**
 * How a field is compared: `"value"` unless it stands here.
 *
 * - `"zero"`: an address of that run; only whether there is one
 * - `"handle"`: ours must be the one that stands for the recorded one
 * - `"not"`: SCST's own serial number, or a field that SCST never writes: not at all
 * - `"behind pbuf"`: an address, told by its distance from the buffer's
 */
type Rule = "zero" | "handle" | "not" | "behind pbuf";

const RULES: Readonly<Record<string, Rule>> = {
  sessH: "handle",
  cmdHToAbort: "handle",
  pbuf: "zero",
  pOutBuf: "behind pbuf",
  sn: "not",
  cmdSn: "not",
  parentCmdH: "not",
  parentCmdDataLen: "not",
  partialOffset: "not",
};

/** Of DETACH_SESS only the handle is written. */
const ONLY: Partial<Record<SubcommandName, readonly string[]>> = { DETACH_SESS: ["sessH"] };

type Values = Readonly<Record<string, unknown>>;

/** Compares a subcommand. Handles are translated, addresses are not compared as such. */
export function compareGet(
  subcode: SubcommandName,
  recordedBytes: Uint8Array,
  ours: GetCmdView,
  translate: Translate,
): FieldDifference[] {
  const member = SUBCOMMANDS[subcode].get;
  const layout = memberLayout("get", member) as Layout;
  const recordedValues = ScstUserGetCmd.view(recordedBytes)[member] as unknown as Values;
  const ourValues = ours[member] as unknown as Values;
  return layout.fields
    .filter(({ name }) => ONLY[subcode]?.includes(name) ?? true)
    .flatMap(({ name }) => {
      const [recorded, our] = comparable(name, recordedValues, ourValues, translate);
      return recorded === our ? [] : [{ field: cName(name), recorded, ours: our }];
    });
}

function comparable(
  name: string,
  recorded: Values,
  ours: Values,
  translate: Translate,
): [recorded: string, ours: string] {
  switch (RULES[name]) {
    case "not":
      return ["", ""];
    case "zero":
      return [addressText(recorded[name]), addressText(ours[name])];
    case "handle": {
      const handle = recorded[name] as bigint | number;
      const expected = Number(handle) === 0 ? handle : translate(handle);
      return [`the handle ${expected}`, `the handle ${ours[name] as bigint | number}`];
    }
    case "behind pbuf":
      return [distance(recorded), distance(ours)];
    default:
      return [valueText(recorded[name]), valueText(ours[name])];
  }
}

function addressText(value: unknown): string {
  return value === 0 ? "0" : "an address";
}

/** A recorded buffer that begins inside a page touches one page more than ours, which never do. */
function distance(values: Values): string {
  const pbuf = values["pbuf"] as number;
  const pages = ((values["pOutBuf"] as number) - pbuf) / PAGE_SIZE;
  return `${pbuf % PAGE_SIZE === 0 ? pages : pages - 1} pages behind pbuf`;
}

export function valueText(value: unknown): string {
  if (value instanceof Uint8Array) return value.length === 0 ? "nothing" : toHex(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** `allocLen` is `alloc_len` in the header. */
export function cName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Compares data-in; of long data the recording has the first bytes only. */
export function compareDataIn(recorded: DataIn, ours: Uint8Array): FieldDifference[] {
  const shown = recorded.cut ? ours.subarray(0, recorded.bytes.length) : ours;
  const field = recorded.cut ? `first ${recorded.bytes.length} bytes of data-in` : "data-in";
  const [a, b] = [valueText(recorded.bytes), valueText(shown)];
  return a === b ? [] : [{ field, recorded: a, ours: b }];
}
