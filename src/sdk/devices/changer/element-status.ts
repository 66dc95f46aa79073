import {
  CODE_SET,
  DESIGNATOR_TYPE,
  ELEMENT_MEDIUM_TYPE,
  ELEMENT_TYPE,
  ElementDescriptor,
  ElementIdentifier,
  ElementStatusHeader,
  ElementStatusPage,
  ReadElementStatus,
  RequestVolumeElementAddress,
  SENSE,
  VolumeElementAddressHeader,
  VolumeTag,
} from "../../../protocol/scsi/index.ts";
import type { ScsiCommand } from "../../handler.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import type { ChangerUnit } from "./changer-unit.ts";
import type { Element } from "./element.ts";
import type { Library } from "./library.ts";

export function readElementStatus(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const cdb = ReadElementStatus.view(command.cdb);
  const elements = select(unit.library.elements, cdb);
  if (!Array.isArray(elements)) return elements;
  const report = new Report(unit.library, elements, cdb.voltag, cdb.dvcid);
  const head = ElementStatusHeader.encode({
    firstElementAddressReported: elements[0]?.address ?? 0,
    numberOfElementsAvailable: elements.length,
    byteCountOfReportAvailable: report.byteCount,
  });
  return command.reply(report.encode(head, cdb.allocationLength));
}

/** What SEND VOLUME TAG of the same nexus has found (SMC-3, same command). */
export function requestVolumeElementAddress(unit: ChangerUnit, command: ScsiCommand): Outcome {
  const cdb = RequestVolumeElementAddress.view(command.cdb);
  const search = unit.searches.get(command.session);
  if (search === undefined || search.changeCount !== unit.library.changeCount) {
    return checkCondition(SENSE.COMMAND_SEQUENCE_ERROR);
  }
  const elements = search.elements.filter(
    ({ type, address }) =>
      (cdb.elementTypeCode === ELEMENT_TYPE.ALL || type === cdb.elementTypeCode) &&
      address >= cdb.startingElementAddress,
  );
  const wanted = elements.slice(0, cdb.numberOfElements);
  const report = new Report(unit.library, wanted, cdb.voltag, false);
  const head = VolumeElementAddressHeader.encode({
    firstElementAddressReported: wanted[0]?.address ?? 0,
    numberOfElementsAvailable: wanted.length,
    sendActionCode: search.actionCode,
    byteCountOfReportAvailable: report.byteCount,
  });
  return command.reply(report.encode(head, cdb.allocationLength));
}

/** The fields that name elements, as several CDBs have them. */
interface Selection {
  readonly elementTypeCode: number;
  readonly startingElementAddress: number;
  readonly numberOfElements: number;
}

function select(all: readonly Element[], wanted: Selection): Element[] | Outcome {
  const { elementTypeCode: type, startingElementAddress: start, numberOfElements } = wanted;
  if (type > ELEMENT_TYPE.DATA_TRANSFER) return invalidFieldInCdb(1, 3);
  const ofType = all.filter((element) => type === ELEMENT_TYPE.ALL || element.type === type);
  const elements = ofType.filter(({ address }) => address >= start);
  // A library without elements of a type says so; an address behind the last one is a mistake.
  if (elements.length === 0 && ofType.length > 0) {
    return checkCondition(SENSE.INVALID_ELEMENT_ADDRESS, {
      fieldPointer: { inCdb: true, byte: 2 },
    });
  }
  return elements.slice(0, numberOfElements);
}

interface Page {
  readonly elements: readonly Element[];
  readonly identifiers: readonly Uint8Array[];
  readonly descriptorLength: number;
}

/** Element status pages: one for each type, in the order of the addresses. */
class Report {
  readonly byteCount: number;
  readonly #pages: readonly Page[];
  readonly #voltag: boolean;

