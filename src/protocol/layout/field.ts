import type { Layout } from "./layout.ts";
import type { View } from "./view.ts";

/**
 * A kind of field: how many bytes, how they read and write. `Value` is what an accessor gives
 * and takes; `Halves` says that the accessors `…Low` and `…High` exist beside it.
 */
export interface Field<Value = unknown, Halves extends boolean = boolean> {
  /** The C name of the type, or the standard's way of naming the bits. */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes; 1 for wire layouts. */
  readonly align: number;
  /** A nested layout's fields may be looked into. */
  readonly nested?: Layout | undefined;
  readonly halves?: Halves;
  /** Puts the accessor `name` for a field at `offset` onto a view class's prototype. */
  define(prototype: object, name: string, offset: number, index: number): void;
  /** Never present: carries the type only. */
  readonly value?: Value;
}

type Accessors<Value> = {
  get(this: View): Value;
  set(this: View, value: Value): void;
};

/** Shorthand for the `define` of a field that is one property. */
function accessors<Value>(
  make: (offset: number) => Accessors<Value>,
): Field<Value, false>["define"] {
  return (prototype, name, offset) => {
    Object.defineProperty(prototype, name, { ...make(offset), enumerable: true });
  };
}

// The kernel ABI is in native order, and every machine that Node and SCST both run on with these
// layouts is little-endian; `struct` refuses to be declared elsewhere.
const LITTLE = true;

/** Two words of a 64-bit number as a double: exact up to 2^53. */
const HIGH_WORD = 0x1_0000_0000;

/** Most numbers are small, and a small integer costs neither a division nor memory. */
function highWord(value: number): number {
  return value >= 0 && value < HIGH_WORD ? 0 : Math.floor(value / HIGH_WORD);
}

export const u8: Field<number, false> = {
  type: "uint8_t",
  size: 1,
  align: 1,
  define: accessors((at) => ({
    get() {
      return this.bytes[this.offset + at] as number;
    },
    set(value) {
      this.bytes[this.offset + at] = value;
    },
  })),
};

export const u16: Field<number, false> = {
  type: "uint16_t",
  size: 2,
  align: 2,
  define: accessors((at) => ({
    get() {
      return this.data.getUint16(this.offset + at, LITTLE);
    },
    set(value) {
      this.data.setUint16(this.offset + at, value, LITTLE);
    },
  })),
};

export const s16: Field<number, false> = {
  type: "int16_t",
  size: 2,
  align: 2,
  define: accessors((at) => ({
    get() {
      return this.data.getInt16(this.offset + at, LITTLE);
    },
    set(value) {
      this.data.setInt16(this.offset + at, value, LITTLE);
    },
  })),
};

export const u32: Field<number, false> = {
  type: "uint32_t",
  size: 4,
  align: 4,
  define: accessors((at) => ({
    get() {
      return this.data.getUint32(this.offset + at, LITTLE);
    },
    set(value) {
      this.data.setUint32(this.offset + at, value, LITTLE);
    },
  })),
};

export const s32: Field<number, false> = {
  type: "int32_t",
  size: 4,
  align: 4,
  define: accessors((at) => ({
    get() {
      return this.data.getInt32(this.offset + at, LITTLE);
    },
    set(value) {
      this.data.setInt32(this.offset + at, value, LITTLE);
    },
  })),
};

/** A signed 64-bit count as a number: exact between -2^53 and 2^53. */
export const s64: Field<number, false> = {
  type: "aligned_i64",
  size: 8,
  align: 8,
  define: accessors((at) => ({
    get() {
      const offset = this.offset + at;
      const low = this.data.getUint32(offset, LITTLE);
      const high = this.data.getInt32(offset + 4, LITTLE);
      return high === 0 ? low : high * HIGH_WORD + low;
    },
    set(value) {
      const offset = this.offset + at;
      this.data.setUint32(offset, value, LITTLE);
      this.data.setInt32(offset + 4, highWord(value), LITTLE);
    },
  })),
};

