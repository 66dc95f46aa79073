import { dump } from "./dump.ts";
import type { Field } from "./field.ts";
import { UsageError } from "../errors.ts";
import { View } from "./view.ts";

/** Fields by name, in the order of declaration. */
export type Fields = Readonly<Record<string, Field>>;

/** What an accessor of the field gives: a nested layout's view, or the value. */
type Access<F> =
  F extends Field<infer Value>
    ? Value extends Nested<infer Inner>
      ? ViewOf<Inner>
      : Value
    : never;

/** The names of fields with halves. */
type HalvesOf<F extends Fields> = {
  [K in keyof F & string]: true extends F[K]["halves"] ? K : never;
}[keyof F & string];

type Halves<F extends Fields> = string extends keyof F
  ? unknown
  : { [K in `${HalvesOf<F>}${"Low" | "High"}`]: number };

/** Marks a field whose value is a layout of its own. */
export interface Nested<F extends Fields> {
  readonly nestedFields: F;
}

/** The view of a layout with the fields `F`. */
export type ViewOf<F extends Fields> = View & {
  -readonly [K in keyof F]: Access<F[K]>;
} & Halves<F>;

/** The values of a layout with the fields `F`, for {@link Layout.encode}. Absent ones are zero. */
export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F]?: F[K] extends Field<infer Value>
    ? Value extends Nested<infer Inner>
      ? ValuesOf<Inner>
      : Value
    : never;
};

/** A field in its place. */
export interface PlacedField {
  readonly name: string;
  readonly field: Field;
  /** Bytes from the layout's begin. */
  readonly offset: number;
}

/** What every view has of its own: a field of that name would be hidden. */
const VIEW_MEMBERS: ReadonlySet<string> = new Set([
  ...Object.keys(new View(new Uint8Array(0), 0)),
  ...Object.getOwnPropertyNames(View.prototype),
]);

/** A declared layout of bytes: what `struct` and `wire` give. */
// oxlint-disable-next-line no-explicit-any -- a Layout of unknown fields must accept every Layout
export class Layout<F extends Fields = any> {
  /** The C name, or the standard's name. */
  readonly name: string;
  /** Bytes, padding at the end included. */
  readonly size: number;
  readonly align: number;
  readonly fields: readonly PlacedField[];
  readonly #View: new (bytes: Uint8Array, offset: number) => View;
  readonly #offsets = new Map<string, number>();

  constructor(name: string, size: number, align: number, fields: readonly PlacedField[]) {
    this.name = name;
    this.size = size;
    this.align = align;
    this.fields = fields;
    const print = (view: View) => dump(this, view);
    const LayoutView = class extends View {
      override toString(): string {
        return print(this);
      }
    };
    for (const [index, { name: field, field: kind, offset }] of fields.entries()) {
      if (VIEW_MEMBERS.has(field)) {
        throw new UsageError("LAYOUT", `${name}: ${field} is no name for a field, views have one`);
      }
      kind.define(LayoutView.prototype, field, offset, index);
      this.#offsets.set(field, offset);
    }
    this.#View = LayoutView;
  }

  /** A view of the layout at `offset` of `bytes`, or of new, zeroed bytes. */
  view(bytes: Uint8Array = new Uint8Array(this.size), offset = 0): ViewOf<F> {
    if (offset < 0 || offset + this.size > bytes.length) {
      throw new UsageError(
        "LAYOUT",
        `${this.name} is ${this.size} bytes long and does not fit at offset ${offset} ` +
          `of ${bytes.length} bytes`,
      );
    }
    return new this.#View(bytes, offset) as ViewOf<F>;
  }

  /** New bytes with the given values; every other field is zero. */
  encode(values: ValuesOf<F>, size = this.size): Uint8Array {
    const bytes = new Uint8Array(Math.max(size, this.size));
    this.write(this.view(bytes), values);
    return size < this.size ? bytes.subarray(0, size) : bytes;
  }

  /** Sets the fields named in `values` and leaves the others as they are. */
  write(view: ViewOf<F>, values: ValuesOf<F>): void {
    const fields = view as unknown as Record<string, unknown>;
    for (const { name, field } of this.fields) {
      const value = (values as Record<string, unknown>)[name];
      if (value === undefined) continue;
      if (field.nested === undefined) fields[name] = value;
      else field.nested.write(fields[name] as ViewOf<Fields>, value as ValuesOf<Fields>);
    }
  }

  /** Where a field begins, in bytes. A field of a nested layout is "outer.inner". */
  offsetOf(path: string): number {
    const dot = path.indexOf(".");
    const name = dot < 0 ? path : path.slice(0, dot);
    const offset = this.#offsets.get(name);
    if (offset === undefined) throw new UsageError("LAYOUT", `${this.name} has no field ${name}`);
    if (dot < 0) return offset;
    const nested = this.fields.find((placed) => placed.name === name)?.field.nested;
    if (nested === undefined)
      throw new UsageError("LAYOUT", `${this.name}.${name} is not a layout`);
    return offset + nested.offsetOf(path.slice(dot + 1));
  }
}
