import { UsageError } from "scst-user";

import type { AdminRequest } from "./admin-options.ts";
import type { CartridgeSettings } from "./create.ts";
import type { Listing, OperatedLibrary } from "./library.ts";

/** What an operator gets: a listing, or a line to read. */
export type AdminAnswer = Listing | string;

/** Does what an operator asks. */
export async function administer(
  operated: OperatedLibrary,
  request: AdminRequest,
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
    default: {
      // What came over the socket may be anything.
      const { command } = request as { readonly command?: unknown };
      throw new UsageError("COMMAND", `${String(command)}: there is no such command`);
    }
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
