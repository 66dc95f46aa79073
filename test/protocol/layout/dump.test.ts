import { expect, test } from "vitest";
import {
  ascii,
  bits,
  byte,
  bytes,
  cString,
  flag,
  handle,
  nest,
  struct,
  u8,
  u32,
  uint,
  union,
  wire,
} from "../../../src/protocol/layout/index.ts";

test("a struct: offset, name, value a line, nested ones indented", () => {
  const Inner = struct("inner", { id: handle, cdb: bytes(3) });
  const layout = struct("scst_example", {
    count: u32,
    name: cString(6),
    ...union({ flags: u8 }, { inner: nest(Inner) }),
  });
  const view = layout.view(new Uint8Array(64), 8);
  layout.write(view, {
    count: 300,
    name: "disk1",
    inner: { id: 0xabcn, cdb: Uint8Array.of(1, 2) },
  });
  expect(String(view)).toMatchInlineSnapshot(`
    "scst_example at 8, 32 bytes
      0         count                        300 (0x12c)
      4         name                         "disk1"
      16        flags                        188 (0xbc)
      16        inner
        16        id                           0xabc
        24        cdb                          010200"
  `);
});

test("a table of a standard: bits where a field is less than a byte", () => {
  const layout = wire("READ (10)", {
    operationCode: byte(0),
    protect: bits(1, 7, 5),
    fua: flag(1, 3),
    lba: uint(2, 5),
    text: ascii(6, 9),
  });
  const view = layout.view();
  layout.write(view, { operationCode: 0x28, protect: 5, fua: true, lba: 4096, text: "AB" });
  expect(view.toString()).toMatchInlineSnapshot(`
    "READ (10) at 0, 10 bytes
      0         operationCode                40 (0x28)
      1 :7-5    protect                      5
      1 :3      fua                          true
      2         lba                          4096 (0x1000)
      6         text                         "AB""
  `);
});
