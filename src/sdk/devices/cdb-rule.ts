import type { Layout, PlacedField } from "../../protocol/layout/index.ts";
import type { Command } from "../../protocol/scsi/index.ts";

/**
 * Fields that must be zero: devices here have no protection information, no anchored blocks and no
 * zones, no vital product data by CMDDT, and no block whose data depends on its address.
 */
const REFUSED: readonly string[] = [
  "rdprotect",
  "wrprotect",
  "vrprotect",
  "orprotect",
  "anchor",
  "pbdata",
  "lbdata",
  "znr",
  "cmddt",
  "rtd",
];

/** Fields that may have any value and mean nothing here. CONTROL is the core's. */
const IGNORED: readonly string[] = ["groupNumber", "dld0", "dld1", "dld2", "rarc", "control"];

/**
 * Bits that are obsolete and that old initiators set: FUA_NV and RELADR of READ, WRITE and
 * VERIFY, SYNC_NV of SYNCHRONIZE CACHE (SBC-3, SBC-2), by the name of a field beside them.
 */
const OBSOLETE: readonly (readonly [beside: string, byte: number, mask: number])[] = [
  ["fua", 1, 0x03],
  ["bytchk", 1, 0x01],
  ["immed", 1, 0x05],
];

/** What a device makes of each bit of a CDB. */
export interface CdbRule {
  /**
   * The bits that are evaluated (SPC-5, "One command parameter data format", CDB USAGE
   * DATA), with the opcode and the service action in their places.
   */
  readonly usage: Uint8Array;
  /**
   * The place of the first field that must be zero and is not, as byte * 8 + bit, or -1. A
   * field of more than one bit is told by its most significant bit (SPC-5, "Field pointer sense
   * key specific information").
   */
  check(cdb: Uint8Array): number;
}

/** A command of a device, and what is checked of its CDB. */
export interface CheckedCommand {
  readonly command: Command;
  readonly rule: CdbRule;
}

/** @param refusedToo fields that must be zero besides those that always must */
export function cdbRule(command: Command, refusedToo: readonly string[] = []): CdbRule {
  const refused = [...REFUSED, ...refusedToo];
  const { cdb: layout, cdbLength } = command;
  const usage = new Uint8Array(cdbLength);
  const allowed = new Uint8Array(cdbLength);
  /** By byte * 8 + bit: the most significant bit of the field that the bit belongs to. */
  const pointers = Array.from({ length: cdbLength * 8 }, (_, place) => place);
  for (const placed of layout.fields) {
    const mask = maskOf(layout, placed);
    for (const [index, bits] of mask.entries()) {
      if (refused.includes(placed.name)) point(pointers, placed.offset + index, bits);
      else allowed[placed.offset + index]! |= bits;
      if (refused.includes(placed.name) || IGNORED.includes(placed.name)) continue;
      usage[placed.offset + index]! |= bits;
    }
  }
  for (const [beside, byte, mask] of OBSOLETE) {
    if (layout.fields.some(({ name }) => name === beside)) allowed[byte]! |= mask;
  }
  usage[0] = command.opcode;
  if (command.serviceAction !== undefined) usage[1]! &= ~0x1f;
  if (command.serviceAction !== undefined) usage[1]! |= command.serviceAction;
  return { usage, check: checker(allowed, pointers) };
}

function checker(allowed: Uint8Array, pointers: readonly number[]): CdbRule["check"] {
  // Most bytes of a CDB may have any value: only the others are looked at.
  const indexes = [...allowed.keys()].filter((index) => allowed[index] !== 0xff);
  const masks = indexes.map((index) => ~(allowed[index] as number) & 0xff);
  return (cdb) => {
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i] as number;
      const wrong = (cdb[index] as number) & (masks[i] as number);
      if (wrong !== 0) return pointers[index * 8 + (31 - Math.clz32(wrong))] as number;
    }
    return -1;
  };
}

function point(pointers: number[], byte: number, bits: number): void {
  const high = 31 - Math.clz32(bits);
  for (let bit = 0; bit <= high; bit++) {
    if ((bits & (1 << bit)) !== 0) pointers[byte * 8 + bit] = byte * 8 + high;
  }
}

/** Which bits of its bytes a field takes: found by setting all of them. */
function maskOf(layout: Layout, { name, field, offset }: PlacedField): Uint8Array {
  const view = layout.view();
  if (field.size > 1) {
    const mask = new Uint8Array(field.size).fill(0xff);
    const { firstMask = 0xff } = field as { firstMask?: number };
    mask[0] = firstMask;
    return mask;
  }
  const fields = view as unknown as Record<string, number | boolean>;
  fields[name] = typeof fields[name] === "boolean" ? true : 0xff;
  return view.bytes.slice(offset, offset + 1);
}
