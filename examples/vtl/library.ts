import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import {
  type Cartridge,
  cartridgeFolder,
  type Element,
  ELEMENT_TYPE,
  Library,
  libraryFolder,
  openCartridge,
  readDescription,
  type SenseCondition,
  UsageError,
} from "scst-user";

import { type CartridgeSettings, newCartridge } from "./create.ts";
import { type LibraryDescription, readLibrary } from "./description.ts";
import { layoutOf } from "./models.ts";

/** Says something to who runs the program. */
export type Tell = (message: string) => void;

/** What a place is called: `slot:1`, `mail:1`, `drive:1`; counted from 1. */
const PLACES = {
  slot: ELEMENT_TYPE.STORAGE,
  mail: ELEMENT_TYPE.IMPORT_EXPORT,
  drive: ELEMENT_TYPE.DATA_TRANSFER,
} as const;
type Place = keyof typeof PLACES;

/** A line of `vtl list`. */
export interface ListedElement {
  readonly place: string;
  readonly address: number;
  readonly barcode?: string;
  readonly kind?: string;
  readonly source?: string;
  readonly note?: string;
}

export interface Listing {
  readonly library: Pick<LibraryDescription, "name" | "vendor" | "product" | "serial">;
  readonly elements: readonly ListedElement[];
  /** Cartridges that are outside of the library. */
  readonly shelf: readonly string[];
}

/** A library as operators see it, whether it is served or rests. */
export class OperatedLibrary {
  readonly folder: string;
  readonly description: LibraryDescription;
  readonly library: Library;
  readonly #served: boolean;
  /** Cartridges that {@link work} goes on with. */
  readonly #busy = new Set<string>();

  /** @throws UsageError LIBRARY, LIBRARY_INVENTORY */
  constructor(folder: string, { served = false } = {}) {
    this.folder = folder;
    this.#served = served;
    this.description = readLibrary(folder);
    const { drives, slots, mailSlots } = this.description;
    this.library = new Library({
      layout: layoutOf({ drives: drives.length, slots, mailSlots }),
      store: libraryFolder(folder),
    });
  }

  /** With `all`, the empty slots too. */
  list(all: boolean): Listing {
    const { name, vendor, product, serial } = this.description;
    const shown = this.library.elements.filter(
      ({ type, medium }) =>
        type !== ELEMENT_TYPE.MEDIUM_TRANSPORT &&
        (all || medium !== undefined || type === ELEMENT_TYPE.DATA_TRANSFER),
    );
    return {
      library: { name, vendor, product, serial },
      elements: shown.map((element) => this.#line(element)),
      shelf: this.#shelf(),
    };
  }

  /** Makes cartridges, and puts them into free slots. Gives the places. */
  async add(barcodes: readonly string[], settings: CartridgeSettings): Promise<string[]> {
    const { library } = this;
    const places: string[] = [];
    for (const barcode of barcodes) {
      const kind = await newCartridge(this.folder, barcode, settings);
      const place = await library.run(async () => {
        const slot = this.#free("slot");
        await library.put(slot, { barcode, kind });
        return this.#placeOf(slot);
      });
      places.push(`${barcode} ${place}`);
    }
    return places;
  }

  /** From the shelf into a mail slot. Gives the place. */
  async import(barcode: string, place: string | undefined): Promise<string> {
    const { library } = this;
    const { kind } = readDescription(this.#cartridge(barcode));
    this.#mustBeFree(barcode);
    return await library.run(async () => {
      const element = place === undefined ? this.#free("mail") : this.#element(place);
      this.#mustBe(element, "mail");
      await library.put(element, { barcode, kind });
      return this.#placeOf(element);
    });
  }

  /** From a mail slot onto the shelf. Gives the barcode. */
  async export(word: string): Promise<string> {
    const { library } = this;
    return await library.run(async () => {
      const element = this.#element(word);
      this.#mustBe(element, "mail");
      return (await library.take(element)).barcode;
    });
  }

  async move(from: string, to: string): Promise<void> {
    await this.#move(from, () => this.#element(to));
  }

  /** Into a drive: the first empty one where none is named. Gives the place. */
  async load(word: string, drive: string | undefined): Promise<string> {
    return await this.#move(word, () => {
      const to = drive === undefined ? this.#free("drive") : this.#element(drive);
      this.#mustBe(to, "drive");
      return to;
    });
  }

