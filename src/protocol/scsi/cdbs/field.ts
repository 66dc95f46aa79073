import { UsageError } from "../../errors.ts";
import type { View, WireField } from "../../layout/index.ts";

/** A number that begins in the middle of a byte. */
export interface PartialField extends WireField<number, false> {
  /** Which bits of the first byte belong to the number. */
  readonly firstMask: number;
}

/**
 * An unsigned number from bit `high` of byte `first` to byte `last`, such as READ(6)'s LOGICAL
 * BLOCK ADDRESS of 21 bits. At most 48 bits.
 */
export function uintFrom(first: number, high: number, last: number): PartialField {
  const size = last - first + 1;
  if (!(size >= 2 && size <= 6 && high >= 0 && high <= 7)) {
    throw new UsageError(
      "LAYOUT",
      `bit ${high} of byte ${first} to byte ${last}: two to six bytes and a bit 0 to 7 are due`,
    );
  }
  const firstMask = (2 << high) - 1;
  return {
    type: `bytes ${first} to ${last}, ${(size - 1) * 8 + high + 1} bits`,
    first,
    size,
    align: 1,
    firstMask,
    define(prototype, name) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          const start = this.offset + first;
          let value = (this.bytes[start] as number) & firstMask;
          for (let i = 1; i < size; i++) value = value * 256 + (this.bytes[start + i] as number);
          return value;
        },
        set(this: View, value: number) {
          const start = this.offset + first;
          let rest = value;
          for (let i = size - 1; i > 0; i--) {
            this.bytes[start + i] = rest % 256;
            rest = Math.floor(rest / 256);
          }
          const others = (this.bytes[start] as number) & ~firstMask;
          this.bytes[start] = others | (rest & firstMask);
        },
      });
    },
  };
}
