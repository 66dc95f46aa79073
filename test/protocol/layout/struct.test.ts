import { describe, expect, test } from "vitest";
import {
  address,
  bytes,
  cString,
  type Field,
  handle,
  nest,
  s16,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from "../../../src/protocol/layout/index.ts";
import { hex, toHex } from "../../support/hex.ts";

describe("C alignment", () => {
  const Inner = struct("inner", { a: u64, b: u8 });

  test.each([
    ["nothing but bytes", struct("s", { a: u8, b: u8, c: u8 }), [0, 1, 2], 3, 1],
    ["a byte before a word", struct("s", { a: u8, b: u32 }), [0, 4], 8, 4],
    ["padding at the end", struct("s", { a: u32, b: u8 }), [0, 4], 8, 4],
    [
      "an 8-aligned number after 4 bytes",
      struct("s", { a: u32, b: u64, c: u8 }),
      [0, 8, 16],
      24,
      8,
    ],
    ["halves of a word", struct("s", { a: u8, b: u16, c: u8, d: s16 }), [0, 2, 4, 6], 8, 2],
    ["byte arrays need no alignment", struct("s", { a: u8, b: bytes(3), c: u32 }), [0, 1, 4], 8, 4],
    ["strings neither", struct("s", { a: u32, b: cString(5), c: u16 }), [0, 4, 10], 12, 4],
    ["a struct in a struct", struct("s", { a: u8, b: nest(Inner), c: u8 }), [0, 8, 24], 32, 8],
    [
      "a union is as strict as its strictest and as long as its longest",
      struct("s", { a: u8, ...union({ b: u8 }, { c: u64 }, { d: bytes(9) }), e: u8 }),
      [0, 8, 8, 8, 24],
      32,
      8,
    ],
    [
      "an alternative of several fields is a struct",
      struct("s", { a: u32, ...union({ b: u8, c: u32 }, { d: u16 }), e: u8 }),
      [0, 4, 8, 4, 12],
      16,
      4,
    ],
    [
      "two unions one after the other are two",
      struct("s", { ...union({ a: u32 }, { b: u8 }), ...union({ c: u32 }, { d: u8 }) }),
      [0, 0, 4, 4],
      8,
      4,
    ],
    [
      "a union in a union",
      struct("s", { ...union({ a: u8, ...union({ b: u32 }, { c: u16 }) }, { d: u64 }) }),
      [0, 4, 4, 0],
      8,
      8,
    ],
  ])("%s", (_title, layout, offsets, size, align) => {
    expect(layout.fields.map(({ offset }) => offset)).toEqual(offsets);
    expect({ size: layout.size, align: layout.align }).toEqual({ size, align });
  });

  test("two alternatives with the same name are refused", () => {
    expect(() => union({ a: u8 }, { a: u16 })).toThrow("two alternatives of a union have a a");
  });
});

test.each(["bytes", "data", "offset", "at", "toString"])("%s is no name for a field", (name) => {
  expect(() => struct("s", { [name]: u8 })).toThrow(`s: ${name} is no name for a field`);
});

describe("numbers in native order", () => {
  const edges: readonly [string, Field<number, false>, number, string][] = [
    ["u8", u8, 255, "ff"],
    ["u16", u16, 0x1234, "3412"],
    ["s16", s16, -2, "feff"],
    ["u32", u32, 0xfffffffe, "feffffff"],
    ["s32", s32, -2, "feffffff"],
    ["u64 of 32 bits", u64, 0x1234_5678, "7856341200000000"],
    ["u64 above 32 bits", u64, 0x12_3456_789a, "9a78563412000000"],
    ["u64, the last exact one", u64, Number.MAX_SAFE_INTEGER, "ffffffffffff1f00"],
    ["s64, -1", s64, -1, "ffffffffffffffff"],
    ["s64, 0", s64, 0, "0000000000000000"],
    ["s64, -2^32", s64, -(2 ** 32), "00000000ffffffff"],
    ["s64, -2^32 - 1", s64, -(2 ** 32) - 1, "fffffffffeffffff"],
    ["s64, the last exact one", s64, Number.MAX_SAFE_INTEGER, "ffffffffffff1f00"],
    ["s64, the first exact one", s64, Number.MIN_SAFE_INTEGER, "010000000000e0ff"],
    ["address", address, 0x7fff_ffff_f000, "00f0ffffff7f0000"],
  ];

  test.each(edges)("%s", (_title, field, value, text) => {
    const layout = struct("s", { value: field });
    const view = layout.view();
    view.value = value;
    expect(toHex(view.bytes)).toBe(text);
    expect(layout.view(hex(text)).value).toBe(value);
  });
});

describe("handles", () => {
  const layout = struct("s", { pad: u32, h: handle });

  test("a bigint, and its halves as numbers", () => {
    const view = layout.view();
    view.h = 0xfedc_ba98_7654_3210n;
    expect([view.hLow, view.hHigh]).toEqual([0x7654_3210, 0xfedc_ba98]);
    expect(toHex(view.bytes)).toBe("00000000000000001032547698badcfe");
  });

  test("the halves write too", () => {
    const view = layout.view();
    view.hLow = 0xffff_ffff;
    view.hHigh = 1;
    expect(view.h).toBe(0x1_ffff_ffffn);
  });
});

describe("strings", () => {
  const layout = struct("s", { name: cString(4), after: u8 });

  test.each([
    ["short", "ab", "ab", "61620000"],
    ["as long as fits with its NUL", "abc", "abc", "61626300"],
    ["cut: the NUL is never lost", "abcdef", "abc", "61626300"],
    ["empty", "", "", "00000000"],
    ["Latin-1", "\u00e9", "\u00e9", "e9000000"],
  ])("%s", (_title, written, read, text) => {
    const view = layout.view(hex("ffffffff 77"));
    view.name = written;
    expect(view.name).toBe(read);
    expect(toHex(view.bytes)).toBe(`${text}77`);
  });

  test("without a NUL, the array ends it", () => {
    expect(layout.view(hex("61626364 00")).name).toBe("abcd");
  });

  test("what is behind the NUL does not count", () => {
    expect(layout.view(hex("61006364 00")).name).toBe("a");
  });
});

describe("byte arrays", () => {
  const layout = struct("s", { before: u8, part: bytes(3), after: u8 });

  test("reading gives a live part of the memory", () => {
    const view = layout.view(hex("0102030405"));
    view.part[1] = 0xff;
    expect(toHex(view.bytes)).toBe("0102ff0405");
    expect(view.part).toBe(view.part);
  });

  test.each([
    ["exact", "0a0b0c", "0a0b0c"],
    ["shorter: the rest is zero", "0a", "0a0000"],
    ["longer: cut", "0a0b0c0d0e", "0a0b0c"],
  ])("writing %s", (_title, value, part) => {
    const view = layout.view(hex("0102030405"));
    view.part = hex(value);
    expect(toHex(view.bytes)).toBe(`01${part}05`);
  });
});

describe("encode and write", () => {
  const Inner = struct("inner", { x: u16, y: u16 });
  const layout = struct("s", { a: u32, b: nest(Inner), c: cString(4) });

  test("absent values are zero", () => {
    expect(toHex(layout.encode({ a: 1, b: { y: 2 }, c: "z" }))).toBe("01000000000002007a000000");
  });

  test.each([
    ["longer", 14, "0100000000000000000000000000"],
    ["shorter", 5, "0100000000"],
  ])("%s than the struct", (_title, size, text) => {
    expect(toHex(layout.encode({ a: 1 }, size))).toBe(text);
  });

  test("write leaves what is not named as it is", () => {
    const view = layout.view(new Uint8Array(layout.size).fill(0xff));
    layout.write(view, { b: { x: 0 } });
    expect(toHex(view.bytes)).toBe("ffffffff0000ffffffffffff");
  });
});

describe("offsetOf", () => {
  const Inner = struct("inner", { x: u16, y: u16 });
  const layout = struct("outer", { a: u32, b: nest(Inner) });

  test.each([
    ["a", 0],
    ["b", 4],
    ["b.y", 6],
  ])("%s", (path, offset) => {
    expect(layout.offsetOf(path)).toBe(offset);
  });

  test.each([
    ["z", "outer has no field z"],
    ["b.z", "inner has no field z"],
    ["a.x", "outer.a is not a layout"],
  ])("%s is an error", (path, message) => {
    expect(() => layout.offsetOf(path)).toThrow(message);
  });
});