  constructor(library: Library, elements: readonly Element[], voltag: boolean, dvcid: boolean) {
    this.#voltag = voltag;
    const types = new Set(elements.map(({ type }) => type));
    this.#pages = Array.from(types, (type) => {
      const ofType = elements.filter((element) => element.type === type);
      const identifiers = ofType.map((element) =>
        dvcid ? identifierOf(library, element) : NOTHING,
      );
      const longest = identifiers.reduce((most, { length }) => Math.max(most, length), 0);
      const tags = voltag ? VolumeTag.size : 0;
      const descriptorLength = ElementDescriptor.size + tags + ElementIdentifier.size + longest;
      return { elements: ofType, identifiers, descriptorLength };
    });
    this.byteCount = this.#pages.reduce(
      (sum, { elements: { length }, descriptorLength }) =>
        sum + ElementStatusPage.size + length * descriptorLength,
      0,
    );
  }

  /** With `head` before it, and no more of it than what can be asked for: libraries are large. */
  encode(head: Uint8Array, lengthMax: number): Uint8Array {
    const parts = [head];
    let length = head.length;
    for (const page of this.#pages) {
      if (length >= lengthMax) break;
      const room = Math.ceil((lengthMax - length) / page.descriptorLength);
      const bytes = this.#encodePage(page, Math.min(room, page.elements.length));
      parts.push(bytes);
      length += bytes.length;
    }
    return Buffer.concat(parts);
  }

  #encodePage({ elements, identifiers, descriptorLength }: Page, count: number): Uint8Array {
    const bytes = Buffer.alloc(ElementStatusPage.size + count * descriptorLength);
    const [first] = elements;
    ElementStatusPage.write(ElementStatusPage.view(bytes), {
      elementTypeCode: first?.type ?? 0,
      pvoltag: this.#voltag,
      elementDescriptorLength: descriptorLength,
      byteCountOfDescriptorDataAvailable: elements.length * descriptorLength,
    });
    for (let index = 0; index < count; index++) {
      const at = ElementStatusPage.size + index * descriptorLength;
      const element = elements[index] as Element;
      this.#encodeDescriptor(bytes, at, element, identifiers[index] as Uint8Array);
    }
    return bytes;
  }

  #encodeDescriptor(bytes: Buffer, at: number, element: Element, identifier: Uint8Array): void {
    const { medium, address } = element;
    ElementDescriptor.write(ElementDescriptor.view(bytes, at), {
      ...statusOf(element),
      elementAddress: address,
      svalid: medium?.source !== undefined,
      mediumType: mediumTypeOf(element),
      sourceStorageElementAddress: medium?.source ?? 0,
    });
    let next = at + ElementDescriptor.size;
    if (this.#voltag) {
      // An empty element's tag is all zeros (SMC-3, "Volume tag information format").
      if (medium !== undefined) {
        bytes.write(medium.barcode.padEnd(VOLUME_IDENTIFIER_LENGTH), next, "latin1");
      }
      next += VolumeTag.size;
    }
    if (identifier.length === 0) return;
    ElementIdentifier.write(ElementIdentifier.view(bytes, next), {
      codeSet: CODE_SET.ASCII,
      identifierType: DESIGNATOR_TYPE.T10_VENDOR_ID,
      identifierLength: identifier.length,
    });
    bytes.set(identifier, next + ElementIdentifier.size);
  }
}

const NOTHING = new Uint8Array(0);
const VOLUME_IDENTIFIER_LENGTH = 32;

/** The drive's T10 vendor ID designator: what hosts find its logical unit by. */
function identifierOf(library: Library, element: Element): Uint8Array {
  const identity = library.driveAt(element)?.identity;
  if (identity === undefined) return NOTHING;
  const { vendor, product, serial } = identity;
  return Buffer.from(`${vendor.padEnd(8)}${product.padEnd(16)}${serial}`, "latin1");
}

function statusOf(element: Element) {
  const full = element.medium !== undefined;
  const common = { full, ...(element.faulty ? FAULT : {}) };
  switch (element.type) {
    case ELEMENT_TYPE.MEDIUM_TRANSPORT:
      return common;
    case ELEMENT_TYPE.IMPORT_EXPORT:
      return {
        ...common,
        inenab: true,
        exenab: true,
        access: !element.open,
        impexp: element.medium?.imported === true,
      };
    default:
      return { ...common, access: true };
  }
}

const FAULT = {
  except: true,
  additionalSenseCode: SENSE.MEDIA_LOAD_OR_EJECT_FAILED.asc,
  additionalSenseCodeQualifier: SENSE.MEDIA_LOAD_OR_EJECT_FAILED.ascq,
};

function mediumTypeOf({ medium }: Element): number {
  switch (medium?.kind) {
    case undefined:
      return ELEMENT_MEDIUM_TYPE.UNSPECIFIED;
    case "cleaning":
      return ELEMENT_MEDIUM_TYPE.CLEANING;
    case "worm":
      return ELEMENT_MEDIUM_TYPE.WORM;
    case "data":
      return ELEMENT_MEDIUM_TYPE.DATA;
  }
}