  /** Out of a drive: to where the cartridge was, or the first free slot. Gives the place. */
  async unload(drive: string, slot: string | undefined): Promise<string> {
    return await this.#move(drive, (from) => {
      this.#mustBe(from, "drive");
      if (slot !== undefined) return this.#element(slot);
      const home = this.library.at(from.medium?.source ?? 0);
      return home !== undefined && home.medium === undefined ? home : this.#free("slot");
    });
  }

  /** The tab that makes a cartridge read-only: not while it is in a drive. */
  async protect(barcode: string, writeProtected: boolean): Promise<void> {
    const { library } = this;
    const folder = this.#cartridge(barcode);
    await library.run(async () => {
      const element = library.find(barcode);
      if (element !== undefined && library.driveAt(element) !== undefined) {
        throw new UsageError("CARTRIDGE_IN_DRIVE", `${barcode} is in ${this.#placeOf(element)}`);
      }
      await opened(folder, (cartridge) => cartridge.update({ writeProtected }));
    });
  }

  /**
   * Long work on a cartridge, which stays where it is. In a library that is served it must be on
   * the shelf: the robot does not wait for it, nor do the hosts.
   */
  async work<T>(barcode: string, work: (cartridge: Cartridge) => Promise<T>): Promise<T> {
    const folder = this.#cartridge(barcode);
    const element = this.library.find(barcode);
    if (this.#served && element !== undefined) {
      const where = this.#placeOf(element);
      throw new UsageError(
        "CARTRIDGE_IN_LIBRARY",
        `${barcode} is in ${where} of a library that is served: export it first`,
      );
    }
    this.#mustBeFree(barcode);
    this.#busy.add(barcode);
    try {
      return await opened(folder, work);
    } finally {
      this.#busy.delete(barcode);
    }
  }

  #mustBeFree(barcode: string): void {
    if (!this.#busy.has(barcode)) return;
    throw new UsageError("CARTRIDGE_BUSY", `somebody is at work on ${barcode}`);
  }

  async #move(from: string, target: (from: Element) => Element): Promise<string> {
    const { library } = this;
    return await library.run(async () => {
      const source = this.#element(from);
      const to = target(source);
      const refusal = await library.move(source, to);
      if (refusal !== undefined) throw refused(refusal);
      return this.#placeOf(to);
    });
  }

  /** The folder of a cartridge that is there, in the library or on the shelf. */
  #cartridge(barcode: string): string {
    const folder = cartridgeFolder(this.folder, barcode);
    if (existsSync(folder)) return folder;
    throw new UsageError("NO_CARTRIDGE", `there is no cartridge ${barcode}`);
  }

  /** The element that a word names: a place, or a cartridge's barcode. */
  #element(word: string): Element {
    const [, place, number] = /^(slot|mail|drive):(\d+)$/.exec(word) ?? [];
    const found =
      place === undefined
        ? this.library.find(word)
        : this.#ofPlace(place as Place)[Number(number) - 1];
    if (found !== undefined) return found;
    throw new UsageError(
      "PLACE",
      place === undefined
        ? `${word}: there is no such cartridge in the library, nor is it slot:N, mail:N or drive:N`
        : `${word}: there are ${this.#ofPlace(place as Place).length} of them, from 1 on`,
    );
  }

  #ofPlace(place: Place): Element[] {
    return this.library.elements.filter(({ type }) => type === PLACES[place]);
  }

  #free(place: Place): Element {
    const free = this.#ofPlace(place).find(({ medium }) => medium === undefined);
    if (free !== undefined) return free;
    throw new UsageError("LIBRARY_FULL", `no ${place} is free`);
  }

  #mustBe(element: Element, place: Place): void {
    if (element.type === PLACES[place]) return;
    const where = this.#placeOf(element);
    const how = place === "mail" ? ": move the cartridge to a mail slot first" : "";
    throw new UsageError("PLACE", `${where} is no ${place}:N${how}`);
  }

  #placeOf({ type, address }: Element): string {
    const { storage, importExport, drives } = this.library.layout;
    switch (type) {
      case ELEMENT_TYPE.STORAGE:
        return `slot:${address - storage.first + 1}`;
      case ELEMENT_TYPE.IMPORT_EXPORT:
        return `mail:${address - importExport.first + 1}`;
      case ELEMENT_TYPE.DATA_TRANSFER:
        return `drive:${address - drives.first + 1}`;
      case ELEMENT_TYPE.MEDIUM_TRANSPORT:
        return "picker";
    }
  }

  #line(element: Element): ListedElement {
    const { medium, address, faulty, open } = element;
    const source = this.library.at(medium?.source ?? 0);
    const drive = this.library.driveAt(element);
    const unloaded = drive?.cartridge !== undefined && !drive.isLoaded;
    const notes = [faulty ? "faulty" : "", open ? "open" : "", unloaded ? "unloaded" : ""];
    const note = notes.filter((text) => text !== "").join(", ");
    return {
      place: this.#placeOf(element),
      address,
      ...(medium === undefined ? {} : { barcode: medium.barcode, kind: medium.kind }),
      ...(source === undefined ? {} : { source: this.#placeOf(source) }),
      ...(note === "" ? {} : { note }),
    };
  }

  #shelf(): string[] {
    const inside = new Set(this.library.elements.map(({ medium }) => medium?.barcode));
    const names = readdirSync(join(this.folder, "cartridges"));
    return names.filter((name) => !inside.has(name)).sort();
  }
}

async function opened<T>(folder: string, work: (cartridge: Cartridge) => Promise<T>): Promise<T> {
  const cartridge = await openCartridge(folder);
  try {
    return await work(cartridge);
  } finally {
    await cartridge.close();
  }
}

function refused({ name }: SenseCondition): UsageError {
  return new UsageError("REFUSED", `the library refuses: ${name.toLowerCase()}`);
}
