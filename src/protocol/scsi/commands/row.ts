import { UsageError } from "../../errors.ts";
import type { Layout, PlacedField } from "../../layout/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_INFO_VALID,
  SCST_LBA_NOT_VALID,
  SCST_LONG_TIMEOUT,
  SCST_SMALL_TIMEOUT,
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_UNKNOWN_LENGTH,
} from "../../scst/constants.ts";
import type { PartialField } from "../cdbs/field.ts";
import { DEVICE_TYPE_COUNT, timeoutsOf } from "../device-type.ts";
import { SENSE, type SenseCondition } from "../sense.ts";
import type { Command, ParsedCommand } from "./command.ts";

/** `bufflen` is an int in SCST's structs. */
const BUFFER_LENGTH_MAX = 0x7fff_ffff;
/** SCST counts a device's bytes in a signed 64-bit number. */
const MEDIUM_BYTES_MAX = 2 ** 63;

/** How long the data is: a count in a field of the CDB, or what the opcode says. */
export interface Length {
  readonly unit: "bytes" | "blocks" | "unknown";
  /** The name of the CDB's field; without one, `count` holds. */
  readonly field?: string;
  readonly count?: number;
  /** What a count of zero means. */
  readonly zeroMeans?: number;
}

/** The field counts bytes. */
export const bytes = (field: string): Length => ({ unit: "bytes", field });
/** The field counts logical blocks. */
export const blocks = (field: string): Length => ({ unit: "blocks", field });
/** READ(6) and WRITE(6): the field counts logical blocks, and zero is 256 of them. */
export const blocks256 = (field: string): Length => ({ unit: "blocks", field, zeroMeans: 256 });
/** Always so many bytes. */
export const fixedBytes = (count: number): Length => ({ unit: "bytes", count });
/** Always so many logical blocks. */
export const fixedBlocks = (count: number): Length => ({ unit: "blocks", count });
/** Only the initiator knows. */
export const unknownLength = (guess = 0): Length => ({ unit: "unknown", count: guess });

/**
 * What one opcode does differently, after the standard parse has filled `into`. An answer is
 * what the initiator gets.
 */
export type Special = (
  cdb: Uint8Array,
  into: ParsedCommand,
  blockSize: number,
) => SenseCondition | undefined;

/** A row of a command set, as written down. */
export interface CommandSpec {
  readonly opcode: number;
  readonly serviceAction?: number;
  readonly cdb: Layout;
  /** Without it, no data. */
  readonly direction?: number;
  /** The name of the CDB's field with the first logical block. */
  readonly lba?: string;
  readonly length?: Length;
  readonly flags?: number;
  /** Without it, every type of device. */
  readonly types?: readonly number[];
  readonly special?: Special;
  /** SCST's own table has it not. */
  readonly beyondScst?: boolean;
}

/** A row of a command set: {@link CommandSpec} with its name, before a device type takes it. */
export interface CommandRow extends CommandSpec {
  readonly name: string;
  readonly types: readonly number[];
}

const everyType = Object.freeze(Array.from({ length: DEVICE_TYPE_COUNT }, (_, type) => type));

/** Declares one row. */
export function command(name: string, spec: CommandSpec): CommandRow {
  return Object.freeze({ ...spec, name, types: spec.types ?? everyType });
}

/** A number's place in a CDB. */
interface Place {
  readonly at: number;
  readonly size: number;
  readonly firstMask: number;
}

const nowhere: Place = { at: -1, size: 0, firstMask: 0 };

/** The fields that ask for protection information (SBC-4, "Protection information model"). */
const protectFields = new Set(["rdprotect", "wrprotect", "vrprotect", "orprotect"]);

/** A row as one type of device has it: the fields' places and the timeout are worked out. */
export class DeviceCommand implements Command {
  readonly name: string;
  readonly opcode: number;
  readonly serviceAction: number | undefined;
  readonly cdb: Layout;
  readonly cdbLength: number;
  readonly controlByte: number;
  readonly direction: number;
  readonly flags: number;
  readonly deviceTypes: readonly number[];
  readonly knownToScst: boolean;
  readonly #timeoutSeconds: number;
  readonly #lba: Place;
  readonly #length: Place;
  readonly #count: number;
  readonly #zeroMeans: number;
  readonly #inBlocks: boolean;
  readonly #protectByte: number;
  readonly #special: Special | undefined;

