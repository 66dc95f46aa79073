import type { ElementLayout } from "scst-user";

/** A model of library: what it says it is, and how large it is unless one asks for another size. */
export interface LibraryModel {
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly personality: string;
  readonly drives: number;
  readonly slots: number;
  readonly mailSlots: number;
}

export const LIBRARY_MODELS: Readonly<Record<string, LibraryModel>> = {
  autoloader: {
    vendor: "SCST_TS",
    product: "AUTOLOADER",
    revision: "0.1",
    personality: "lto8",
    drives: 1,
    slots: 8,
    mailSlots: 1,
  },
  "3573-tl": {
    vendor: "IBM",
    product: "3573-TL",
    revision: "SCST",
    personality: "lto8",
    drives: 2,
    slots: 45,
    mailSlots: 3,
  },
  large: {
    vendor: "SCST_TS",
    product: "LIBRARY",
    revision: "0.1",
    personality: "lto9",
    drives: 16,
    slots: 10_000,
    mailSlots: 96,
  },
};

export const DEFAULT_MODEL = "3573-tl";

const PICKER = 0x0001;
const FIRST_MAIL_SLOT = 0x0010;
const FIRST_DRIVE = 0x0100;
const FIRST_SLOT = 0x1000;

/** Between the addresses of mail slots and drives. */
export const MAIL_SLOTS_MAX = FIRST_DRIVE - FIRST_MAIL_SLOT;
export const SLOTS_MAX = 0xffff - FIRST_SLOT + 1;

/** Elements have the addresses that IBM's TS3100 and TS3200 give them. */
export function layoutOf(size: {
  readonly drives: number;
  readonly slots: number;
  readonly mailSlots: number;
}): ElementLayout {
  return {
    picker: PICKER,
    importExport: { first: FIRST_MAIL_SLOT, count: size.mailSlots },
    drives: { first: FIRST_DRIVE, count: size.drives },
    storage: { first: FIRST_SLOT, count: size.slots },
  };
}
