import {
  ALL_SUBPAGES,
  DiskDeviceSpecificParameter,
  LongLbaBlockDescriptor,
  MODE_PAGE,
  ModeParameterHeader6,
  ModeParameterHeader10,
  ModeSense6,
  ModeSense10,
  PAGE_CONTROL,
  SENSE,
  ShortLbaBlockDescriptor,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb } from "../refusals.ts";

const BLOCKS_SHORT_MAX = 0xffff_ffff;

export function modeSense6(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const cdb = ModeSense6.view(command.cdb);
  const pages = pagesFor(unit, cdb);
  if (!Array.isArray(pages)) return pages;
  const descriptor = cdb.dbd ? new Uint8Array(0) : shortDescriptor(unit);
  const header = ModeParameterHeader6.view();
  header.deviceSpecificParameter = deviceSpecificParameter(unit, command);
  header.blockDescriptorLength = descriptor.length;
  const data = Buffer.concat([header.bytes, descriptor, ...pages]);
  data[0] = data.length - 1;
  return command.reply(data);
}

export function modeSense10(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const cdb = ModeSense10.view(command.cdb);
  const pages = pagesFor(unit, cdb);
  if (!Array.isArray(pages)) return pages;
  const descriptor = cdb.dbd
    ? new Uint8Array(0)
    : cdb.llbaa
      ? longDescriptor(unit)
      : shortDescriptor(unit);
  const header = ModeParameterHeader10.view();
  header.deviceSpecificParameter = deviceSpecificParameter(unit, command);
  header.longLba = cdb.llbaa && !cdb.dbd;
  header.blockDescriptorLength = descriptor.length;
  const data = Buffer.concat([header.bytes, descriptor, ...pages]);
  ModeParameterHeader10.view(data).modeDataLength = data.length - 2;
  return command.reply(data);
}

/** SPC-5, "MODE SENSE(6) command", PAGE CODE and SUBPAGE CODE: which pages are asked for. */
function pagesFor(
  unit: LogicalUnit,
  cdb: { readonly pc: number; readonly pageCode: number; readonly subpageCode: number },
): Uint8Array[] | Outcome {
  const { pc, pageCode, subpageCode } = cdb;
  const all = pageCode === MODE_PAGE.ALL_PAGES;
  if (all && subpageCode !== 0 && subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
  const ofCode = unit.modePages.filter(({ code }) => all || code === pageCode);
  if (ofCode.length === 0) return invalidFieldInCdb(2, 5);
  const pages = ofCode.filter(
    ({ subpage }) => subpageCode === ALL_SUBPAGES || subpage === subpageCode,
  );
  if (pages.length === 0) return invalidFieldInCdb(3);
  const { modes } = unit;
  switch (pc) {
    case PAGE_CONTROL.CHANGEABLE:
      return pages.map((page) => modes.changeable(unit, page));
    case PAGE_CONTROL.DEFAULT:
      return pages.map((page) => modes.defaults(unit, page));
    case PAGE_CONTROL.SAVED:
      if (!unit.saved.possible) return checkCondition(SENSE.SAVING_PARAMETERS_NOT_SUPPORTED);
      return pages.map((page) => modes.saved(unit, page));
    default:
      return pages.map((page) => modes.current(unit, page));
  }
}

function deviceSpecificParameter(unit: LogicalUnit, { session }: ScsiCommand): number {
  const wp = unit.readOnly || unit.control.options.softwareWriteProtect || session.readOnly;
  return DiskDeviceSpecificParameter.encode({ wp, dpofua: true })[0] as number;
}

function shortDescriptor({ blocks, blockSize }: LogicalUnit): Uint8Array {
  return ShortLbaBlockDescriptor.encode({
    numberOfLogicalBlocks: Math.min(blocks, BLOCKS_SHORT_MAX),
    logicalBlockLength: blockSize,
  });
}

function longDescriptor({ blocks, blockSize }: LogicalUnit): Uint8Array {
  return LongLbaBlockDescriptor.encode({
    numberOfLogicalBlocks: blocks,
    logicalBlockLength: blockSize,
  });
}