  constructor(row: CommandRow, deviceType: number) {
    const { cdb, length } = row;
    this.name = row.name;
    this.opcode = row.opcode;
    this.serviceAction = row.serviceAction;
    this.cdb = cdb;
    this.cdbLength = cdb.size;
    this.controlByte = cdb.offsetOf("control");
    this.direction = row.direction ?? SCST_DATA_NONE;
    this.flags = flagsOf(row);
    this.deviceTypes = row.types;
    this.knownToScst = row.beyondScst !== true;
    this.#timeoutSeconds = timeoutOf(this.flags, deviceType);
    this.#lba = row.lba === undefined ? nowhere : placeOf(cdb, row.lba);
    this.#length = length?.field === undefined ? nowhere : placeOf(cdb, length.field);
    this.#count = length?.count ?? 0;
    this.#zeroMeans = length?.zeroMeans ?? 0;
    this.#inBlocks = length?.unit === "blocks";
    this.#protectByte = cdb.fields.find(({ name }) => protectFields.has(name))?.offset ?? -1;
    this.#special = row.special;
  }

  parse(cdb: Uint8Array, blockSize: number, into: ParsedCommand): SenseCondition | undefined {
    const length = this.#length;
    let count = this.#count;
    if (length.at >= 0) {
      count = numberAt(cdb, length);
      if (count === 0) count = this.#zeroMeans;
    }
    const lengthBytes = this.#inBlocks ? count * blockSize : count;
    into.lba = this.#lba.at < 0 ? 0 : numberAt(cdb, this.#lba);
    into.dataLength = lengthBytes;
    into.bufferLength = lengthBytes;
    into.outBufferLength = this.direction === SCST_DATA_BIDI ? lengthBytes : 0;
    into.dataDirection = this.direction;
    into.opFlags = this.flags;
    into.cdbLength = this.cdbLength;
    into.timeoutSeconds = this.#timeoutSeconds;
    into.errorByte = -1;
    into.errorBit = -1;
    if (this.#special !== undefined) {
      const refusal = this.#special(cdb, into, blockSize);
      if (refusal !== undefined) return refusal;
    }
    // Protection information is not there to be asked for.
    if (this.#protectByte >= 0 && ((cdb[this.#protectByte] as number) & 0xe0) !== 0) {
      return invalidField(into, this.#protectByte, 7);
    }
    if (into.bufferLength > BUFFER_LENGTH_MAX) {
      return this.#inBlocks ? SENSE.LBA_OUT_OF_RANGE : invalidField(into, length.at);
    }
    if (into.lba * blockSize >= MEDIUM_BYTES_MAX) return SENSE.LBA_OUT_OF_RANGE;
    // SPC-5, "Allocation length", "Parameter list length" and SBC-4, "Transfer length": zero is
    // not an error, there is just no data.
    if (into.bufferLength === 0 && (into.opFlags & SCST_UNKNOWN_LENGTH) === 0) {
      into.dataDirection = SCST_DATA_NONE;
    }
    return undefined;
  }
}

/** Answers INVALID FIELD IN CDB with a pointer to the field. */
export function invalidField(into: ParsedCommand, at: number, bit = -1): SenseCondition {
  into.errorByte = at;
  into.errorBit = bit;
  return SENSE.INVALID_FIELD_IN_CDB;
}

function flagsOf({ flags = 0, lba, length }: CommandRow): number {
  let all = flags | SCST_INFO_VALID;
  if (lba === undefined) all |= SCST_LBA_NOT_VALID;
  if (length?.unit === "blocks") all |= SCST_TRANSFER_LEN_TYPE_FIXED;
  if (length?.unit === "unknown") all |= SCST_UNKNOWN_LENGTH;
  return all;
}

function timeoutOf(flags: number, deviceType: number): number {
  const timeouts = timeoutsOf(deviceType);
  if ((flags & SCST_LONG_TIMEOUT) !== 0) return timeouts.long;
  return (flags & SCST_SMALL_TIMEOUT) !== 0 ? timeouts.small : timeouts.regular;
}

function placeOf(cdb: Layout, name: string): Place {
  const placed: PlacedField | undefined = cdb.fields.find((field) => field.name === name);
  if (placed === undefined) {
    throw new UsageError("LAYOUT", `${cdb.name} has no field ${name}`);
  }
  const { firstMask = 0xff } = placed.field as Partial<PartialField>;
  return { at: placed.offset, size: placed.field.size, firstMask };
}

/** Big-endian. Exact up to 2^53; an LBA above that is beyond every capacity in any case. */
function numberAt(cdb: Uint8Array, { at, size, firstMask }: Place): number {
  let value = (cdb[at] as number) & firstMask;
  // The first four bytes in integer arithmetic, which is faster; most fields end there.
  const whole = size < 4 ? size : 4;
  for (let i = 1; i < whole; i++) value = (value << 8) | (cdb[at + i] as number);
  value >>>= 0;
  for (let i = 4; i < size; i++) value = value * 256 + ((cdb[at + i] as number) | 0);
  return value;
}
