import { join } from "node:path";

import { UsageError } from "../../protocol/errors.ts";
import type { LibraryStore, Placed } from "../devices/changer/library.ts";
import { openCartridge } from "./cartridge/cartridge-folder.ts";
import { folderStateStore } from "./folder-state-store.ts";

const INVENTORY = "inventory.json";
const FORMAT = "scst-user inventory";
const VERSION = 1;
/** A barcode names a folder, and goes into a volume tag of 32 characters. */
const BARCODE = /^[A-Z0-9][A-Z0-9_-]{0,31}$/;
const ADDRESS_MAX = 0xffff;

/**
 * A library's state in a folder: `inventory.json` says which cartridge stands where, and
 * `cartridges/BARCODE` is each cartridge's folder. Cartridges that the inventory does not name are
 * outside of the library.
 *
 * @throws UsageError LIBRARY_INVENTORY, of `load`
 */
export function libraryFolder(folder: string): LibraryStore {
  const files = folderStateStore(folder);
  return {
    load() {
      const bytes = files.load(INVENTORY);
      return bytes === undefined ? undefined : decode(bytes, join(folder, INVENTORY));
    },
    save: (placed) => files.save(INVENTORY, encode(placed)),
    open: (barcode) => openCartridge(cartridgeFolder(folder, barcode)),
  };
}

/**
 * Where a library keeps a cartridge.
 *
 * @throws UsageError BARCODE: it is none
 */
export function cartridgeFolder(folder: string, barcode: string): string {
  if (BARCODE.test(barcode)) return join(folder, "cartridges", barcode);
  throw new UsageError(
    "BARCODE",
    `"${barcode}": a barcode has 1 to 32 characters, A to Z, 0 to 9, - and _`,
  );
}

/** A line for each cartridge, so that people, and diff, can read it. */
function encode(placed: readonly Placed[]): Uint8Array {
  const lines = placed.map((one) => `    ${JSON.stringify(one)}`).join(",\n");
  const list = lines === "" ? "[]" : `[\n${lines}\n  ]`;
  const head = `  "format": "${FORMAT}",\n  "version": ${VERSION},\n`;
  return Buffer.from(`{\n${head}  "cartridges": ${list}\n}\n`);
}

function decode(bytes: Uint8Array, path: string): Placed[] {
  const bad = (what: string, cause?: unknown) =>
    new UsageError("LIBRARY_INVENTORY", `${path}: ${what}`, { cause });
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw bad("it is no JSON", cause);
  }
  const cartridges = json["cartridges"];
  if (json["format"] !== FORMAT || json["version"] !== VERSION || !Array.isArray(cartridges)) {
    throw bad(`it must be an "${FORMAT}" of version ${VERSION}`);
  }
  return cartridges.map((value: unknown, index) => {
    const one = (value ?? {}) as Partial<Placed>;
    const { address, barcode, kind, source, imported } = one;
    const rightKind = kind === "data" || kind === "worm" || kind === "cleaning";
    const rightSource = source === undefined || isAddress(source);
    const named = typeof barcode === "string" && BARCODE.test(barcode);
    if (!isAddress(address) || !named || !rightKind || !rightSource) {
      throw bad(`cartridge ${index}: ${JSON.stringify(value)} is none`);
    }
    return { address, barcode, kind, source, imported: imported === true };
  });
}

function isAddress(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= ADDRESS_MAX;
}
