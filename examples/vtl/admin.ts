import { type Cartridge, type Progress, UsageError } from "scst-user";

import type { AdminRequest, CartridgeRequest } from "./admin-options.ts";
import {
  dumpCartridge,
  eraseCartridge,
  restoreCartridge,
  verifyCartridge,
} from "./cartridge-work.ts";
import type { CartridgeSettings } from "./create.ts";
import type { Listing, OperatedLibrary } from "./library.ts";

/** What an operator gets: a listing, or a line to read. */
export type AdminAnswer = Listing | string;

/** Does what an operator asks; `progress` hears of what takes long. */
export async function administer(
  operated: OperatedLibrary,
  request: AdminRequest,
  progress: Progress = () => undefined,
): Promise<AdminAnswer> {
  switch (request.command) {
    case "list":
      return operated.list(request.all);
    case "add-cartridge": {
      const settings = settingsFor(operated, request.cartridges);
      return (await operated.add(request.barcodes, settings)).join("\n");
    }
    case "import":
      return `${request.barcode} ${await operated.import(request.barcode, request.place)}`;
    case "export":
      return `${await operated.export(request.place)} shelf`;
    case "move":
      await operated.move(request.from, request.to);
      return `${request.from} ${request.to}`;
    case "load":
      return `${request.from} ${await operated.load(request.from, request.drive)}`;
    case "unload":
      return `${request.drive} ${await operated.unload(request.drive, request.place)}`;
    case "protect":
    case "unprotect":
      await operated.protect(request.barcode, request.command === "protect");
      return `${request.barcode} ${request.command}ed`;
    case "verify":
    case "erase":
    case "dump":
    case "restore": {
      const { barcode } = request;
      const work = (cartridge: Cartridge) => workOn(cartridge, request, progress);
      return `${barcode} ${await operated.work(barcode, work)}`;
    }
    default: {
      // What came over the socket may be anything.
      const { command } = request as { readonly command?: unknown };
      throw new UsageError("COMMAND", `${String(command)}: there is no such command`);
    }
  }
}

function workOn(
  cartridge: Cartridge,
  request: CartridgeRequest,
  progress: Progress,
): Promise<string> {
  switch (request.command) {
    case "verify":
      return verifyCartridge(cartridge, progress);
    case "erase":
      return eraseCartridge(cartridge);
    case "dump":
      return dumpCartridge(cartridge, request.image, progress);
    case "restore":
      return restoreCartridge(cartridge, request.image);
  }
}

function settingsFor(
  { description }: OperatedLibrary,
  given: CartridgeSettings | undefined,
): CartridgeSettings {
  const model = description.drives[0]?.personality ?? "generic";
  const { kind, density = "", capacityBytes } = given ?? {};
  return { kind, density: density === "" ? model : density, capacityBytes };
}
