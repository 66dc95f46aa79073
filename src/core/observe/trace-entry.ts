/** Commands of a trace for people: names in the place of numbers. */
import type { Layout } from "../../protocol/layout/index.ts";
import {
  additionalSenseName,
  commandName,
  findCommand,
  senseKeyName,
  statusName,
} from "../../protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
} from "../../protocol/scst/index.ts";
import type { TraceRecord } from "./trace.ts";

const NO_LUN = 0xffff_ffff;

/** A command that is over. */
export interface TraceEntry {
  /** When it was submitted, in microseconds of the core's clock. */
  readonly timeUs: number;
  /** From then until its response had left. */
  readonly latencyUs: number;
  readonly target: string;
  readonly session: string;
  /** Empty where there was none behind the LUN. */
  readonly device: string;
  /** -1 for one that nobody can have. */
  readonly lun: number;
  /** `"READ(10)"` */
  readonly command: string;
  /** The first 16 bytes, in hexadecimal. */
  readonly cdb: string;
  /** Fields of the CDB by the standard's names, but for those that are zero. */
  readonly fields: Readonly<Record<string, number | string | true>>;
  readonly direction: "read" | "write" | "bidi" | "none" | "unknown";
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** `"CHECK CONDITION"`; `"ABORTED"` where there was no response. */
  readonly status: string;
  /** Absent where there is none. */
  readonly sense?: {
    readonly key: string;
    readonly asc: number;
    readonly ascq: number;
    /** T10's wording. */
    readonly name: string;
  };
}

type RecordView = ReturnType<typeof TraceRecord.view>;

const DIRECTIONS: Readonly<Record<number, TraceEntry["direction"]>> = {
  [SCST_DATA_READ]: "read",
  [SCST_DATA_WRITE]: "write",
  [SCST_DATA_BIDI]: "bidi",
  [SCST_DATA_NONE]: "none",
};

export function decodeTrace(
  view: RecordView,
  names: Pick<TraceEntry, "target" | "session" | "device">,
): TraceEntry {
  const { asc, ascq } = view;
  const cdb = view.cdb.slice(0, view.cdbLength);
  const entry = {
    timeUs: view.timeUs,
    latencyUs: view.latencyUs,
    ...names,
    lun: view.lun === NO_LUN ? -1 : view.lun,
    command: commandName(cdb, view.deviceType),
    cdb: hex(cdb),
    fields: fieldsOf(cdb, view.deviceType),
    direction: DIRECTIONS[view.dataDirection] ?? "unknown",
    bytesIn: view.bytesIn,
    bytesOut: view.bytesOut,
    status: view.aborted === 0 ? statusName(view.status) : "ABORTED",
  };
  if (view.senseLength === 0) return entry;
  const key = senseKeyName(view.senseKey);
  return { ...entry, sense: { key, asc, ascq, name: additionalSenseName(asc, ascq) } };
}

/** What every command has, and its name says. */
const SAID_BY_NAME = new Set(["operationCode", "serviceAction"]);

function fieldsOf(cdb: Uint8Array, deviceType: number): Record<string, number | string | true> {
  const layout = findCommand(cdb, deviceType)?.cdb;
  const fields: Record<string, number | string | true> = {};
  // Of a longer one the rest is not known.
  if (layout === undefined || layout.size > cdb.length) return fields;
  addFields(fields, layout, layout.view(cdb), "");
  return fields;
}

function addFields(
  into: Record<string, number | string | true>,
  layout: Layout,
  view: unknown,
  prefix: string,
): void {
  for (const { name, field } of layout.fields) {
    if (SAID_BY_NAME.has(name)) continue;
    const value = (view as Record<string, unknown>)[name];
    if (field.nested !== undefined) addFields(into, field.nested, value, `${prefix}${name}.`);
    else if (value instanceof Uint8Array) into[prefix + name] = hex(value);
    else if (value === true) into[prefix + name] = true;
    else if (typeof value === "bigint" && value !== 0n) into[prefix + name] = `${value}`;
    else if (typeof value === "number" && value !== 0) into[prefix + name] = value;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One line: `12.000345 initiator LUN 0 READ(10) logicalBlockAddress=8 … GOOD, 512 in, 35 µs`. */
export function traceLine(entry: TraceEntry): string {
  const { sense } = entry;
  const fields = Object.entries(entry.fields).map(([name, value]) => ` ${name}=${value}`);
  const result = sense === undefined ? "" : `, ${sense.key}, ${sense.name}`;
  const bytes = [
    entry.bytesIn > 0 ? `, ${entry.bytesIn} in` : "",
    entry.bytesOut > 0 ? `, ${entry.bytesOut} out` : "",
  ].join("");
  return (
    `${(entry.timeUs / 1e6).toFixed(6)} ${entry.session} LUN ${entry.lun} ${entry.command}` +
    `${fields.join("")} ${entry.status}${result}${bytes}, ${entry.latencyUs} µs`
  );
}
