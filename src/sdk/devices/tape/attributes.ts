import {
  ATTRIBUTE_FORMAT,
  AttributeHeader,
  READ_ATTRIBUTE,
  ReadAttribute,
  SENSE,
  WriteAttribute,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { type Attribute, ATTRIBUTE_BYTES_MAX } from "../../storage/cartridge/description.ts";
import { invalidFieldInCdb, invalidFieldInParameterList, writeFailed } from "../refusals.ts";
import { KEPT, keptNumber, MEGABYTE, number, text } from "./medium-memory.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** Of attributes that the drive or the manufacturer set: how they come about. */
const COMPUTED: Readonly<Record<number, (unit: TapeUnit, partition: number) => Attribute>> = {
  0x0000: (unit, partition) => number(remaining(unit, partition) / MEGABYTE, 8),
  0x0001: (unit, partition) => number(unit.capacityOf(partition) / MEGABYTE, 8),
  0x0002: () => number(0, 8),
  [KEPT.LOAD_COUNT]: (unit) => number(keptNumber(unit, KEPT.LOAD_COUNT), 8),
  0x0004: () => number(MEMORY_BYTES, 8),
  0x0005: (unit) => text(unit.density.organization, 8),
  0x0006: (unit) => number(unit.density.code, 1),
  0x0007: (unit) => number(unit.cartridge?.description.formatting ?? 0, 2),
  [KEPT.VOLUME_CHANGE_REFERENCE]: (unit) =>
    number(keptNumber(unit, KEPT.VOLUME_CHANGE_REFERENCE), 4),
  [KEPT.LAST_DEVICES[0]]: lastDevice(0),
  [KEPT.LAST_DEVICES[1]]: lastDevice(1),
  [KEPT.LAST_DEVICES[2]]: lastDevice(2),
  [KEPT.LAST_DEVICES[3]]: lastDevice(3),
  [KEPT.TOTAL_MEGABYTES_WRITTEN]: (unit) =>
    number(keptNumber(unit, KEPT.TOTAL_MEGABYTES_WRITTEN) + loadMegabytes(unit, "hostWritten"), 8),
  [KEPT.TOTAL_MEGABYTES_READ]: (unit) =>
    number(keptNumber(unit, KEPT.TOTAL_MEGABYTES_READ) + loadMegabytes(unit, "hostRead"), 8),
  0x0222: (unit) => number(loadMegabytes(unit, "hostWritten"), 8),
  0x0223: (unit) => number(loadMegabytes(unit, "hostRead"), 8),
  0x0400: () => text("SCST_TS", 8),
  0x0401: (unit) => text(unit.cartridge?.description.serial ?? "", 32),
  0x0404: (unit) => text(unit.density.organization, 8),
  0x0405: (unit) => number(unit.density.code, 1),
  0x0407: () => number(MEMORY_BYTES, 8),
  0x0408: (unit) => number(unit.isWorm ? 0x80 : 0, 1),
};

const MEMORY_BYTES = 16_384;

/** Of attributes that hosts set: the format and the longest value (SPC-5, "MAM attributes"). */
const HOST: Readonly<Record<number, readonly [format: number, lengthMax: number]>> = {
  0x0800: [ATTRIBUTE_FORMAT.ASCII, 8],
  0x0801: [ATTRIBUTE_FORMAT.ASCII, 32],
  0x0802: [ATTRIBUTE_FORMAT.ASCII, 8],
  0x0803: [ATTRIBUTE_FORMAT.TEXT, 160],
  0x0804: [ATTRIBUTE_FORMAT.ASCII, 12],
  0x0805: [ATTRIBUTE_FORMAT.BINARY, 1],
  0x0806: [ATTRIBUTE_FORMAT.ASCII, 32],
  0x0807: [ATTRIBUTE_FORMAT.TEXT, 80],
  0x0808: [ATTRIBUTE_FORMAT.TEXT, 160],
  0x0809: [ATTRIBUTE_FORMAT.TEXT, 16],
  0x080a: [ATTRIBUTE_FORMAT.BINARY, 1],
  0x080b: [ATTRIBUTE_FORMAT.ASCII, 16],
  0x080c: [ATTRIBUTE_FORMAT.BINARY, 1023],
  0x0820: [ATTRIBUTE_FORMAT.BINARY, 36],
  0x0821: [ATTRIBUTE_FORMAT.BINARY, 36],
};

/** Host attributes without a standard's meaning. */
const isVendorSpecific = (identifier: number) => identifier >= 0x1400 && identifier <= 0x17ff;

const IDENTIFIERS = [...Object.keys(COMPUTED), ...Object.keys(HOST)]
  .map(Number)
  .sort((a, b) => a - b);

function remaining(unit: TapeUnit, partition: number): number {
  const log = unit.cartridge?.partitions[partition];
  return Math.max(0, unit.capacityOf(partition) - (log?.usedBytes ?? 0));
}

function loadMegabytes(unit: TapeUnit, what: "hostWritten" | "hostRead"): number {
  return Math.ceil(unit.statistics.load[what] / MEGABYTE);
}

function lastDevice(index: number): (unit: TapeUnit) => Attribute {
  return (unit) => {
    const identifier = KEPT.LAST_DEVICES[index] as number;
    return unit.cartridge?.description.attributes[0]?.get(identifier) ?? text("", 40);
  };
}

/** A partition's attributes that have a value, ascending. */
function valuesOf(unit: TapeUnit, partition: number): [number, Attribute][] {
  const set = unit.cartridge?.description.attributes[partition] ?? new Map<number, Attribute>();
  const values = new Map<number, Attribute>();
  for (const [key, compute] of Object.entries(COMPUTED)) {
    values.set(Number(key), compute(unit, partition));
  }
  values.set(0x0806, text(unit.cartridge?.description.barcode ?? "", 32));
  for (const [identifier, attribute] of set) {
    if (COMPUTED[identifier] === undefined) values.set(identifier, attribute);
  }
  return [...values].sort(([a], [b]) => a - b);
}

/** Medium auxiliary memory can be read as soon as there is a cartridge. */
function refuse(unit: TapeUnit, cdb: { elementAddress: number; logicalVolumeNumber: number }) {
  if (unit.cartridge === undefined) return checkCondition(SENSE.MEDIUM_NOT_PRESENT);
  if (cdb.elementAddress !== 0) return invalidFieldInCdb(2);
  return cdb.logicalVolumeNumber === 0 ? undefined : invalidFieldInCdb(5);
}

export function readAttribute(unit: TapeUnit, command: ScsiCommand): Outcome {
  const cdb = ReadAttribute.view(command.cdb);
  const refusal = refuse(unit, cdb);
  if (refusal !== undefined) return refusal;
  const { partitionNumber: partition, firstAttributeIdentifier: first } = cdb;
  const partitions = unit.cartridge?.description.partitions.length ?? 0;
  if (partition >= partitions) return invalidFieldInCdb(7);
  switch (cdb.serviceAction) {
    case READ_ATTRIBUTE.ATTRIBUTE_VALUES: {
      const values = valuesOf(unit, partition).filter(([identifier]) => identifier >= first);
      // SPC-5, "READ ATTRIBUTE command": the first one asked for must be there.
      if (values.length === 0) return invalidFieldInCdb(8);
      return command.reply(list(values.map(encode)));
    }
    case READ_ATTRIBUTE.ATTRIBUTE_LIST: {
      const values = valuesOf(unit, partition).filter(([identifier]) => identifier >= first);
      return command.reply(list(values.map(([identifier]) => twoBytes(identifier))));
    }
    case READ_ATTRIBUTE.LOGICAL_VOLUME_LIST:
      return command.reply(Uint8Array.of(0, 2, 0, 1));
    case READ_ATTRIBUTE.PARTITION_LIST:
      return command.reply(Uint8Array.of(0, 2, 0, partitions));
    case READ_ATTRIBUTE.SUPPORTED_ATTRIBUTES: {
      const supported = IDENTIFIERS.filter((identifier) => identifier >= first);
      return command.reply(list(supported.map(twoBytes)));
    }
    default:
      return invalidFieldInCdb(1, 4);
  }
}

function encode([attributeIdentifier, { format, value }]: [number, Attribute]): Uint8Array {
  const readOnly = COMPUTED[attributeIdentifier] !== undefined;
  const attributeLength = value.length;
  const header = { attributeIdentifier, readOnly, format, attributeLength };
  return Buffer.concat([AttributeHeader.encode(header), value]);
}

function twoBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value);
}

