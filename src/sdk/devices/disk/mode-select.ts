import {
  LongLbaBlockDescriptor,
  ModePageHeader,
  ModeParameterHeader6,
  ModeParameterHeader10,
  ModeSelect6,
  ModeSelect10,
  ModeSubpageHeader,
  SENSE,
  ShortLbaBlockDescriptor,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import type { ModePage } from "./mode-parameters.ts";
import { invalidFieldInCdb, invalidFieldInParameterList, writeFailed } from "../refusals.ts";

/** SPF, of a page's first byte: it is a subpage. */
const SPF = 0x40;

/** Eight bytes of FFh, as a double. */
const LONG_LBA_ALL_ONES = 2 ** 64;

/** What both headers of a mode parameter list say. */
interface ListHeader {
  readonly size: number;
  /** SP: the pages are saved, too. */
  readonly saves: boolean;
  readonly mediumType: number;
  readonly longLba: boolean;
  readonly blockDescriptorLength: number;
  /** Where the fields stand, for field pointers. */
  readonly mediumTypeByte: number;
  readonly blockDescriptorLengthByte: number;
}

export function modeSelect6(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { pf, sp, parameterListLength } = ModeSelect6.view(command.cdb);
  const list = command.buffer.subarray(0, parameterListLength);
  const refusal = refuse(unit, list, pf, sp, ModeParameterHeader6.size);
  if (refusal !== undefined) return refusal;
  if (list.length === 0) return good;
  const { mediumType, blockDescriptorLength } = ModeParameterHeader6.view(list);
  return select(unit, list, {
    size: ModeParameterHeader6.size,
    saves: sp,
    mediumType,
    longLba: false,
    blockDescriptorLength,
    mediumTypeByte: ModeParameterHeader6.offsetOf("mediumType"),
    blockDescriptorLengthByte: ModeParameterHeader6.offsetOf("blockDescriptorLength"),
  });
}

export function modeSelect10(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { pf, sp, parameterListLength } = ModeSelect10.view(command.cdb);
  const list = command.buffer.subarray(0, parameterListLength);
  const refusal = refuse(unit, list, pf, sp, ModeParameterHeader10.size);
  if (refusal !== undefined) return refusal;
  if (list.length === 0) return good;
  const { mediumType, longLba, blockDescriptorLength } = ModeParameterHeader10.view(list);
  return select(unit, list, {
    size: ModeParameterHeader10.size,
    saves: sp,
    mediumType,
    longLba,
    blockDescriptorLength,
    mediumTypeByte: ModeParameterHeader10.offsetOf("mediumType"),
    blockDescriptorLengthByte: ModeParameterHeader10.offsetOf("blockDescriptorLength"),
  });
}

function refuse(
  unit: LogicalUnit,
  list: Uint8Array,
  pf: boolean,
  sp: boolean,
  headerSize: number,
): Outcome | undefined {
  if (sp && !unit.saved.possible) return invalidFieldInCdb(1, 0);
  // SPC-5, "MODE SELECT(6) command": an empty parameter list is not an error.
  if (list.length === 0) return undefined;
  // Without PF the pages would be vendor specific ones.
  if (!pf) return invalidFieldInCdb(1, 4);
  return list.length < headerSize ? listLengthError : undefined;
}

/** A page of the list, with its new values. */
interface Change {
  readonly page: ModePage;
  readonly values: Uint8Array;
}

/** Judges the whole list first: a list with a fault changes nothing. */
function select(unit: LogicalUnit, list: Uint8Array, header: ListHeader): MaybePromise<Outcome> {
  if (header.mediumType !== 0) return invalidFieldInParameterList(header.mediumTypeByte);
  const refusal = refuseBlockDescriptor(unit, list, header);
  if (refusal !== undefined) return refusal;
  const changes: Change[] = [];
  for (let at = header.size + header.blockDescriptorLength; at < list.length;) {
    const change = readPage(unit, list, at);
    if ("status" in change) return change;
    changes.push(change);
    at += change.values.length;
  }
  return make(unit, changes, header.saves);
}

/**
 * Without a write cache what was written must be durable: what is in it goes out after it is
 * off. What the store refuses to flush is told, and the cache stays off.
 */
function make(
  unit: LogicalUnit,
  changes: readonly Change[],
  saves: boolean,
): MaybePromise<Outcome> {
  const hadWriteCache = unit.writeCacheEnabled;
  for (const { page, values } of changes) unit.modes.set(unit, page, values);
  const flushes = hadWriteCache && !unit.writeCacheEnabled;
  if (!saves && !flushes) return good;
  // SPC-5, "MODE SELECT(6) command", SP: without pages in the list all are saved.
  const pages = changes.length === 0 ? unit.modePages : changes.map(({ page }) => page);
  return finish(unit, saves ? pages : [], flushes);
}

async function finish(
  unit: LogicalUnit,
  toSave: readonly ModePage[],
  flushes: boolean,
): Promise<Outcome> {
  try {
    if (flushes) await unit.flush();
  } catch (error) {
    return writeFailed(error);
  }
  if (toSave.length > 0) await unit.modes.save(unit, toSave);
  return good;
}

/** The capacity and the block length cannot be changed: what is there, or "as it is". */
function refuseBlockDescriptor(
  unit: LogicalUnit,
  list: Uint8Array,
  { size: at, longLba, blockDescriptorLength, blockDescriptorLengthByte }: ListHeader,
): Outcome | undefined {
  if (blockDescriptorLength === 0) return undefined;
  const layout = longLba ? LongLbaBlockDescriptor : ShortLbaBlockDescriptor;
  if (blockDescriptorLength !== layout.size) {
    return invalidFieldInParameterList(blockDescriptorLengthByte);
  }
  if (at + blockDescriptorLength > list.length) return listLengthError;
  const { numberOfLogicalBlocks: blocks, logicalBlockLength } = longLba
    ? LongLbaBlockDescriptor.view(list, at)
    : ShortLbaBlockDescriptor.view(list, at);
  // SBC-4, "Mode parameter block descriptors": zero, and all ones, leave the capacity as it is.
  const all = longLba ? LONG_LBA_ALL_ONES : 0xffff_ffff;
  if (blocks !== 0 && blocks < all && blocks !== unit.blocks) {
    return invalidFieldInParameterList(at + layout.offsetOf("numberOfLogicalBlocks"));
  }
  if (logicalBlockLength !== unit.blockSize) {
    return invalidFieldInParameterList(at + layout.offsetOf("logicalBlockLength"));
  }
  return undefined;
}

/** The page at `at`: it must be one of the disk's, and differ only where it may. */
function readPage(unit: LogicalUnit, list: Uint8Array, at: number): Change | Outcome {
  const head = (list[at] as number) & SPF ? ModeSubpageHeader : ModePageHeader;
  if (at + head.size > list.length) return listLengthError;
  const { spf, pageCode } = ModePageHeader.view(list, at);
  const subpage = spf ? (list[at + 1] as number) : 0;
  const page = unit.modePages.find((one) => one.code === pageCode && one.subpage === subpage);
  if (page === undefined || spf !== subpage > 0) {
    return spf ? invalidFieldInParameterList(at + 1) : invalidFieldInParameterList(at, 5);
  }
  const current = unit.modes.current(unit, page);
  const length = head.size + head.view(list, at).pageLength;
  if (length !== current.length) return invalidFieldInParameterList(at + head.size - 1);
  if (at + length > list.length) return listLengthError;
  const values = list.slice(at, at + length);
  const changeable = unit.modes.changeable(unit, page);
  for (let i = head.size; i < length; i++) {
    const changed = (values[i] as number) ^ (current[i] as number);
    const wrong = changed & ~(changeable[i] as number);
    if (wrong !== 0) return invalidFieldInParameterList(at + i, 31 - Math.clz32(wrong));
  }
  const wrong = page.check?.(values) ?? -1;
  return wrong < 0 ? { page, values } : invalidFieldInParameterList(at + wrong);
}

const listLengthError = Object.freeze(checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR));
