import type { Field } from "./field.ts";
import { UsageError } from "../errors.ts";
import { type Fields, Layout, type Nested, type PlacedField, type ViewOf } from "./layout.ts";
import type { View } from "./view.ts";

/**
 * Declares a C struct: native byte order, C alignment. Offsets and size are computed as a C
 * compiler for LP64 Linux does (`aligned_u64` is 8-aligned everywhere).
 *
 * @param cName the name in the C header, so that grep finds it
 */
export function struct<const F extends Fields>(cName: string, fields: F): Layout<F> {
  const placed: PlacedField[] = [];
  const { end, align } = place(Object.entries(fields), 0, placed);
  return new Layout<F>(cName, roundUp(end, align), align, placed);
}

/** The type of `Union`'s fields: all alternatives' fields beside each other. */
type Merge<A extends readonly Fields[]> = A extends readonly [infer First, ...infer Rest]
  ? First & (Rest extends readonly Fields[] ? Merge<Rest> : unknown)
  : unknown;

const unionOf = Symbol("union");

/** Which union, and which alternative of it, a field belongs to. */
interface InUnion {
  readonly union: object;
  readonly alternative: number;
  /** The union in that alternative, where it is in one. */
  readonly inner: InUnion | undefined;
}

/**
 * Declares an anonymous union inside a struct: spread it among the fields. Each argument is one
 * alternative, and where it has several fields they are laid out as an anonymous struct.
 *
 *     struct("reply", { status: u8, ...union({ value: u32 }, { senseLen: u8, psense: address }) })
 */
export function union<const A extends readonly Fields[]>(...alternatives: A): Merge<A> {
  const whole = {};
  const fields: Record<string, Field> = {};
  for (const [alternative, members] of alternatives.entries()) {
    for (const [name, field] of Object.entries(members)) {
      if (name in fields)
        throw new UsageError("LAYOUT", `two alternatives of a union have a ${name}`);
      const member: InUnion = { union: whole, alternative, inner: memberOf(field) };
      fields[name] = { ...field, [unionOf]: member } as Field;
    }
  }
  return fields as Merge<A>;
}

/** A struct as a field of another; its accessor gives a view of it. */
export function nest<F extends Fields>(layout: Layout<F>): Field<Nested<F>, false> {
  return {
    type: layout.name,
    size: layout.size,
    align: layout.align,
    nested: layout as Layout,
    define(prototype, name, at, index) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: View) {
          let part = this.nested?.[index] as ViewOf<F> | undefined;
          if (part === undefined) {
            part = layout.view(this.bytes, this.offset + at);
            this.keep(index, at, part);
          }
          return part;
        },
      });
    },
  };
}

/** Lays `entries` out from `start`, appends them to `placed`, and says where they end. */
function place(
  entries: readonly (readonly [string, Field])[],
  start: number,
  placed: PlacedField[],
): { end: number; align: number } {
  let end = start;
  let align = 1;
  for (let i = 0; i < entries.length;) {
    const [name, field] = entries[i] as readonly [string, Field];
    const member = memberOf(field);
    if (member === undefined) {
      const offset = roundUp(end, field.align);
      placed.push({ name, field, offset });
      end = offset + field.size;
      align = Math.max(align, field.align);
      i++;
      continue;
    }
    let last = i;
    while (last < entries.length && memberOf(entries[last]![1])?.union === member.union) last++;
    const whole = placeUnion(entries.slice(i, last), end, placed);
    end = whole.end;
    align = Math.max(align, whole.align);
    i = last;
  }
  return { end, align };
}

/** A union begins where its strictest member may, and is as long as its longest alternative. */
function placeUnion(
  members: readonly (readonly [string, Field])[],
  start: number,
  placed: PlacedField[],
): { end: number; align: number } {
  const align = Math.max(...members.map(([, field]) => field.align));
  const offset = roundUp(start, align);
  const alternatives = new Map<number, (readonly [string, Field])[]>();
  for (const [name, field] of members) {
    const { alternative, inner } = memberOf(field)!;
    const fields = alternatives.get(alternative) ?? [];
    alternatives.set(alternative, fields);
    fields.push([name, { ...field, [unionOf]: inner } as Field]);
  }
  let end = offset;
  for (const fields of alternatives.values()) {
    end = Math.max(end, place(fields, offset, placed).end);
  }
  return { end: roundUp(end, align), align };
}

function memberOf(field: Field): InUnion | undefined {
  return (field as Field & { [unionOf]?: InUnion })[unionOf];
}

function roundUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
