/** A recorded session of the real SCST, read and checked. */
import { readFileSync } from "node:fs";
import {
  ScstUserDevDesc,
  ScstUserGetCmd,
  ScstUserReplyCmd,
} from "../../src/protocol/scst/index.ts";
import { isSubcommand, type SubcommandName } from "../support/subcommands.ts";

/** A `scst_user_get_cmd` that the kernel handed out. */
export interface GetRecord {
  readonly kind: "get";
  readonly subcode: SubcommandName;
  /** `ScstUserGetCmd.size` bytes. */
  readonly bytes: Uint8Array;
}

/** A `scst_user_reply_cmd` that the handler gave back. */
export interface ReplyRecord {
  readonly kind: "reply";
  readonly subcode: SubcommandName;
  /** `ScstUserReplyCmd.size` bytes. */
  readonly bytes: Uint8Array;
  /** What `psense_buffer` pointed at. */
  readonly sense: Uint8Array | undefined;
}

/** Any other ioctl. */
export interface IoctlRecord {
  readonly kind: "ioctl";
  readonly ioctl: string;
  readonly errno: number;
  readonly in: Uint8Array | undefined;
  readonly out: Uint8Array | undefined;
}

/** A call that failed. */
export interface ErrnoRecord {
  readonly kind: "errno";
  readonly ioctl: string;
  readonly errno: number;
}

export type UserRecord = GetRecord | ReplyRecord | IoctlRecord | ErrnoRecord;

/** What the initiator saw. */
export interface StepResult {
  readonly status: number;
  readonly sense: Uint8Array;
  readonly dataIn: DataIn;
  readonly residual: number;
}

/** The recording shows the first bytes only where the data are long. */
export interface DataIn {
  readonly bytes: Uint8Array;
  readonly cut: boolean;
}

interface StepBase {
  readonly nexus: number;
  readonly note: string;
  readonly user: readonly UserRecord[];
}

export interface CommandStep extends StepBase {
  readonly kind: "command";
  readonly cdb: Uint8Array;
  /** The data, or how many bytes of the block count's low byte. */
  readonly dataOut: Uint8Array | number | undefined;
  readonly dataInLength: number;
  readonly result: StepResult;
}

export interface TaskManagementStep extends StepBase {
  readonly kind: "task management";
  readonly function: string;
}

export type Step = CommandStep | TaskManagementStep;

export interface Trace {
  readonly name: string;
  /** Subcommands came by REPLY_AND_GET_MULTI. */
  readonly multi: boolean;
  readonly before: readonly UserRecord[];
  readonly steps: readonly Step[];
  readonly after: readonly UserRecord[];
}

/** The file is not there or is not what a recording must be. */
export class TraceError extends Error {
  override readonly name = "TraceError";
}

export function readTrace(path: string): Trace {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new TraceError(`${path} can't be read`, { cause: error });
  }
  return parseTrace(text, path);
}

export function parseTrace(text: string, path: string): Trace {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new TraceError(`${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  const trace = object(json, path);
  return {
    name: string(trace["name"], `${path}: name`),
    // Only records of that call say how many came together.
    multi: text.includes('"batch"'),
    before: list(trace["before"], `${path}: before`).map(userRecord),
    steps: list(trace["steps"], `${path}: steps`).map(step),
    after: list(trace["after"], `${path}: after`).map(userRecord),
  };
}

type Json = Readonly<Record<string, unknown>>;
type Item = readonly [value: unknown, where: string];

function step([value, where]: Item): Step {
  const json = object(value, where);
  const base = {
    nexus: number(json["nexus"], `${where}.nexus`),
    note: json["note"] === undefined ? "" : string(json["note"], `${where}.note`),
    user: list(json["user"], `${where}.user`).map(userRecord),
  };
  if (json["tm"] !== undefined) {
    return { ...base, kind: "task management", function: string(json["tm"], `${where}.tm`) };
  }
  const { dataOut, dataInLength } = json;
  return {
    ...base,
    kind: "command",
    cdb: hex(json["cdb"], `${where}.cdb`),
    dataOut: typeof dataOut === "number" ? dataOut : optionalHex(dataOut, `${where}.dataOut`),
    dataInLength: dataInLength === undefined ? 0 : number(dataInLength, `${where}.dataInLength`),
    result: result(json["result"], `${where}.result`),
  };
}

function result(value: unknown, where: string): StepResult {
  const json = object(value, where);
  return {
    status: number(json["status"], `${where}.status`),
    sense: optionalHex(json["sense"], `${where}.sense`) ?? new Uint8Array(0),
    dataIn: dataIn(json["dataIn"], `${where}.dataIn`),
    residual: number(json["resid"], `${where}.resid`),
  };
}

function dataIn(value: unknown, where: string): DataIn {
  if (value === undefined) return { bytes: new Uint8Array(0), cut: false };
  const text = string(value, where);
  const cut = text.endsWith("...");
  return { bytes: hex(cut ? text.slice(0, -3) : text, where), cut };
}

function userRecord([value, where]: Item): UserRecord {
  const json = object(value, where);
  const { kind } = json;
  switch (kind) {
    case "get":
      return {
        kind,
        subcode: subcode(json, where),
        bytes: bytes(json, ScstUserGetCmd.size, where),
      };
    case "reply":
      return {
        kind,
        subcode: subcode(json, where),
        bytes: bytes(json, ScstUserReplyCmd.size, where),
        sense: optionalHex(json["sense"], `${where}.sense`),
      };
    case "errno":
      return { kind, ...call(json, where) };
    case "ioctl":
      return {
        kind,
        ...call(json, where),
        in: optionalHex(json["in"], `${where}.in`, ScstUserDevDesc.size),
        out: optionalHex(json["out"], `${where}.out`, ScstUserDevDesc.size),
      };
    default:
      throw new TraceError(`${where}.kind: ${JSON.stringify(kind)} is no kind of record`);
  }
}

function call(json: Json, where: string): { ioctl: string; errno: number } {
  return {
    ioctl: string(json["ioctl"], `${where}.ioctl`),
    errno: number(json["errno"], `${where}.errno`),
  };
}

function subcode(json: Json, where: string): SubcommandName {
  const name = string(json["subcode"], `${where}.subcode`);
  if (!isSubcommand(name)) throw new TraceError(`${where}.subcode: ${name} is no subcommand`);
  return name;
}

/** Trailing zeros are cut off in the file. */
function bytes(json: Json, size: number, where: string): Uint8Array {
  const cut = hex(json["bytes"], `${where}.bytes`);
  if (cut.length > size) {
    throw new TraceError(`${where}.bytes: ${cut.length} bytes where the struct has ${size}`);
  }
  return padded(cut, size);
}

function padded(from: Uint8Array, size: number): Uint8Array {
  const into = new Uint8Array(size);
  into.set(from);
  return into;
}

function optionalHex(value: unknown, where: string, size?: number): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const found = hex(value, where);
  return size === undefined || found.length >= size ? found : padded(found, size);
}

function hex(value: unknown, where: string): Uint8Array {
  const text = string(value, where);
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new TraceError(`${where}: no pairs of hex digits`);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function object(value: unknown, where: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new TraceError(`${where}: no object`);
}

function list(value: unknown, where: string): Item[] {
  if (!Array.isArray(value)) throw new TraceError(`${where}: no list`);
  return value.map((item: unknown, index) => [item, `${where}[${index}]`] as const);
}

function string(value: unknown, where: string): string {
  if (typeof value !== "string") throw new TraceError(`${where}: no string`);
  return value;
}

function number(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new TraceError(`${where}: no whole number`);
  }
  return value;
}
