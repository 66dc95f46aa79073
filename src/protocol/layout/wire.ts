import { copyPadded, type Field, latin1, partOf } from "./field.ts";
import { UsageError } from "../errors.ts";
import { type Fields, Layout, type PlacedField } from "./layout.ts";
import type { View } from "./view.ts";

/** A field of a standard's table: it knows its own place. */
export interface WireField<Value = unknown, Halves extends boolean = boolean> extends Field<
  Value,
  Halves
> {
  /** The first byte, from 0, as the standard prints it. */
  readonly first: number;
}

export type WireFields = Readonly<Record<string, WireField>>;

/**
 * Declares a table of a standard: big-endian, bytes and bits numbered as the standard prints
 * them. The length is that of the last field unless `length` says more.
 *
 *     wire("READ (10)", { operationCode: byte(0), fua: flag(1, 3), transferLength: uint(7, 8) })
 */
export function wire<const F extends WireFields>(
  name: string,
  fields: F,
  length?: number,
): Layout<F & Fields> {
  const placed: PlacedField[] = Object.entries(fields).map(([field, kind]) => ({
    name: field,
    field: kind,
    offset: kind.first,
  }));
  const end = placed.reduce((last, { field, offset }) => Math.max(last, offset + field.size), 0);
  if (length !== undefined && length < end) {
    throw new UsageError(
      "LAYOUT",
      `${name} is declared ${length} bytes long and has fields to byte ${end}`,
    );
  }
  return new Layout<F & Fields>(name, length ?? end, 1, placed);
}

function numberField(
  first: number,
  size: number,
  type: string,
  get: (this: View) => number,
  set: (this: View, value: number) => void,
): WireField<number, false> {
  return {
    type,
    first,
    size,
    align: 1,
    define(prototype, name) {
      Object.defineProperty(prototype, name, { enumerable: true, get, set });
    },
  };
}

/** One whole byte. */
export function byte(at: number): WireField<number, false> {
  return numberField(
    at,
    1,
    "byte",
    function get() {
      return this.bytes[this.offset + at] as number;
    },
    function set(value) {
      this.bytes[this.offset + at] = value;
    },
  );
}

/** Bits `high` to `low` of byte `at`, as a number; 7 is the most significant bit. */
export function bits(at: number, high: number, low: number): WireField<number, false> {
  if (!(high >= low && high <= 7 && low >= 0)) {
    throw new UsageError(
      "LAYOUT",
      `bits ${high} to ${low} of a byte: 7 ≥ high ≥ low ≥ 0 must hold`,
    );
  }
  const mask = (1 << (high - low + 1)) - 1;
  return numberField(
    at,
    1,
    `bits ${high}-${low}`,
    function get() {
      return ((this.bytes[this.offset + at] as number) >> low) & mask;
    },
    function set(value) {
      const index = this.offset + at;
      const others = (this.bytes[index] as number) & ~(mask << low);
      this.bytes[index] = others | ((value & mask) << low);
    },
  );
}

/** Bit `bit` of byte `at`, as a boolean. */
export function flag(at: number, bit: number): WireField<boolean, false> {
  const mask = 1 << bit;
  return {
    type: `bit ${bit}`,
    first: at,
    size: 1,
    align: 1,
    define(prototype, name) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          return ((this.bytes[this.offset + at] as number) & mask) !== 0;
        },
        set(this: View, value: boolean) {
          const index = this.offset + at;
          const others = (this.bytes[index] as number) & ~mask;
          this.bytes[index] = value ? others | mask : others;
        },
      });
    },
  };
}

/**
 * An unsigned number, most significant byte first, in bytes `first` to `last` (at most eight).
 * Exact up to 2^53; above, the nearest double, which is still above every capacity there is.
 */
export function uint(first: number, last: number): WireField<number, false> {
  const size = last - first + 1;
  if (size < 1 || size > 8) {
    throw new UsageError("LAYOUT", `bytes ${first} to ${last}: a number has one to eight bytes`);
  }
  const [get, set] = uintAccess(first, size);
  return numberField(first, size, `bytes ${first} to ${last}`, get, set);
}

type NumberAccess = readonly [
  get: (this: View) => number,
  set: (this: View, value: number) => void,
];

function uintAccess(first: number, size: number): NumberAccess {
  switch (size) {
    case 2:
      return [
        function get() {
          return this.data.getUint16(this.offset + first);
        },
        function set(value) {
          this.data.setUint16(this.offset + first, value);
        },
      ];
    case 4:
      return [
        function get() {
          return this.data.getUint32(this.offset + first);
        },
        function set(value) {
          this.data.setUint32(this.offset + first, value);
        },
      ];
    case 8:
      return [
        function get() {
          const at = this.offset + first;
          return this.data.getUint32(at) * 0x1_0000_0000 + this.data.getUint32(at + 4);
        },
        function set(value) {
          const at = this.offset + first;
          this.data.setUint32(at, Math.floor(value / 0x1_0000_0000));
          this.data.setUint32(at + 4, value);
        },
      ];
    default:
      return [
        function get() {
          let value = 0;
          const start = this.offset + first;
          for (let i = start; i < start + size; i++)
            value = value * 256 + (this.bytes[i] as number);
          return value;
        },
        function set(value) {
          let rest = value;
          for (let i = this.offset + first + size - 1; i >= this.offset + first; i--) {
            this.bytes[i] = rest % 256;
            rest = Math.floor(rest / 256);
          }
        },
      ];
  }
}

/** Eight opaque bytes, such as a reservation key: a bigint, compared and never counted with. */
export function opaque64(first: number): WireField<bigint, false> {
  return {
    type: `bytes ${first} to ${first + 7}`,
    first,
    size: 8,
    align: 1,
    define(prototype, name) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          return this.data.getBigUint64(this.offset + first);
        },
        set(this: View, value: bigint) {
          this.data.setBigUint64(this.offset + first, value);
        },
      });
    },
  };
}

/** Bytes `first` to `last` as they are: read as a live part of the memory, written by copy. */
export function octets(first: number, last: number): WireField<Uint8Array, false> {
  const length = last - first + 1;
  return {
    type: `bytes ${first} to ${last}`,
    first,
    size: length,
    align: 1,
    define(prototype, name, _at, index) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          return partOf(this, index, first, length);
        },
        set(this: View, value: Uint8Array) {
          copyPadded(this.bytes, this.offset + first, length, value, 0);
        },
      });
    },
  };
}

/** ASCII text, left-aligned and padded with spaces (SPC-5, "ASCII data field requirements"). */
export function ascii(first: number, last: number): WireField<string, false> {
  const length = last - first + 1;
  return {
    type: `ASCII, bytes ${first} to ${last}`,
    first,
    size: length,
    align: 1,
    define(prototype, name) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          const start = this.offset + first;
          return latin1(this.bytes, start, start + length).replace(/ +$/, "");
        },
        set(this: View, value: string) {
          for (let i = 0; i < length; i++) {
            this.bytes[this.offset + first + i] = i < value.length ? value.charCodeAt(i) : 0x20;
          }
        },
      });
    },
  };
}
