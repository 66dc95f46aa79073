import { ATTRIBUTE_FORMAT } from "../../../protocol/scsi/index.ts";
import type { Attribute } from "../../storage/cartridge/description.ts";
import type { TapeUnit } from "./tape-unit.ts";

/** ATTRIBUTE IDENTIFIER of what the drive itself keeps in the medium auxiliary memory. */
export const KEPT = {
  LOAD_COUNT: 0x0003,
  VOLUME_CHANGE_REFERENCE: 0x0009,
  LAST_DEVICES: [0x020a, 0x020b, 0x020c, 0x020d],
  TOTAL_MEGABYTES_WRITTEN: 0x0220,
  TOTAL_MEGABYTES_READ: 0x0221,
} as const;

/** Units of 2^20 bytes. */
export const MEGABYTE = 1024 * 1024;

export function number(value: number, size: number): Attribute {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(value))));
  return { format: ATTRIBUTE_FORMAT.BINARY, value: bytes.subarray(8 - size) };
}

export function text(value: string, size: number): Attribute {
  const bytes = Buffer.from(value.slice(0, size).padEnd(size), "latin1");
  return { format: ATTRIBUTE_FORMAT.ASCII, value: bytes };
}

export function keptNumber(unit: TapeUnit, identifier: number): number {
  const value = unit.cartridge?.description.attributes[0]?.get(identifier)?.value;
  return value === undefined ? 0 : Number(`0x${Buffer.from(value).toString("hex") || "0"}`);
}

/** A cartridge comes to the heads: counts it, and remembers who the last drives were. */
export async function noteLoad(unit: TapeUnit): Promise<void> {
  const { cartridge, identity } = unit;
  if (cartridge === undefined || cartridge.readOnly) return;
  const kept = cartridge.description.attributes[0];
  const device = text(identity.vendor.padEnd(8) + identity.serial, 40);
  const changed = new Map<number, Attribute>([
    [KEPT.LOAD_COUNT, number(keptNumber(unit, KEPT.LOAD_COUNT) + 1, 8)],
  ]);
  let last: Attribute | undefined = device;
  for (const identifier of KEPT.LAST_DEVICES) {
    if (last !== undefined) changed.set(identifier, last);
    last = kept?.get(identifier);
  }
  await cartridge.setAttributes(0, changed);
}

/**
 * Before the first write of a load: VOLUME CHANGE REFERENCE becomes another number, by which
 * LTFS sees that the medium is no longer what its index describes.
 */
export async function noteFirstWrite(unit: TapeUnit): Promise<void> {
  const value = number(keptNumber(unit, KEPT.VOLUME_CHANGE_REFERENCE) + 1, 4);
  await unit.cartridge?.setAttributes(0, new Map([[KEPT.VOLUME_CHANGE_REFERENCE, value]]));
  unit.changed = true;
}

/** A cartridge leaves the heads: what went over them is added up. */
export async function noteUnload(unit: TapeUnit): Promise<void> {
  const { cartridge, statistics } = unit;
  const { hostWritten, hostRead } = statistics.load;
  if (cartridge === undefined || cartridge.readOnly || hostWritten + hostRead === 0) return;
  const { TOTAL_MEGABYTES_WRITTEN, TOTAL_MEGABYTES_READ } = KEPT;
  const written = keptNumber(unit, TOTAL_MEGABYTES_WRITTEN) + Math.ceil(hostWritten / MEGABYTE);
  const read = keptNumber(unit, TOTAL_MEGABYTES_READ) + Math.ceil(hostRead / MEGABYTE);
  await cartridge.setAttributes(
    0,
    new Map([
      [TOTAL_MEGABYTES_WRITTEN, number(written, 8)],
      [TOTAL_MEGABYTES_READ, number(read, 8)],
    ]),
  );
}
