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
import { MODE_PAGES, type Values } from "./mode-pages.ts";
import { invalidFieldInCdb } from "./refusals.ts";

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

function pagesFor(
  unit: LogicalUnit,
  cdb: { readonly pc: number; readonly pageCode: number; readonly subpageCode: number },
): Uint8Array[] | Outcome {
  // SPC-5, "MODE SENSE(6) command": subpage 00h is the page, FFh is all of its subpages. The
  // pages of a disk have none but themselves.
  if (cdb.subpageCode !== 0 && cdb.subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
  const pages = MODE_PAGES.filter(
    ({ code }) => cdb.pageCode === MODE_PAGE.ALL_PAGES || cdb.pageCode === code,
  );
  if (pages.length === 0) return invalidFieldInCdb(2, 5);
  if (cdb.pc === PAGE_CONTROL.SAVED) {
    return checkCondition(SENSE.SAVING_PARAMETERS_NOT_SUPPORTED);
  }
  return pages.map((page) => page.encode(unit, cdb.pc as Values));
}

function deviceSpecificParameter(unit: LogicalUnit, { session }: ScsiCommand): number {
  const wp = unit.readOnly || unit.control.softwareWriteProtect || session.readOnly;
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
