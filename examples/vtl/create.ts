import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import {
  cartridgeFolder,
  createCartridge,
  type LibraryStore,
  libraryFolder,
  type StoredMedium,
  UsageError,
} from "scst-user";

import { hasLibrary, type LibraryDescription, writeLibrary } from "./description.ts";
import type { Tell } from "./library.ts";
import { layoutOf } from "./models.ts";
import { densityOf } from "./rules.ts";

/** Cartridges that are made at the same time: the disk flushes several as fast as one. */
const TOGETHER = 50;

export type MediumKind = StoredMedium["kind"];

/** What a new cartridge is to be. */
export interface CartridgeSettings {
  readonly kind: MediumKind | undefined;
  /** A model of drive: cartridges of its generation. */
  readonly density: string;
  /** The format's own capacity where it is undefined. */
  readonly capacityBytes: number | undefined;
}

export interface NewLibrary {
  readonly library: Omit<LibraryDescription, "serial" | "drives"> & { readonly serial?: string };
  readonly drives: number;
  readonly personality: string;
  readonly barcodes: readonly string[];
  readonly cartridges: CartridgeSettings;
}

/** Makes a library. `library.json` comes last: without it there is none, and one tries again. */
export async function createLibrary(
  folder: string,
  { library, drives, personality, barcodes, cartridges }: NewLibrary,
  tell: Tell,
): Promise<void> {
  const { slots } = library;
  if (barcodes.length > slots) {
    throw new UsageError("OPTION", `${barcodes.length} cartridges do not fit into ${slots} slots`);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (hasLibrary(folder)) throw new UsageError("LIBRARY", `${folder} is a library already`);
  mkdirSync(join(folder, "cartridges"), { recursive: true, mode: 0o700 });
  const { storage } = layoutOf({ ...library, drives });
  const placed: Parameters<LibraryStore["save"]>[0][number][] = [];
  for (let at = 0; at < barcodes.length; at += TOGETHER) {
    const together = barcodes.slice(at, at + TOGETHER);
    const kinds = await Promise.all(
      together.map((barcode) => newCartridge(folder, barcode, cartridges)),
    );
    for (const [index, barcode] of together.entries()) {
      const address = storage.first + at + index;
      const kind = kinds[index] as MediumKind;
      placed.push({ address, barcode, kind, source: undefined, imported: false });
    }
    if (placed.length % (20 * TOGETHER) === 0) {
      tell(`${placed.length} of ${barcodes.length} cartridges`);
    }
  }
  await libraryFolder(folder).save(placed);
  const serial = library.serial ?? randomBytes(5).toString("hex").toUpperCase();
  await writeLibrary(folder, {
    ...library,
    serial,
    drives: Array.from({ length: drives }, (_, index) => ({
      personality,
      serial: `${serial.slice(0, 8)}${(index + 1).toString(16).toUpperCase().padStart(2, "0")}`,
    })),
  });
}

/** Makes a blank cartridge, outside of the library. */
export async function newCartridge(
  folder: string,
  barcode: string,
  settings: CartridgeSettings,
): Promise<MediumKind> {
  const kind = settings.kind ?? (barcode.startsWith("CLN") ? "cleaning" : "data");
  const density = densityOf(settings.density);
  const mediumTypes = { data: density.mediumType, worm: density.wormMediumType, cleaning: 1 };
  await createCartridge(cartridgeFolder(folder, barcode), {
    barcode,
    kind,
    densityCode: kind === "cleaning" ? 0 : density.code,
    mediumType: mediumTypes[kind],
    capacityBytes: settings.capacityBytes ?? density.capacityMegabytes * 1e6,
  });
  return kind;
}
