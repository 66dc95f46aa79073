import { describe, expect, test } from "vitest";
import {
  bytes,
  io,
  ior,
  iow,
  iowr,
  nest,
  struct,
  u8,
  u16,
  u32,
  View,
} from "../../../src/protocol/layout/index.ts";
import { hex, toHex } from "../../support/hex.ts";

const Innermost = struct("innermost", { value: u16, tail: bytes(2) });
const Inner = struct("inner", { head: u32, innermost: nest(Innermost) });
const Outer = struct("outer", { a: u8, inner: nest(Inner), z: u8 });

describe("a view", () => {
  test("of nothing stands on new, zeroed bytes", () => {
    const view = Outer.view();
    expect(view.bytes).toEqual(new Uint8Array(Outer.size));
    expect(view.offset).toBe(0);
    expect(view).toBeInstanceOf(View);
  });

  test("of a part of a bigger buffer writes there", () => {
    const whole = new Uint8Array(8);
    const view = struct("s", { value: u16 }).view(whole.subarray(2), 1);
    view.value = 0x0102;
    expect(toHex(whole)).toBe("0000000201000000");
  });

  test.each([
    ["before the bytes", 16, -1],
    ["past the end", 16, 1],
    ["in fewer bytes than it has", 15, 0],
  ])("%s is refused", (_title, length, offset) => {
    expect(() => Outer.view(new Uint8Array(length), offset)).toThrow(
      `outer is 16 bytes long and does not fit at offset ${offset} of ${length} bytes`,
    );
  });

  test("at the very end is allowed", () => {
    expect(Outer.view(new Uint8Array(20), 4).a).toBe(0);
  });

  test("has the code of a usage error", () => {
    expect(() => Outer.view(new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: "LAYOUT", name: "UsageError" }),
    );
  });
});

describe("pointing a view elsewhere", () => {
  const first = hex("01000000 04000000 0200 aaaa 03 000000");
  const second = hex("ffff 11000000 44000000 2200 bbbb 33 000000");

  test("moves its fields, and those of nested views at every depth", () => {
    const view = Outer.view(first);
    const { inner } = view;
    const { innermost } = inner;
    expect([view.a, inner.head, innermost.value, view.z]).toEqual([1, 4, 2, 3]);
    expect(view.at(2, second)).toBe(view);
    expect([view.a, inner.head, innermost.value, view.z]).toEqual([0x11, 0x44, 0x22, 0x33]);
    expect([view.inner, view.inner.innermost]).toEqual([inner, innermost]);
  });

  test("makes byte arrays anew, in nested views too", () => {
    const view = Outer.view(first);
    const before = view.inner.innermost.tail;
    view.at(2, second);
    expect(toHex(view.inner.innermost.tail)).toBe("bbbb");
    expect(toHex(before)).toBe("aaaa");
  });

  test("without bytes stays in its own", () => {
    const view = struct("s", { value: u8 }).view(hex("0a0b0c"));
    expect([view.value, view.at(2).value, view.at(1).value]).toEqual([0x0a, 0x0c, 0x0b]);
  });

  test("back again finds what was written meanwhile", () => {
    const view = struct("s", { value: u32 }).view(new Uint8Array(8));
    view.value = 1;
    view.at(4).value = 2;
    expect([view.at(0).value, view.at(4).value]).toEqual([1, 2]);
  });

  test("a nested view that was never looked at moves as well", () => {
    const view = Outer.view(first);
    view.at(2, second);
    expect(view.inner.innermost.value).toBe(0x22);
  });
});

test("views of the same layout share their accessors, not their memory", () => {
  const a = Outer.view();
  const b = Outer.view();
  a.inner.head = 7;
  expect([a.inner.head, b.inner.head]).toEqual([7, 0]);
  expect(Object.getPrototypeOf(a)).toBe(Object.getPrototypeOf(b));
});

test("ioctl numbers are derived from the direction and the struct's size", () => {
  const S = struct("s", { a: bytes(0x123) });
  const numbers = [io("u", 2), iow("u", 2, S), ior("u", 2, S), iowr("u", 2, S)];
  expect(numbers).toEqual([0x7502, 0x4123_7502, 0x8123_7502, 0xc123_7502]);
});
