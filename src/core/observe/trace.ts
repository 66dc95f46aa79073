import { UsageError } from "../../protocol/errors.ts";
import { bytes, s64, struct, u8, u16, u32 } from "../../protocol/layout/index.ts";
import { SCST_DATA_UNKNOWN } from "../../protocol/scst/index.ts";
import type { Command } from "../command.ts";
import { senseKeyOf } from "./counters.ts";
import { decodeTrace, type TraceEntry } from "./trace-entry.ts";

/** How much of a CDB is kept: all of those that are not of variable length. */
const CDB_LENGTH = 16;

/** A command in the ring. */
export const TraceRecord = struct("trace record", {
  /** When it was submitted, in microseconds of the core's clock. */
  timeUs: s64,
  latencyUs: u32,
  lun: u32,
  bytesIn: u32,
  bytesOut: u32,
  cdb: bytes(CDB_LENGTH),
  cdbLength: u16,
  deviceType: u8,
  dataDirection: u8,
  status: u8,
  senseLength: u8,
  senseKey: u8,
  asc: u8,
  ascq: u8,
  aborted: u8,
});

const CDB_AT = TraceRecord.offsetOf("cdb");

const U32_MAX = 0xffff_ffff;

/** How many commands a ring may have room for. */
export const TRACE_CAPACITY_MAX = 1 << 20;

const CAPACITY_DEFAULT = 1024;

/** What a command is known by that went to no device. */
const NO_DEVICE = "";

export interface TraceOptions {
  /** How many commands are kept: 1 to 1,048,576. Default: 1024, in 64 KiB. */
  readonly capacity?: number;
  /** Only commands of the session of this name. */
  readonly session?: string;
  /** Only commands of sessions of the target of this name. */
  readonly target?: string;
  /** Only commands to the device of this name. */
  readonly device?: string;
}

/** The last commands, in memory of a fixed size: adding one allocates nothing. */
export class CommandTrace {
  readonly capacity: number;
  readonly #options: TraceOptions;
  readonly #view;
  readonly #targets: string[];
  readonly #sessions: string[];
  readonly #devices: string[];
  /** How many commands have been added since the beginning. */
  #count = 0;

  /** @throws UsageError TRACE_CAPACITY */
  constructor(options: TraceOptions = {}) {
    const { capacity = CAPACITY_DEFAULT } = options;
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > TRACE_CAPACITY_MAX) {
      throw new UsageError(
        "TRACE_CAPACITY",
        `a trace of ${capacity} commands: it must be a whole number from 1 to ${TRACE_CAPACITY_MAX}`,
      );
    }
    this.capacity = capacity;
    this.#options = options;
    this.#view = TraceRecord.view(new Uint8Array(capacity * TraceRecord.size));
    this.#targets = Array.from({ length: capacity }, () => "");
    this.#sessions = Array.from({ length: capacity }, () => "");
    this.#devices = Array.from({ length: capacity }, () => "");
  }

  /** How many commands there have been; the ring has the last `capacity` of them. */
  get count(): number {
    return this.#count;
  }

  /** A command is over. Times are in milliseconds. */
  add(command: Command, startMs: number, durationMs: number): void {
    const { session, nexus } = command;
    const device = nexus === undefined ? NO_DEVICE : nexus.device.name;
    if (!this.#wants(session.name, session.target.name, device)) return;
    const slot = this.#count % this.capacity;
    this.#count++;
    this.#targets[slot] = session.target.name;
    this.#sessions[slot] = session.name;
    this.#devices[slot] = device;
    const view = this.#view.at(slot * TraceRecord.size);
    view.timeUs = Math.round(startMs * 1000);
    view.latencyUs = Math.min(U32_MAX, Math.round(durationMs * 1000));
    view.lun = command.lun >= 0 ? command.lun : U32_MAX;
    view.bytesIn = command.responseLength;
    view.bytesOut = command.dataOutLength;
    for (let i = 0; i < CDB_LENGTH; i++) {
      view.bytes[view.offset + CDB_AT + i] = command.cdb[i] as number;
    }
    view.cdbLength = command.cdbLength;
    view.deviceType = nexus === undefined ? 0 : nexus.device.type;
    view.dataDirection = nexus === undefined ? SCST_DATA_UNKNOWN : command.dataDirection;
    view.status = command.status;
    view.aborted = command.aborted ? 1 : 0;
    this.#addSense(command);
  }

  #addSense(command: Command): void {
    const { sense, senseLength } = command;
    const view = this.#view;
    const descriptor = ((sense[0] as number) & 0x7f) >= 0x72;
    const at = descriptor ? 2 : 12;
    view.senseLength = senseLength;
    view.senseKey = senseKeyOf(command);
    view.asc = at < senseLength ? (sense[at] as number) : 0;
    view.ascq = at + 1 < senseLength ? (sense[at + 1] as number) : 0;
  }

  #wants(session: string, target: string, device: string): boolean {
    const options = this.#options;
    return (
      (options.session === undefined || options.session === session) &&
      (options.target === undefined || options.target === target) &&
      (options.device === undefined || options.device === device)
    );
  }

  /** What is in the ring, decoded, the oldest first. */
  entries(): TraceEntry[] {
    const { capacity } = this;
    const first = Math.max(0, this.#count - capacity);
    const entries: TraceEntry[] = [];
    for (let index = first; index < this.#count; index++) {
      const slot = index % capacity;
      entries.push(
        decodeTrace(this.#view.at(slot * TraceRecord.size), {
          target: this.#targets[slot] as string,
          session: this.#sessions[slot] as string,
          device: this.#devices[slot] as string,
        }),
      );
    }
    return entries;
  }
}