/** An unsigned 64-bit count or user address as a number (user addresses are below 2^47). */
export const u64: Field<number, false> = {
  type: "aligned_u64",
  size: 8,
  align: 8,
  define: accessors((at) => ({
    get() {
      const offset = this.offset + at;
      const low = this.data.getUint32(offset, LITTLE);
      const high = this.data.getUint32(offset + 4, LITTLE);
      return high === 0 ? low : high * HIGH_WORD + low;
    },
    set(value) {
      const offset = this.offset + at;
      this.data.setUint32(offset, value, LITTLE);
      this.data.setUint32(offset + 4, highWord(value), LITTLE);
    },
  })),
};

/** A user-space address. */
export const address: Field<number, false> = { ...u64 };

/**
 * An opaque 64-bit handle: `name` is a bigint, for maps and logs; `nameLow` and `nameHigh` are
 * its unsigned 32-bit halves, for the command path, where a bigint would allocate.
 */
export const handle: Field<bigint, true> = {
  type: "aligned_u64",
  size: 8,
  align: 8,
  halves: true,
  define(prototype, name, at) {
    accessors<bigint>((offset) => ({
      get() {
        return this.data.getBigUint64(this.offset + offset, LITTLE);
      },
      set(value) {
        this.data.setBigUint64(this.offset + offset, value, LITTLE);
      },
    }))(prototype, name, at, 0);
    defineHidden(prototype, `${name}Low`, at);
    defineHidden(prototype, `${name}High`, at + 4);
  },
};

/** The halves are not enumerable: a dump prints the whole handle. */
function defineHidden(prototype: object, name: string, at: number): void {
  Object.defineProperty(prototype, name, {
    get(this: View) {
      return this.data.getUint32(this.offset + at, LITTLE);
    },
    set(this: View, value: number) {
      this.data.setUint32(this.offset + at, value, LITTLE);
    },
  });
}

/** `length` bytes, read as a live part of the memory; writing copies and zero-fills the rest. */
export function bytes(length: number): Field<Uint8Array, false> {
  return {
    type: `uint8_t[${length}]`,
    size: length,
    align: 1,
    define(prototype, name, at, index) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          return partOf(this, index, at, length);
        },
        set(this: View, value: Uint8Array) {
          copyPadded(this.bytes, this.offset + at, length, value, 0);
        },
      });
    },
  };
}

/** A NUL-ended string in an array of `length` bytes (Latin-1, as names in SCST are). */
export function cString(length: number): Field<string, false> {
  return {
    type: `char[${length}]`,
    size: length,
    align: 1,
    define: accessors((at) => ({
      get() {
        const start = this.offset + at;
        let end = start;
        while (end < start + length && this.bytes[end] !== 0) end++;
        return latin1(this.bytes, start, end);
      },
      set(value) {
        // The last byte stays NUL: the kernel forces it, and so do we.
        for (let i = 0; i < length; i++) {
          const code = i < length - 1 && i < value.length ? value.charCodeAt(i) : 0;
          this.bytes[this.offset + at + i] = code;
        }
      },
    })),
  };
}

/** The byte array of field `index`: made once, kept until the view moves. */
export function partOf(view: View, index: number, at: number, length: number): Uint8Array {
  const parts = (view.parts ??= []);
  let part = parts[index];
  if (part === undefined) {
    part = view.bytes.subarray(view.offset + at, view.offset + at + length);
    parts[index] = part;
  }
  return part;
}

/** Copies `value` to `length` bytes at `start`, and fills what is left with `fill`. */
export function copyPadded(
  into: Uint8Array,
  start: number,
  length: number,
  value: Uint8Array,
  fill: number,
): void {
  const count = Math.min(length, value.length);
  into.set(count === value.length ? value : value.subarray(0, count), start);
  into.fill(fill, start + count, start + length);
}

export function latin1(from: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(from[i] as number);
  return text;
}