/** AVAILABLE DATA, four bytes, before the parts. */
function list(parts: readonly Uint8Array[]): Uint8Array {
  const data = Buffer.concat([new Uint8Array(4), ...parts]);
  data.writeUInt32BE(data.length - 4);
  return data;
}

export function writeAttribute(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const cdb = WriteAttribute.view(command.cdb);
  const refusal = refuse(unit, cdb);
  if (refusal !== undefined) return refusal;
  const { cartridge } = unit;
  const { partitionNumber: partition, parameterListLength } = cdb;
  if (cartridge === undefined || partition >= cartridge.description.partitions.length) {
    return invalidFieldInCdb(7);
  }
  if (parameterListLength === 0) return good;
  if (cartridge.readOnly) return checkCondition(SENSE.WRITE_PROTECTED);
  const changes = parse(command.buffer.subarray(0, parameterListLength));
  if (!(changes instanceof Map)) return changes;
  return cartridge.setAttributes(partition, changes).then(
    () => good,
    (error: unknown) => writeFailed(error),
  );
}

/** Judges the whole list first: a list with a fault changes nothing. */
function parse(bytes: Uint8Array): Map<number, Attribute | undefined> | Outcome {
  const changes = new Map<number, Attribute | undefined>();
  if (bytes.length < 4) return LIST_LENGTH;
  const dataLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (dataLength > bytes.length - 4) return LIST_LENGTH;
  const end = 4 + dataLength;
  for (let at = 4; at < end;) {
    if (at + AttributeHeader.size > end) return LIST_LENGTH;
    const { attributeIdentifier, format, attributeLength } = AttributeHeader.view(bytes, at);
    const start = at + AttributeHeader.size;
    if (start + attributeLength > end) return LIST_LENGTH;
    const rule = HOST[attributeIdentifier];
    if (rule === undefined && !isVendorSpecific(attributeIdentifier)) {
      return invalidFieldInParameterList(at);
    }
    if (rule !== undefined && rule[0] !== format) return invalidFieldInParameterList(at + 2, 1);
    if (attributeLength > (rule?.[1] ?? ATTRIBUTE_BYTES_MAX)) {
      return invalidFieldInParameterList(at + 3);
    }
    const value = bytes.slice(start, start + attributeLength);
    // SPC-5, "WRITE ATTRIBUTE command": a length of zero removes the attribute.
    changes.set(attributeIdentifier, attributeLength === 0 ? undefined : { format, value });
    at = start + attributeLength;
  }
  return changes;
}

const LIST_LENGTH = checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);
