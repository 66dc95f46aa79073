import { describe, expect, test } from "vitest";
import {
  ascii,
  bits,
  byte,
  flag,
  octets,
  opaque64,
  uint,
  wire,
} from "../../../src/protocol/layout/index.ts";
import { hex, toHex } from "../../support/hex.ts";

describe("a table of a standard", () => {
  test("is as long as its last field", () => {
    expect(wire("t", { code: byte(0), length: uint(7, 8) }).size).toBe(9);
  });

  test("or as long as it says", () => {
    expect(wire("t", { code: byte(0) }, 6).size).toBe(6);
  });

  test("but not shorter than its fields", () => {
    expect(() => wire("t", { length: uint(7, 8) }, 8)).toThrow(
      "t is declared 8 bytes long and has fields to byte 9",
    );
  });
});

describe("big-endian numbers", () => {
  test.each([
    [1, 0xff, "ff"],
    [2, 0x0102, "0102"],
    [3, 0x01_0203, "010203"],
    [3, 0xff_ffff, "ffffff"],
    [4, 0xffff_fffe, "fffffffe"],
    [5, 0x01_0203_0405, "0102030405"],
    [6, 0xffff_ffff_ffff, "ffffffffffff"],
    [7, Number.MAX_SAFE_INTEGER, "1fffffffffffff"],
    [8, Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
    [8, 0x0102_0304_0506, "0000010203040506"],
  ])("%i bytes: %i", (size, value, text) => {
    const layout = wire("t", { value: uint(1, size) });
    const view = layout.view(new Uint8Array(size + 2), 0);
    view.value = value;
    expect(toHex(view.bytes)).toBe(`00${text}00`);
    expect(view.value).toBe(value);
  });

  test("above 2^53 the nearest double", () => {
    const view = wire("t", { lba: uint(0, 7) }).view(hex("ffffffffffffffff"));
    expect(view.lba).toBe(2 ** 64);
  });

  test.each([
    [4, 3],
    [0, 8],
  ])("bytes %i to %i are refused", (first, last) => {
    expect(() => uint(first, last)).toThrow("a number has one to eight bytes");
  });

  test("an opaque number is a bigint, whole", () => {
    const view = wire("t", { key: opaque64(1) }).view(hex("00 fedcba9876543210"));
    expect(view.key).toBe(0xfedc_ba98_7654_3210n);
    view.key = 1n;
    expect(toHex(view.bytes)).toBe("000000000000000001");
  });
});

describe("bits", () => {
  test.each([
    [7, 5, 0b1010_0000, 0b101],
    [4, 0, 0b1111_0101, 0b10101],
    [7, 0, 0xa5, 0xa5],
    [3, 3, 0b0000_1000, 1],
  ])("%i to %i", (high, low, whole, value) => {
    const view = wire("t", { value: bits(0, high, low) }).view(Uint8Array.of(whole));
    expect(view.value).toBe(value);
  });

  test("writing leaves the others alone, and cuts what does not fit", () => {
    const view = wire("t", { value: bits(0, 5, 2) }).view(Uint8Array.of(0xff));
    view.value = 0;
    expect(view.bytes[0]).toBe(0b1100_0011);
    view.value = 0xff;
    expect(view.bytes[0]).toBe(0xff);
  });

  test("a flag is a boolean", () => {
    const view = wire("t", { fua: flag(0, 3), dpo: flag(0, 4) }).view(Uint8Array.of(0x08));
    expect([view.fua, view.dpo]).toEqual([true, false]);
    view.dpo = true;
    view.fua = false;
    expect(view.bytes[0]).toBe(0x10);
  });

  test.each([
    [2, 3],
    [8, 0],
    [1, -1],
  ])("%i to %i are refused", (high, low) => {
    expect(() => bits(0, high, low)).toThrow("7 \u2265 high \u2265 low \u2265 0 must hold");
  });
});

describe("text", () => {
  const layout = wire("t", { before: byte(0), vendor: ascii(1, 4), after: byte(5) });

  test.each([
    ["padded with spaces", "AB", "41422020", "AB"],
    ["full", "ABCD", "41424344", "ABCD"],
    ["cut", "ABCDEF", "41424344", "ABCD"],
    ["spaces inside stay", "A B", "41204220", "A B"],
    ["spaces before stay", " A", "20412020", " A"],
  ])("%s", (_title, written, text, read) => {
    const view = layout.view();
    view.vendor = written;
    expect(toHex(view.bytes)).toBe(`00${text}00`);
    expect(view.vendor).toBe(read);
  });

  test("only spaces are padding", () => {
    expect(layout.view(hex("00 4142 0020 00")).vendor).toBe("AB\0");
  });
});

describe("octets", () => {
  const layout = wire("t", { part: octets(1, 3) }, 5);

  test("read as a live part, written by copy", () => {
    const view = layout.view(hex("0102030405"));
    expect(toHex(view.part)).toBe("020304");
    view.part = hex("ff");
    expect(toHex(view.bytes)).toBe("01ff000005");
  });
});
