/**
 * What initiators have asked for, counted once a command: always on, so that it is a few additions
 * in typed memory and nothing else.
 */
import { SENSE_KEY, STATUS } from "../../protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_DATA_WRITE,
  SCST_LBA_NOT_VALID,
} from "../../protocol/scst/index.ts";
import type { Command } from "../command.ts";

/** Counters of one session or device, by slot. The first five are `SCST_DATA_…` themselves. */
export type Counters = Float64Array;

const BYTES_IN = 5;
const BYTES_OUT = 6;
/** Commands of a direction that do not begin and end on 4 KiB: from here on, by `SCST_DATA_…`. */
const UNALIGNED = 7;
const ABORTED = 12;
const BUSY = 13;
const TASK_SET_FULL = 14;
const RESERVATION_CONFLICT = 15;
const TASK_ABORTED = 16;
const OTHER_STATUS = 17;
/** By sense key. */
const CHECK_CONDITION = 18;
const SENSE_KEYS = 16;
const SLOTS = CHECK_CONDITION + SENSE_KEYS;

/** SCST calls a command unaligned that does not begin and end on this many bytes. */
const ALIGNMENT_MASK = 4096 - 1;

export function newCounters(): Counters {
  return new Float64Array(SLOTS);
}

/** Takes what is counted where there is no device. */
const NOBODY = newCounters();

export function addCounters(into: Counters, from: Counters): void {
  for (let slot = 0; slot < SLOTS; slot++) into[slot]! += from[slot] as number;
}

/**
 * Counts a command whose result is settled, for its session and its device: both at once, since
 * what is added to them is the same.
 */
export function countCommand(command: Command): void {
  const { dataDirection, responseLength, dataOutLength, nexus } = command;
  const own = command.session.counters;
  const shared = nexus === undefined ? NOBODY : nexus.device.counters;
  own[dataDirection]!++;
  shared[dataDirection]!++;
  if (responseLength > 0) {
    own[BYTES_IN]! += responseLength;
    shared[BYTES_IN]! += responseLength;
  }
  if (dataOutLength > 0) {
    own[BYTES_OUT]! += dataOutLength;
    shared[BYTES_OUT]! += dataOutLength;
  }
  if (isUnaligned(command)) {
    own[UNALIGNED + dataDirection]!++;
    shared[UNALIGNED + dataDirection]!++;
  }
  if (command.aborted || command.status !== STATUS.GOOD) {
    const slot = failureOf(command);
    own[slot]!++;
    shared[slot]!++;
  }
}

/** Only the low bits of the byte address matter: a product modulo 2^32 has them all. */
function isUnaligned({ opFlags, lba, bufferLength, nexus }: Command): boolean {
  if (bufferLength === 0 || nexus === undefined || (opFlags & SCST_LBA_NOT_VALID) !== 0) {
    return false;
  }
  return ((Math.imul(lba, nexus.device.blockSize) | bufferLength) & ALIGNMENT_MASK) !== 0;
}

function failureOf(command: Command): number {
  if (command.aborted) return ABORTED;
  switch (command.status) {
    case STATUS.CHECK_CONDITION:
      return CHECK_CONDITION + senseKeyOf(command);
    case STATUS.BUSY:
      return BUSY;
    case STATUS.TASK_SET_FULL:
      return TASK_SET_FULL;
    case STATUS.RESERVATION_CONFLICT:
      return RESERVATION_CONFLICT;
    case STATUS.TASK_ABORTED:
      return TASK_ABORTED;
    default:
      return OTHER_STATUS;
  }
}

/** SPC-5, "Sense data": descriptor format (72h, 73h) has the key a byte further to the front. */
export function senseKeyOf({ sense, senseLength }: Pick<Command, "sense" | "senseLength">): number {
  const descriptor = ((sense[0] as number) & 0x7f) >= 0x72;
  const at = descriptor ? 1 : 2;
  return at < senseLength ? (sense[at] as number) & 0xf : SENSE_KEY.NO_SENSE;
}

/** Counters as plain data. */
export interface CountersSnapshot {
  /** Commands that came to their end, by the direction of their data. */
  readonly commands: ByDirection & { readonly total: number };
  /** Those that do not begin and end on 4 KiB. */
  readonly unaligned: Pick<ByDirection, "read" | "write" | "bidi">;
  /** Bytes that initiators were sent. */
  readonly bytesIn: number;
  /** Bytes that initiators sent. */
  readonly bytesOut: number;
  /** CHECK CONDITIONs by the name of the sense key, where there were any. */
  readonly checkConditions: Readonly<Record<string, number>>;
  readonly busy: number;
  readonly taskSetFull: number;
  readonly reservationConflict: number;
  /** Ended with TASK ABORTED, because another nexus wanted it. */
  readonly taskAborted: number;
  /** Ended without a response. */
  readonly aborted: number;
  readonly otherStatus: number;
}

export interface ByDirection {
  readonly read: number;
  readonly write: number;
  readonly bidi: number;
  readonly none: number;
  readonly unknown: number;
}

const SENSE_KEY_NAMES = Object.keys(SENSE_KEY);

export function countersSnapshot(counters: Counters): CountersSnapshot {
  const at = (slot: number) => counters[slot] as number;
  const commands = {
    read: at(SCST_DATA_READ),
    write: at(SCST_DATA_WRITE),
    bidi: at(SCST_DATA_BIDI),
    none: at(SCST_DATA_NONE),
    unknown: at(SCST_DATA_UNKNOWN),
  };
  const checkConditions: Record<string, number> = {};
  for (const [key, name] of SENSE_KEY_NAMES.entries()) {
    if (at(CHECK_CONDITION + key) > 0) checkConditions[name] = at(CHECK_CONDITION + key);
  }
  return {
    commands: { total: Object.values(commands).reduce((sum, each) => sum + each, 0), ...commands },
    unaligned: {
      read: at(UNALIGNED + SCST_DATA_READ),
      write: at(UNALIGNED + SCST_DATA_WRITE),
      bidi: at(UNALIGNED + SCST_DATA_BIDI),
    },
    bytesIn: at(BYTES_IN),
    bytesOut: at(BYTES_OUT),
    checkConditions,
    busy: at(BUSY),
    taskSetFull: at(TASK_SET_FULL),
    reservationConflict: at(RESERVATION_CONFLICT),
    taskAborted: at(TASK_ABORTED),
    aborted: at(ABORTED),
    otherStatus: at(OTHER_STATUS),
  };
}
