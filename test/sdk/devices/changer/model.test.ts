/** Random moves and exchanges against a map of addresses, and what is saved after each. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { libraryFolder, Library } from "../../../../src/sdk/index.ts";
import { LAYOUT, PLACED, removeScratchFolders, rig, word } from "./rig.ts";

removeScratchFolders();

const PLACES = [0x10, 0x11, 0x100, 0x101, 0x1000, 0x1001, 0x1002, 0x1003, 0x1004];
const EMPTY = "5/3B/0E";
const FULL = "5/3B/0D";

type Contents = Map<number, string>;

function moveIn(model: Contents, from: number, to: number): string {
  const barcode = model.get(from);
  if (barcode === undefined) return EMPTY;
  if (model.has(to)) return FULL;
  model.delete(from);
  model.set(to, barcode);
  return "GOOD";
}

function exchangeIn(model: Contents, from: number, first: number, second: number): string {
  const [moved, displaced] = [model.get(from), model.get(first)];
  if (moved === undefined || displaced === undefined) return EMPTY;
  if (first === from || first === second) return FULL;
  if (second !== from && model.has(second)) return FULL;
  model.delete(from);
  model.set(first, moved);
  model.set(second, displaced);
  return "GOOD";
}

const place = fc.constantFrom(...PLACES);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(place, place) },
  { weight: 1, arbitrary: fc.tuple(place, place, place) },
);

test("every cartridge is where a map says it is, in the drives too", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const bench = await rig();
      const model: Contents = new Map(PLACED.map(({ address, barcode }) => [address, barcode]));
      for (const [from, first, second] of steps) {
        const outcome =
          second === undefined
            ? moveIn(model, from, first)
            : exchangeIn(model, from, first, second);
        const cdb =
          second === undefined
            ? `a5 00 0000 ${word(from)} ${word(first)} 0000 00 00`
            : `a6 00 0000 ${word(from)} ${word(first)} ${word(second)} 00 00`;
        expect([cdb, await bench.do(cdb)]).toEqual([cdb, outcome]);
        const expected = PLACES.filter((address) => model.has(address));
        const text = expected.map((address) => `${word(address)}=${model.get(address)}`);
        expect(bench.saved()).toBe(text.join(" "));
        const inDrives = bench.drives.map(({ cartridge }) => cartridge?.description.barcode);
        expect(inDrives).toEqual([model.get(0x100), model.get(0x101)]);
      }
      // As after a kill: what the folder says, another library reads.
      const again = new Library({ layout: LAYOUT, store: libraryFolder(bench.folder) });
      const found = again.elements.filter(({ medium }) => medium !== undefined);
      expect(found.map(({ address, medium }) => [address, medium?.barcode])).toEqual(
        [...model].sort(([a], [b]) => a - b),
      );
    }),
    { numRuns: 20 },
  );
}, 120_000);

test.each([
  ["no JSON", "{"],
  ["another format", '{"format":"x","version":1,"cartridges":[]}'],
  ["an unknown version", '{"format":"scst-user inventory","version":2,"cartridges":[]}'],
  ["no element's address", entries({ address: 5 })],
  ["an address too high", entries({ address: 65_536 })],
  ["a path for a barcode", entries({ barcode: "../../x" })],
  ["two in one place", entries({}, { barcode: "B" })],
  ["one in two places", entries({}, { address: 0x1001 })],
  ["an unknown kind", entries({ kind: "disk" })],
])("an inventory with %s is refused", async (_name, text) => {
  const bench = await rig();
  const { writeFileSync } = await import("node:fs");
  writeFileSync(`${bench.folder}/inventory.json`, text);
  const store = libraryFolder(bench.folder);
  const open = () => new Library({ layout: LAYOUT, store });
  expect(open).toThrow(expect.objectContaining({ code: "LIBRARY_INVENTORY" }));
});

function entries(...changes: readonly object[]): string {
  const one = { address: 0x1000, barcode: "A", kind: "data", imported: false };
  const cartridges = changes.map((change) => Object.assign({}, one, change));
  return JSON.stringify({ format: "scst-user inventory", version: 1, cartridges });
}
