import {
  ALL_SUBPAGES,
  GeneralBlockDescriptor,
  MODE_PAGE,
  ModeParameterHeader10,
  ModeParameterHeader6,
  ModeSense10,
  ModeSense6,
  PAGE_CONTROL,
  SENSE,
  TapeDeviceSpecificParameter,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { MODE_PAGES, type Values } from "./mode-pages.ts";
import type { TapeUnit } from "./tape-unit.ts";

export function modeSense6(unit: TapeUnit, command: ScsiCommand): Outcome {
  const cdb = ModeSense6.view(command.cdb);
  const pages = pagesFor(unit, cdb);
  if (!Array.isArray(pages)) return pages;
  const descriptor = blockDescriptor(unit, cdb.dbd, cdb.pc);
  const header = ModeParameterHeader6.encode({
    mediumType: mediumType(unit),
    deviceSpecificParameter: deviceSpecificParameter(unit, command),
    blockDescriptorLength: descriptor.length,
  });
  const data = Buffer.concat([header, descriptor, ...pages]);
  // One byte of length: more than it can say is cut by the allocation length in any case.
  data[0] = Math.min(data.length - 1, 0xff);
  return command.reply(data);
}

export function modeSense10(unit: TapeUnit, command: ScsiCommand): Outcome {
  const cdb = ModeSense10.view(command.cdb);
  const pages = pagesFor(unit, cdb);
  if (!Array.isArray(pages)) return pages;
  const descriptor = blockDescriptor(unit, cdb.dbd, cdb.pc);
  const header = ModeParameterHeader10.encode({
    mediumType: mediumType(unit),
    deviceSpecificParameter: deviceSpecificParameter(unit, command),
    blockDescriptorLength: descriptor.length,
  });
  const data = Buffer.concat([header, descriptor, ...pages]);
  ModeParameterHeader10.view(data).modeDataLength = data.length - 2;
  return command.reply(data);
}

interface PageSelection {
  readonly pc: number;
  readonly pageCode: number;
  readonly subpageCode: number;
}

function pagesFor(unit: TapeUnit, cdb: PageSelection): Uint8Array[] | Outcome {
  const { pageCode, subpageCode, pc } = cdb;
  // Page 00h alone: the header and the block descriptor, which is what tape drivers ask for.
  if (pageCode === 0 && subpageCode === 0) return [];
  const all = pageCode === MODE_PAGE.ALL_PAGES;
  if (all && subpageCode !== 0 && subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
  const ofCode = MODE_PAGES.filter(({ code }) => all || code === pageCode);
  if (ofCode.length === 0) return invalidFieldInCdb(2, 5);
  const pages = ofCode.filter(({ subpage }) => {
    return subpageCode === ALL_SUBPAGES || subpage === subpageCode;
  });
  if (pages.length === 0) return invalidFieldInCdb(3);
  if (pc === PAGE_CONTROL.SAVED) return checkCondition(SENSE.SAVING_PARAMETERS_NOT_SUPPORTED);
  return pages.map((page) => page.encode(unit, pc as Values));
}

/** MEDIUM TYPE of what is loaded, 0 for none. */
function mediumType(unit: TapeUnit): number {
  if (!unit.threaded || unit.cartridge === undefined) return 0;
  return unit.isWorm ? unit.density.wormMediumType : unit.density.mediumType;
}

function deviceSpecificParameter(unit: TapeUnit, { session }: ScsiCommand): number {
  const protectedMedium = unit.threaded && unit.writeProtection() !== undefined;
  const wp = session.readOnly || protectedMedium;
  return TapeDeviceSpecificParameter.encode({
    wp,
    bufferedMode: unit.mode.bufferedMode,
  })[0] as number;
}

function blockDescriptor(unit: TapeUnit, dbd: boolean, pc: number): Uint8Array {
  if (dbd) return new Uint8Array(0);
  if (pc === PAGE_CONTROL.CHANGEABLE) {
    return GeneralBlockDescriptor.encode({ blockLength: 0xff_ffff });
  }
  const { blockLength } = pc === PAGE_CONTROL.DEFAULT ? unit.modeDefaults : unit.mode;
  return GeneralBlockDescriptor.encode({ densityCode: unit.density.code, blockLength });
}
