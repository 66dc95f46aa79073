import {
  GeneralBlockDescriptor,
  MODE_PAGE,
  ModePageHeader,
  ModeParameterHeader10,
  ModeParameterHeader6,
  ModeSelect10,
  ModeSelect6,
  ModeSubpageHeader,
  PAGE_CONTROL,
  SENSE,
  TAPE_MODE_PAGE,
  TapeDeviceSpecificParameter,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb, invalidFieldInParameterList } from "../refusals.ts";
import { MODE_PAGES, type TapeModePage } from "./mode-pages.ts";
import type { ModeParameters, TapeUnit } from "./tape-unit.ts";

/** DENSITY CODE: the density is not to change. */
const DENSITY_AS_IT_IS = 0x7f;

interface ListHeader {
  readonly size: number;
  readonly deviceSpecific: number;
  readonly deviceSpecificByte: number;
  readonly blockDescriptorLength: number;
}

export function modeSelect6(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { pf, sp, parameterListLength } = ModeSelect6.view(command.cdb);
  const list = command.buffer.subarray(0, parameterListLength);
  const refusal = refuse(list, pf, sp, ModeParameterHeader6.size);
  if (refusal !== undefined) return refusal;
  if (list.length === 0) return good;
  const { deviceSpecificParameter, blockDescriptorLength } = ModeParameterHeader6.view(list);
  return select(unit, list, {
    size: ModeParameterHeader6.size,
    deviceSpecific: deviceSpecificParameter,
    deviceSpecificByte: 2,
    blockDescriptorLength,
  });
}

export function modeSelect10(unit: TapeUnit, command: ScsiCommand): Outcome {
  const { pf, sp, parameterListLength } = ModeSelect10.view(command.cdb);
  const list = command.buffer.subarray(0, parameterListLength);
  const refusal = refuse(list, pf, sp, ModeParameterHeader10.size);
  if (refusal !== undefined) return refusal;
  if (list.length === 0) return good;
  const { deviceSpecificParameter, blockDescriptorLength } = ModeParameterHeader10.view(list);
  return select(unit, list, {
    size: ModeParameterHeader10.size,
    deviceSpecific: deviceSpecificParameter,
    deviceSpecificByte: 3,
    blockDescriptorLength,
  });
}

/** PF may be zero: tape drivers that send no page, only a block descriptor, leave it out. */
function refuse(
  list: Uint8Array,
  pf: boolean,
  sp: boolean,
  headerSize: number,
): Outcome | undefined {
  if (sp) return invalidFieldInCdb(1, 0);
  if (list.length === 0) return undefined;
  if (list.length < headerSize) return LIST_LENGTH;
  return !pf && list.length > headerSize + GeneralBlockDescriptor.size
    ? invalidFieldInCdb(1, 4)
    : undefined;
}

/** Judges the whole list first: a list with a fault changes nothing. */
function select(unit: TapeUnit, list: Uint8Array, header: ListHeader): Outcome {
  const mode = { ...unit.mode };
  const { bufferedMode } = TapeDeviceSpecificParameter.view(Uint8Array.of(header.deviceSpecific));
  if (bufferedMode > 1) return invalidFieldInParameterList(header.deviceSpecificByte, 6);
  mode.bufferedMode = bufferedMode;
  const refusal = applyDescriptor(unit, list, header, mode);
  if (refusal !== undefined) return refusal;
  for (let at = header.size + header.blockDescriptorLength; at < list.length;) {
    if (at + ModePageHeader.size > list.length) return LIST_LENGTH;
    const { spf } = ModePageHeader.view(list, at);
    if (spf && at + ModeSubpageHeader.size > list.length) return LIST_LENGTH;
    const end = spf
      ? at + ModeSubpageHeader.size + ModeSubpageHeader.view(list, at).pageLength
      : at + ModePageHeader.size + ModePageHeader.view(list, at).pageLength;
    const pageRefusal = applyPage(unit, list, at, end, mode);
    if (pageRefusal !== undefined) return pageRefusal;
    at = end;
  }
  unit.mode = mode;
  unit.earlyWarningTold = false;
  return good;
}

function applyDescriptor(
  unit: TapeUnit,
  list: Uint8Array,
  { size: at, blockDescriptorLength }: ListHeader,
  mode: ModeParameters,
): Outcome | undefined {
  if (blockDescriptorLength === 0) return undefined;
  const { size } = GeneralBlockDescriptor;
  if (blockDescriptorLength !== size) return invalidFieldInParameterList(at - 1);
  if (at + size > list.length) return LIST_LENGTH;
  const { densityCode, blockLength } = GeneralBlockDescriptor.view(list, at);
  const same = [0, DENSITY_AS_IT_IS, unit.density.code];
  if (!same.includes(densityCode)) return invalidFieldInParameterList(at);
  if (blockLength > unit.personality.blockLengthMax) return invalidFieldInParameterList(at + 5);
  mode.blockLength = blockLength;
  return undefined;
}

/** The page from `at` to `end` must be one of the drive's, and differ only where it may. */
function applyPage(
  unit: TapeUnit,
  list: Uint8Array,
  at: number,
  end: number,
  mode: ModeParameters,
): Outcome | undefined {
  const { spf, pageCode } = ModePageHeader.view(list, at);
  const subpage = spf ? (list[at + 1] as number) : 0;
  const page = MODE_PAGES.find((one) => one.code === pageCode && one.subpage === subpage);
  if (page === undefined) return invalidFieldInParameterList(spf ? at + 1 : at, spf ? 7 : 5);
  if (end > list.length) return LIST_LENGTH;
  const bytes = list.subarray(at, end);
  const refusal = refuseBits(unit, page, bytes, at);
  if (refusal !== undefined) return refusal;
  if (page.apply === undefined || page.apply(unit, bytes, mode)) return undefined;
  return invalidFieldInParameterList(at + (spf ? 4 : 2));
}

function refuseBits(
  unit: TapeUnit,
  page: TapeModePage,
  bytes: Uint8Array,
  at: number,
): Outcome | undefined {
  // The list of partition sizes has the length that the host gives it, and read-only fields
  // that hosts (LTFS among them) send back as they please.
  if (page.code === TAPE_MODE_PAGE.MEDIUM_PARTITION) {
    return bytes.length < 8 ? invalidFieldInParameterList(at + 1) : undefined;
  }
  const current = page.encode(unit, PAGE_CONTROL.CURRENT);
  if (bytes.length !== current.length) return invalidFieldInParameterList(at + 1);
  const changeable = page.encode(unit, PAGE_CONTROL.CHANGEABLE);
  const head = page.subpage === 0 ? ModePageHeader.size : ModeSubpageHeader.size;
  for (let i = head; i < current.length; i++) {
    // The active partition follows the tape; hosts send back what they read a while ago.
    if (page.code === MODE_PAGE.DEVICE_CONFIGURATION && page.subpage === 0 && i === 3) continue;
    const wrong = ((bytes[i] as number) ^ (current[i] as number)) & ~(changeable[i] as number);
    if (wrong !== 0) return invalidFieldInParameterList(at + i, 31 - Math.clz32(wrong));
  }
  return undefined;
}

const LIST_LENGTH = checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);
