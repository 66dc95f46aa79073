import { describe, expect, test } from "vitest";

import { parseOptions } from "../../../examples/vtl/options.ts";
import { barcodesOf } from "../../../examples/vtl/rules.ts";

describe("the command line", () => {
  test("create: a model with its own sizes, and others", () => {
    expect(parseOptions(["create", "some/My Library"])).toMatchObject({
      kind: "create",
      folder: "some/My Library",
      library: {
        library: {
          name: "my-library",
          iqn: "iqn.2026-11.io.scst-user:my-library",
          vendor: "IBM",
          product: "3573-TL",
          slots: 45,
          mailSlots: 3,
        },
        drives: 2,
        personality: "lto8",
        barcodes: [],
        cartridges: { density: "lto8", capacityBytes: undefined, kind: undefined },
      },
    });
    const words =
      "create d --library large --drives 3 --slots 7 --mail-slots 0 --personality lto-6";
    const more = "--barcodes A01L6..A03L6,CLN1 --capacity 10G --density lto5 --serial 0007";
    expect(parseOptions(`${words} ${more}`.split(" "))).toMatchObject({
      library: {
        library: { product: "LIBRARY", slots: 7, mailSlots: 0, serial: "0007" },
        drives: 3,
        personality: "lto6",
        barcodes: ["A01L6", "A02L6", "A03L6", "CLN1"],
        cartridges: { density: "lto5", capacityBytes: 10 * 1024 ** 3 },
      },
    });
  });

  test.each([
    ["", /a command is missing/],
    ["frob d", /frob: there is no such command; there are create, serve, list/],
    ["create", /FOLDER is missing/],
    ["create a b", /b: one FOLDER is due/],
    ["create d --library huge", /--library huge: it must be one of autoloader, 3573-tl, large/],
    ["create d --drives 256", /--drives 256: it must be a whole number from 0 to 255/],
    ["create d --drives x", /--drives x: it must be a whole number/],
    ["create d --slots 0", /--slots 0/],
    ["create d --mail-slots 241", /--mail-slots 241/],
    ["create d --personality lto4", /lto4: there is no such model of drive; there are lto5/],
    ["create d --capacity 1K", /--capacity 1K: it must be a size/],
    ["create d --kind disk", /--kind disk: it must be one of data, worm, cleaning/],
    ["create d --barcodes a", /--barcodes a: barcodes have/],
    ["create d --naa 12", /--naa 12: it must be 16 or 32 hexadecimal digits/],
    ["create d --vendor TOOLONGNAME", /--vendor/],
    ["create d --iqn disk", /--iqn disk: it must be an iSCSI name/],
    ["create d --frob", /'--frob'/],
    ["serve", /FOLDER is missing/],
    ["serve d --iscsi x", /--iscsi x: it must be HOST:PORT/],
    ["serve d --kernel --iscsi :0", /--iscsi: it can't be with --kernel or --export/],
    ["serve d --export scst_local --chap u:f", /--chap: it can't be with --kernel/],
    ["serve d --export a/", /"a\/": it must be DRIVER/],
    ["load d", /usage: vtl load FOLDER BARCODE\|PLACE \[drive:N\]/],
    ["move d slot:1", /usage: vtl move FOLDER/],
    ["list", /usage: vtl list FOLDER$/],
    ["list d --kind data", /'--kind'/],
  ])("%s", (line, message) => {
    const words = line === "" ? [] : line.split(" ");
    expect(() => parseOptions(words)).toThrow(message);
  });

  test.each([
    ["serve d", { iscsi: { address: { host: "127.0.0.1", port: 3260 } } }],
    ["serve d --iscsi :7", { iscsi: { address: { host: "0.0.0.0", port: 7 } } }],
    ["serve d --kernel", { iscsi: undefined, kernel: { place: undefined } }],
    [
      "serve d --export scst_local/t:3",
      { kernel: { place: { driver: "scst_local", target: "t", lun: 3 } } },
    ],
  ])("%s", (line, options) => {
    expect(parseOptions(line.split(" "))).toMatchObject({
      kind: "serve",
      options: { folder: "d", ...options },
    });
  });

  test.each([
    ["list d --all", { command: "list", all: true, json: false }],
    ["load d VTL001L8", { command: "load", from: "VTL001L8" }],
    ["load d slot:1 drive:2", { command: "load", from: "slot:1", drive: "drive:2" }],
    ["unload d drive:1 slot:9", { command: "unload", drive: "drive:1", place: "slot:9" }],
    ["move d slot:1 mail:1", { command: "move", from: "slot:1", to: "mail:1" }],
    ["import d A", { command: "import", barcode: "A" }],
    ["export d mail:1", { command: "export", place: "mail:1" }],
    ["protect d A", { command: "protect", barcode: "A" }],
    ["add-cartridge d A,B", { command: "add-cartridge", barcodes: ["A", "B"] }],
  ])("%s", (line, request) => {
    const parsed = parseOptions(line.split(" "));
    expect(parsed).toMatchObject({ kind: "admin", folder: "d", request });
  });
});

describe("barcodes", () => {
  test.each([
    ["A", ["A"]],
    ["A,B", ["A", "B"]],
    ["VTL009L8..VTL011L8", ["VTL009L8", "VTL010L8", "VTL011L8"]],
    ["000001..000002", ["000001", "000002"]],
    ["A1L8..A1L8", ["A1L8"]],
  ])("%s", (word, barcodes) => {
    expect(barcodesOf("here", word)).toEqual(barcodes);
  });

  test.each([
    ["A..B", /a range counts up/],
    ["A2L8..A1L8", /a range counts up/],
    ["A1L8..A2L7", /a range counts up/],
    ["A1L8..B2L8", /a range counts up/],
    ["A9L8..A10L8", /a range counts up/],
    ["A1..A2..A3", /barcodes have/],
    ["../x", /barcodes have/],
    ["A,A", /A is there twice/],
    ["A00001L8..A99999L8", /99999 are more than/],
  ])("%s is refused", (word, message) => {
    expect(() => barcodesOf("here", word)).toThrow(message);
  });
});
