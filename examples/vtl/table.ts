import type { Listing } from "./library.ts";

/** `vtl list` for people. */
export function tableOf({ library, elements, shelf }: Listing): string {
  const { name, vendor, product, serial } = library;
  const rows = [
    ["place", "address", "cartridge", "kind", "from", ""],
    ...elements.map(({ place, address, barcode = "", kind = "", source = "", note = "" }) => {
      return [place, String(address), barcode, kind, source, note];
    }),
    ...shelf.map((barcode) => ["shelf", "", barcode, "", "", ""]),
  ];
  const widths = (rows[0] as string[]).map((_, column) =>
    rows.reduce((most, row) => Math.max(most, (row[column] as string).length), 0),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join("  ")
      .trimEnd(),
  );
  return [`${name}: ${vendor} ${product} ${serial}`, ...lines].join("\n");
}
