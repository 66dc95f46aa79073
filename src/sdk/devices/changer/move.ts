import {
  ELEMENT_TYPE,
  ExchangeMedium,
  IMPORT_EXPORT_ACTION,
  InitializeElementStatusWithRange,
  MoveMedium,
  OpenCloseImportExportElement,
  PositionToElement,
  SENSE,
  type SenseCondition,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import type { ChangerUnit } from "./changer-unit.ts";
import type { Element } from "./element.ts";

export function moveMedium(unit: ChangerUnit, { cdb }: ScsiCommand): MaybePromise<Outcome> {
  const move = MoveMedium.view(cdb);
  const { sourceElementAddress, destinationElementAddress } = move;
  if (!isPicker(unit, move.mediumTransportElementAddress)) return invalidAddress(2);
  const from = placeAt(unit, sourceElementAddress);
  if (from === undefined) return invalidAddress(4);
  const to = placeAt(unit, destinationElementAddress);
  if (to === undefined) return invalidAddress(6);
  return unit.library.move(from, to).then(outcomeOf);
}

export function exchangeMedium(unit: ChangerUnit, { cdb }: ScsiCommand): MaybePromise<Outcome> {
  const exchange = ExchangeMedium.view(cdb);
  if (!isPicker(unit, exchange.mediumTransportElementAddress)) return invalidAddress(2);
  const from = placeAt(unit, exchange.sourceElementAddress);
  if (from === undefined) return invalidAddress(4);
  const first = placeAt(unit, exchange.firstDestinationElementAddress);
  if (first === undefined) return invalidAddress(6);
  const second = placeAt(unit, exchange.secondDestinationElementAddress);
  if (second === undefined) return invalidAddress(8);
  return unit.library.exchange(from, first, second).then(outcomeOf);
}

/** The picker is everywhere at once: only the addresses can be wrong. */
export function positionToElement(unit: ChangerUnit, { cdb }: ScsiCommand): Outcome {
  const { mediumTransportElementAddress, destinationElementAddress } = PositionToElement.view(cdb);
  if (!isPicker(unit, mediumTransportElementAddress)) return invalidAddress(2);
  const known = unit.library.at(destinationElementAddress) !== undefined;
  return known ? good : invalidAddress(4);
}

/** The inventory is always right: there is nothing to look at but the range. */
export function initializeElementStatusWithRange(unit: ChangerUnit, { cdb }: ScsiCommand): Outcome {
  const { range, startingElementAddress: start } = InitializeElementStatusWithRange.view(cdb);
  if (!range) return good;
  return unit.library.elements.some(({ address }) => address >= start) ? good : invalidAddress(2);
}

/** What is open is the operator's: the picker does not get at it until it is closed. */
export function openCloseImportExportElement(
  { library }: ChangerUnit,
  { cdb }: ScsiCommand,
): Outcome {
  const { elementAddress, actionCode } = OpenCloseImportExportElement.view(cdb);
  const element = library.at(elementAddress);
  if (element?.type !== ELEMENT_TYPE.IMPORT_EXPORT) return invalidAddress(2);
  switch (actionCode) {
    case IMPORT_EXPORT_ACTION.OPEN:
      if (library.preventing.size > 0) return checkCondition(SENSE.MEDIUM_REMOVAL_PREVENTED);
      element.open = true;
      return good;
    case IMPORT_EXPORT_ACTION.CLOSE:
      element.open = false;
      return good;
    default:
      return invalidFieldInCdb(4, 4);
  }
}

/** 0 is the default picker, which is the only one. */
function isPicker({ library }: ChangerUnit, address: number): boolean {
  return address === 0 || address === library.layout.picker;
}

/** Cartridges stand everywhere but in the picker (Device Capabilities mode page). */
function placeAt({ library }: ChangerUnit, address: number): Element | undefined {
  const element = library.at(address);
  return element?.type === ELEMENT_TYPE.MEDIUM_TRANSPORT ? undefined : element;
}

function outcomeOf(refusal: SenseCondition | undefined): Outcome {
  return refusal === undefined ? good : checkCondition(refusal);
}

function invalidAddress(byte: number): Outcome {
  return checkCondition(SENSE.INVALID_ELEMENT_ADDRESS, { fieldPointer: { inCdb: true, byte } });
}
