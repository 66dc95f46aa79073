/** Every layout encodes and decodes to itself, whatever the values. */
import fc from "fast-check";
import { describe, test } from "vitest";
import {
  ascii,
  bits,
  byte,
  bytes,
  cString,
  type Field,
  flag,
  handle,
  type Layout,
  nest,
  octets,
  opaque64,
  s16,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
  uint,
  wire,
} from "../../../src/protocol/layout/index.ts";
import { toHex } from "../../support/hex.ts";

const exact = { min: 0, max: Number.MAX_SAFE_INTEGER };
const latin1 = (length: number) =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { maxLength: length })
    .map((codes) => String.fromCharCode(...codes));
const octet = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** The values that a kind of field takes. */
const STRUCT_FIELDS: readonly [string, Field, fc.Arbitrary<unknown>][] = [
  ["u8", u8, fc.integer({ min: 0, max: 0xff })],
  ["u16", u16, fc.integer({ min: 0, max: 0xffff })],
  ["s16", s16, fc.integer({ min: -0x8000, max: 0x7fff })],
  ["u32", u32, fc.integer({ min: 0, max: 0xffff_ffff })],
  ["s32", s32, fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })],
  ["u64", u64, fc.integer(exact)],
  ["s64", s64, fc.maxSafeInteger()],
  ["handle", handle, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  ["cString", cString(9), latin1(8)],
  ["bytes", bytes(5), octet(5)],
];

const WIRE_VALUES = fc.record({
  operationCode: fc.integer({ min: 0, max: 255 }),
  protect: fc.integer({ min: 0, max: 7 }),
  dpo: fc.boolean(),
  fua: fc.boolean(),
  group: fc.integer({ min: 0, max: 3 }),
  short: fc.integer({ min: 0, max: 0xffff }),
  three: fc.integer({ min: 0, max: 0xff_ffff }),
  four: fc.integer({ min: 0, max: 0xffff_ffff }),
  five: fc.integer({ min: 0, max: 0xff_ffff_ffff }),
  six: fc.integer({ min: 0, max: 0xffff_ffff_ffff }),
  eight: fc.integer(exact),
  key: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  text: latin1(6).map((value) => value.trimEnd()),
  part: octet(3),
});

const WIRE = wire("table", {
  operationCode: byte(0),
  protect: bits(1, 7, 5),
  dpo: flag(1, 4),
  fua: flag(1, 3),
  group: bits(1, 2, 1),
  short: uint(2, 3),
  three: uint(4, 6),
  four: uint(7, 10),
  five: uint(11, 15),
  six: uint(16, 21),
  eight: uint(22, 29),
  key: opaque64(30),
  text: ascii(38, 43),
  part: octets(44, 46),
});

type Values = Record<string, unknown>;

/** The fields of a view that `values` names, as plain values. */
function read(view: unknown, values: Values): Values {
  const fields = view as Values;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      isPlain(value) ? read(fields[name], value) : comparable(fields[name]),
    ]),
  );
}

function isPlain(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

function comparable(value: unknown): unknown {
  return value instanceof Uint8Array ? toHex(value) : value;
}

function same(layout: Layout, values: Values): boolean {
  const back = read(layout.view(layout.encode(values)), values);
  const wanted = read(values, values);
  return text(back) === text(wanted);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "bigint" ? `${item}n` : item,
  );
}

describe("what is written is read", () => {
  test("structs of any fields in any order", () => {
    const aField = fc.integer({ min: 0, max: STRUCT_FIELDS.length - 1 });
    const declared = fc.array(aField, { minLength: 1, maxLength: 12 }).chain((kinds) => {
      const fields: Record<string, Field> = {};
      const values: Record<string, fc.Arbitrary<unknown>> = {};
      for (const [index, kind] of kinds.entries()) {
        const [name, field, value] = STRUCT_FIELDS[kind] as (typeof STRUCT_FIELDS)[number];
        fields[`${name}${index}`] = field;
        values[`${name}${index}`] = value;
      }
      return fc.record({ layout: fc.constant(struct("s", fields)), values: fc.record(values) });
    });
    fc.assert(fc.property(declared, ({ layout, values }) => same(layout, values)));
  });

  test("structs in structs, anywhere in a buffer", () => {
    const Inner = struct("inner", { a: u16, b: s64, c: bytes(3) });
    const Outer = struct("outer", { head: u8, one: nest(Inner), two: nest(Inner) });
    const inner = fc.record({
      a: fc.integer({ min: 0, max: 0xffff }),
      b: fc.maxSafeInteger(),
      c: octet(3),
    });
    fc.assert(
      fc.property(
        fc.record({ head: fc.integer({ min: 0, max: 255 }), one: inner, two: inner }),
        fc.nat(100),
        fc.nat(100),
        (values, before, elsewhere) => {
          const memory = new Uint8Array(Outer.size + 200).fill(0xee);
          const view = Outer.view(memory, elsewhere);
          view.at(before);
          Outer.write(view, values);
          const kept = memory.subarray(0, before).every((value) => value === 0xee);
          return kept && text(read(view, values)) === text(read(values, values));
        },
      ),
    );
  });

  test("tables of a standard", () => {
    fc.assert(fc.property(WIRE_VALUES, (values) => same(WIRE, values)));
  });
});

test("any bytes decode, and encode to the same where fields are", () => {
  const layout = struct("s", { a: u32, b: handle, c: s64, d: bytes(8), e: s32, f: u32 });
  fc.assert(
    fc.property(octet(layout.size), (memory) => {
      // An s64 is exact up to 2^53 only: its upper bits are the sign's.
      memory.fill((memory[17] as number) & 0x80 ? 0xff : 0, 22, 24);
      memory[21] = (memory[21] as number) & 0x0f;
      const view = layout.view(memory);
      const names = layout.fields.map(({ name }) => [name, undefined]);
      const values = Object.fromEntries(names) as Values;
      for (const { name } of layout.fields) values[name] = (view as unknown as Values)[name];
      const encoded = layout.encode(values);
      return [0, 8, 16, 24, 32, 36].every(
        (at) => toHex(encoded.subarray(at, at + 4)) === toHex(memory.subarray(at, at + 4)),
      );
    }),
  );
});

test("a view never reads or writes outside of its bytes", () => {
  fc.assert(
    fc.property(fc.nat(80), fc.integer({ min: -10, max: 90 }), WIRE_VALUES, (room, at, values) => {
      const memory = new Uint8Array(room + 32).fill(0xaa);
      const bytesInside = memory.subarray(16, 16 + room);
      try {
        WIRE.write(WIRE.view(bytesInside, at), values);
      } catch (error) {
        if ((error as { code?: unknown }).code !== "LAYOUT") throw error;
      }
      const outside = [...memory.subarray(0, 16), ...memory.subarray(16 + room)];
      return outside.every((value) => value === 0xaa);
    }),
  );
});
