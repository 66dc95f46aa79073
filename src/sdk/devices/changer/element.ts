import { UsageError } from "../../../protocol/errors.ts";
import { ELEMENT_TYPE } from "../../../protocol/scsi/index.ts";

/** What stands in an element. */
export interface StoredMedium {
  readonly barcode: string;
  readonly kind: "data" | "worm" | "cleaning";
  /** The storage element that it was last taken from. */
  readonly source: number | undefined;
  /** In an import/export element: an operator has put it there, not the picker. */
  readonly imported: boolean;
}

/** A place for one cartridge, by SMC-3's names. */
export interface Element {
  readonly address: number;
  readonly type: Exclude<(typeof ELEMENT_TYPE)[keyof typeof ELEMENT_TYPE], 0>;
  medium: StoredMedium | undefined;
  /** An import/export element that is open: the picker can't get at it. */
  open: boolean;
  /** The cartridge in it can't be used. */
  faulty: boolean;
}

/** How many elements of a type there are, and the address of the first. */
export interface ElementRange {
  readonly first: number;
  readonly count: number;
}

/** Where a library's elements are. There is one picker. */
export interface ElementLayout {
  readonly picker: number;
  readonly storage: ElementRange;
  readonly importExport: ElementRange;
  readonly drives: ElementRange;
}

/** ELEMENT ADDRESS has two bytes, and 0 stands for the default picker. */
const ADDRESS_MAX = 0xffff;
/** Every drive is a logical unit with a number of 1 to 255. */
const DRIVES_MAX = 255;

const { MEDIUM_TRANSPORT, STORAGE, IMPORT_EXPORT, DATA_TRANSFER } = ELEMENT_TYPE;

/**
 * All elements, by ascending address.
 *
 * @throws UsageError LIBRARY_ELEMENTS: which addresses are wrong
 */
export function elementsOf({ picker, storage, importExport, drives }: ElementLayout): Element[] {
  if (drives.count > DRIVES_MAX) {
    throw wrong(`${drives.count} drives: there can be ${DRIVES_MAX}`);
  }
  const all = [
    ...range(MEDIUM_TRANSPORT, { first: picker, count: 1 }),
    ...range(STORAGE, storage),
    ...range(IMPORT_EXPORT, importExport),
    ...range(DATA_TRANSFER, drives),
  ].sort((a, b) => a.address - b.address);
  for (const [index, { address }] of all.entries()) {
    if (all[index + 1]?.address === address)
      throw wrong(`element address ${address} is given twice`);
  }
  return all;
}

function range(type: Element["type"], { first, count }: ElementRange): Element[] {
  const whole = Number.isInteger(first) && Number.isInteger(count) && count >= 0;
  if (!whole || first < 1 || first + count - 1 > ADDRESS_MAX) {
    throw wrong(`${count} elements from ${first}: addresses are 1 to ${ADDRESS_MAX}`);
  }
  return Array.from({ length: count }, (_, index) => ({
    address: first + index,
    type,
    medium: undefined,
    open: false,
    faulty: false,
  }));
}

const wrong = (message: string) => new UsageError("LIBRARY_ELEMENTS", message);
