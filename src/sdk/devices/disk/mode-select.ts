import {
  CachingModePage,
  LongLbaBlockDescriptor,
  MODE_PAGE,
  ModePageHeader,
  ModeParameterHeader6,
  ModeParameterHeader10,
  ModeSelect6,
  ModeSelect10,
  PAGE_CONTROL,
  SENSE,
  ShortLbaBlockDescriptor,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { modePage } from "./mode-pages.ts";
import { invalidFieldInCdb, invalidFieldInParameterList, writeFailed } from "./refusals.ts";

/** Eight bytes of FFh, as a double. */
const LONG_LBA_ALL_ONES = 2 ** 64;

/** What both headers of a mode parameter list say. */
interface ListHeader {
  readonly size: number;
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
  const refusal = refuse(list, pf, sp, ModeParameterHeader6.size);
  if (refusal !== undefined) return refusal;
  if (list.length === 0) return good;
  const { mediumType, blockDescriptorLength } = ModeParameterHeader6.view(list);
  return select(unit, list, {
    size: ModeParameterHeader6.size,
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
  const refusal = refuse(list, pf, sp, ModeParameterHeader10.size);
  if (refusal !== undefined) return refusal;
  if (list.length === 0) return good;
  const { mediumType, longLba, blockDescriptorLength } = ModeParameterHeader10.view(list);
  return select(unit, list, {
    size: ModeParameterHeader10.size,
    mediumType,
    longLba,
    blockDescriptorLength,
    mediumTypeByte: ModeParameterHeader10.offsetOf("mediumType"),
    blockDescriptorLengthByte: ModeParameterHeader10.offsetOf("blockDescriptorLength"),
  });
}

function refuse(
  list: Uint8Array,
  pf: boolean,
  sp: boolean,
  headerSize: number,
): Outcome | undefined {
  // Nothing can be saved.
  if (sp) return invalidFieldInCdb(1, 0);
  // SPC-5, "MODE SELECT(6) command": an empty parameter list is not an error.
  if (list.length === 0) return undefined;
  // Without PF the pages would be vendor specific ones.
  if (!pf) return invalidFieldInCdb(1, 4);
  return list.length < headerSize ? listLengthError : undefined;
}

/** Judges the whole list first: a list with a fault changes nothing. */
function select(unit: LogicalUnit, list: Uint8Array, header: ListHeader): MaybePromise<Outcome> {
  if (header.mediumType !== 0) return invalidFieldInParameterList(header.mediumTypeByte);
  const refusal = refuseBlockDescriptor(unit, list, header);
  if (refusal !== undefined) return refusal;
  let writeCacheEnabled = unit.writeCacheEnabled;
  for (let at = header.size + header.blockDescriptorLength; at < list.length;) {
    if (at + ModePageHeader.size > list.length) return listLengthError;
    const { pageCode, pageLength } = ModePageHeader.view(list, at);
    const end = at + ModePageHeader.size + pageLength;
    const pageRefusal = refusePage(unit, list, at, end);
    if (pageRefusal !== undefined) return pageRefusal;
    if (pageCode === MODE_PAGE.CACHING) writeCacheEnabled = CachingModePage.view(list, at).wce;
    at = end;
  }
  return setWriteCache(unit, writeCacheEnabled);
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

/** The page from `at` to `end` must be one of the disk's, and differ only where it may. */
function refusePage(
  unit: LogicalUnit,
  list: Uint8Array,
  at: number,
  end: number,
): Outcome | undefined {
  const { spf, pageCode } = ModePageHeader.view(list, at);
  if (spf) return invalidFieldInParameterList(at, 6);
  const page = modePage(pageCode);
  if (page === undefined) return invalidFieldInParameterList(at, 5);
  const current = page.encode(unit, PAGE_CONTROL.CURRENT);
  if (end - at !== current.length) return invalidFieldInParameterList(at + 1);
  if (end > list.length) return listLengthError;
  const changeable = page.encode(unit, PAGE_CONTROL.CHANGEABLE);
  for (let i = ModePageHeader.size; i < current.length; i++) {
    const changed = (list[at + i] as number) ^ (current[i] as number);
    const wrong = changed & ~(changeable[i] as number);
    if (wrong !== 0) return invalidFieldInParameterList(at + i, 31 - Math.clz32(wrong));
  }
  return undefined;
}

/** Without a write cache what was written must be durable: what is in it goes out first. */
function setWriteCache(unit: LogicalUnit, enabled: boolean): MaybePromise<Outcome> {
  if (enabled === unit.writeCacheEnabled) return good;
  unit.writeCacheEnabled = enabled;
  if (enabled) return good;
  try {
    const done = unit.flush();
    return done === undefined ? good : done.then(() => good, writeFailed);
  } catch (error) {
    return writeFailed(error);
  }
}

const listLengthError = Object.freeze(checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR));
