/** What the compiler makes of a declaration: checked by `tsc`, which reads the tests too. */
import { expect, expectTypeOf, test } from "vitest";
import {
  ascii,
  bytes,
  cString,
  flag,
  handle,
  nest,
  opaque64,
  struct,
  u8,
  u64,
  uint,
  union,
  type ValuesOf,
  View,
  wire,
} from "../../../src/protocol/layout/index.ts";

const Inner = struct("inner", { value: u64, name: cString(4) });
const layout = struct("s", {
  count: u8,
  id: handle,
  part: bytes(4),
  inner: nest(Inner),
  ...union({ a: u8 }, { b: u64, c: handle }),
});

test("a view has the fields by name and type", () => {
  const view = struct("s", { count: u8, id: handle, part: bytes(4), inner: nest(Inner) }).view();
  expectTypeOf(view).toExtend<View>();
  expectTypeOf(view.count).toEqualTypeOf<number>();
  expectTypeOf(view.id).toEqualTypeOf<bigint>();
  expectTypeOf(view.part).toEqualTypeOf<Uint8Array>();
  expectTypeOf(view.inner.value).toEqualTypeOf<number>();
  expectTypeOf(view.inner.name).toEqualTypeOf<string>();
});

test("a handle has halves, other fields have not", () => {
  const view = layout.view();
  expectTypeOf(view).toHaveProperty("idLow");
  expectTypeOf(view.idHigh).toEqualTypeOf<number>();
  expectTypeOf(view).not.toHaveProperty("countLow");
});

test("all alternatives of a union are there", () => {
  const view = layout.view();
  expectTypeOf(view.a).toEqualTypeOf<number>();
  expectTypeOf(view.b).toEqualTypeOf<number>();
  expectTypeOf(view.c).toEqualTypeOf<bigint>();
});

test("fields of a table", () => {
  const view = wire("t", {
    fua: flag(0, 3),
    lba: uint(1, 4),
    key: opaque64(5),
    text: ascii(13, 16),
  }).view();
  expectTypeOf(view.fua).toEqualTypeOf<boolean>();
  expectTypeOf(view.lba).toEqualTypeOf<number>();
  expectTypeOf(view.key).toEqualTypeOf<bigint>();
  expectTypeOf(view.text).toEqualTypeOf<string>();
});

test("values for encode: every field optional, nested ones by their own values", () => {
  expectTypeOf(layout.encode)
    .parameter(0)
    .toExtend<{ readonly count?: number; readonly inner?: ValuesOf<{ value: typeof u64 }> }>();
  // @ts-expect-error -- a handle is a bigint
  expect(() => layout.encode({ id: 1 })).toThrow(TypeError);
  // @ts-expect-error -- there is no such field
  expect(layout.encode({ nothing: 1 })).toEqual(new Uint8Array(layout.size));
});
