import {
  ALL_SUBPAGES,
  CHANGER_MODE_PAGE,
  DeviceCapabilitiesModePage,
  ElementAddressAssignmentModePage,
  MODE_PAGE,
  ModePageHeader,
  ModeParameterHeader10,
  ModeParameterHeader6,
  ModeSelect10,
  ModeSelect6,
  ModeSense10,
  ModeSense6,
  PAGE_CONTROL,
  SENSE,
  TransportGeometryParametersModePage,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb, invalidFieldInParameterList } from "../refusals.ts";
import type { ChangerUnit } from "./changer-unit.ts";
import type { Library } from "./library.ts";

export function modeSense6(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const pages = pagesFor(unit, ModeSense6.view(command.cdb));
  if (!Array.isArray(pages)) return pages;
  const data = Buffer.concat([new Uint8Array(ModeParameterHeader6.size), ...pages]);
  ModeParameterHeader6.view(data).modeDataLength = data.length - 1;
  return command.reply(data);
}

export function modeSense10(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const pages = pagesFor(unit, ModeSense10.view(command.cdb));
  if (!Array.isArray(pages)) return pages;
  const data = Buffer.concat([new Uint8Array(ModeParameterHeader10.size), ...pages]);
  ModeParameterHeader10.view(data).modeDataLength = data.length - 2;
  return command.reply(data);
}

/** MODE SELECT: nothing can be changed, so that what is sent must be what is. */
export function modeSelect6(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const { sp, parameterListLength } = ModeSelect6.view(command.cdb);
  if (sp) return invalidFieldInCdb(1, 0);
  const list = command.buffer.subarray(0, parameterListLength);
  if (list.length === 0) return good;
  if (list.length < ModeParameterHeader6.size) return LIST_LENGTH;
  const { blockDescriptorLength } = ModeParameterHeader6.view(list);
  return select(unit, list, ModeParameterHeader6.size, blockDescriptorLength);
}

export function modeSelect10(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const { sp, parameterListLength } = ModeSelect10.view(command.cdb);
  if (sp) return invalidFieldInCdb(1, 0);
  const list = command.buffer.subarray(0, parameterListLength);
  if (list.length === 0) return good;
  if (list.length < ModeParameterHeader10.size) return LIST_LENGTH;
  const { blockDescriptorLength } = ModeParameterHeader10.view(list);
  return select(unit, list, ModeParameterHeader10.size, blockDescriptorLength);
}

function select(unit: ChangerUnit, list: Uint8Array, start: number, descriptors: number): Outcome {
  if (descriptors !== 0) return invalidFieldInParameterList(start - 1);
  for (let at = start; at < list.length;) {
    if (at + ModePageHeader.size > list.length) return LIST_LENGTH;
    const { pageCode, pageLength } = ModePageHeader.view(list, at);
    const page = MODE_PAGES.find(({ code }) => code === pageCode);
    if (page === undefined) return invalidFieldInParameterList(at, 5);
    const current = page.encode(unit.library);
    if (pageLength + ModePageHeader.size !== current.length) {
      return invalidFieldInParameterList(at + 1);
    }
    if (at + current.length > list.length) return LIST_LENGTH;
    for (let i = ModePageHeader.size; i < current.length; i++) {
      const wrong = (list[at + i] as number) ^ (current[i] as number);
      if (wrong !== 0) return invalidFieldInParameterList(at + i, 31 - Math.clz32(wrong));
    }
    at += current.length;
  }
  return good;
}

const LIST_LENGTH = checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);

interface PageSelection {
  readonly pc: number;
  readonly pageCode: number;
  readonly subpageCode: number;
}

function pagesFor(
  { library }: ChangerUnit,
  { pc, pageCode, subpageCode }: PageSelection,
): Uint8Array[] | Outcome {
  if (subpageCode !== 0 && subpageCode !== ALL_SUBPAGES) return invalidFieldInCdb(3);
  const all = pageCode === MODE_PAGE.ALL_PAGES;
  const pages = MODE_PAGES.filter(({ code }) => all || code === pageCode);
  if (pages.length === 0) return invalidFieldInCdb(2, 5);
  if (pc === PAGE_CONTROL.SAVED) return checkCondition(SENSE.SAVING_PARAMETERS_NOT_SUPPORTED);
  return pages.map((page) => {
    const bytes = page.encode(library);
    if (pc === PAGE_CONTROL.CHANGEABLE) bytes.fill(0, ModePageHeader.size);
    return bytes;
  });
}

interface ChangerModePage {
  readonly code: number;
  /** The whole page, with its head. */
  encode(library: Library): Uint8Array;
}

/** A bit for each type of element, as the Device Capabilities mode page has them. */
const TO_STORAGE = 0x02;
const TO_IMPORT_EXPORT = 0x04;
const TO_DATA_TRANSFER = 0x08;

/** By ascending code. */
const MODE_PAGES: readonly ChangerModePage[] = [
  {
    code: CHANGER_MODE_PAGE.ELEMENT_ADDRESS_ASSIGNMENT,
    encode: ({ layout: { picker, storage, importExport, drives } }) =>
      ElementAddressAssignmentModePage.encode({
        ...head(
          CHANGER_MODE_PAGE.ELEMENT_ADDRESS_ASSIGNMENT,
          ElementAddressAssignmentModePage.size,
        ),
        firstMediumTransportElementAddress: picker,
        numberOfMediumTransportElements: 1,
        firstStorageElementAddress: storage.first,
        numberOfStorageElements: storage.count,
        firstImportExportElementAddress: importExport.count === 0 ? 0 : importExport.first,
        numberOfImportExportElements: importExport.count,
        firstDataTransferElementAddress: drives.count === 0 ? 0 : drives.first,
        numberOfDataTransferElements: drives.count,
      }),
  },
  {
    code: CHANGER_MODE_PAGE.TRANSPORT_GEOMETRY,
    encode: () =>
      TransportGeometryParametersModePage.encode(
        head(CHANGER_MODE_PAGE.TRANSPORT_GEOMETRY, TransportGeometryParametersModePage.size),
      ),
  },
  { code: CHANGER_MODE_PAGE.DEVICE_CAPABILITIES, encode: deviceCapabilities },
];

/** Cartridges go from everywhere to everywhere; the picker keeps none. */
function deviceCapabilities({ layout: { importExport, drives } }: Library): Uint8Array {
  const there =
    TO_STORAGE |
    (importExport.count > 0 ? TO_IMPORT_EXPORT : 0) |
    (drives.count > 0 ? TO_DATA_TRANSFER : 0);
  const from = (bit: number) => ((there & bit) === 0 ? 0 : there);
  return DeviceCapabilitiesModePage.encode({
    ...head(CHANGER_MODE_PAGE.DEVICE_CAPABILITIES, DeviceCapabilitiesModePage.size),
    storDt: (there & TO_DATA_TRANSFER) !== 0,
    storIe: (there & TO_IMPORT_EXPORT) !== 0,
    storSt: true,
    moveFromSt: from(TO_STORAGE),
    moveFromIe: from(TO_IMPORT_EXPORT),
    moveFromDt: from(TO_DATA_TRANSFER),
    exchangeSt: from(TO_STORAGE),
    exchangeIe: from(TO_IMPORT_EXPORT),
    exchangeDt: from(TO_DATA_TRANSFER),
  });
}

function head(pageCode: number, size: number) {
  return { pageCode, pageLength: size - ModePageHeader.size };
}
