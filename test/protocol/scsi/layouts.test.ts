import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Layout } from "../../../src/protocol/layout/index.ts";
import * as scsi from "../../../src/protocol/scsi/index.ts";

const layouts = Object.values(scsi)
  .filter((value) => value instanceof Layout)
  .map((layout): readonly [string, Layout] => [layout.name, layout]);

const AT = 5;

/** All of a view's values, by name. */
function valuesOf(layout: Layout, bytes: Uint8Array, offset: number): Record<string, unknown> {
  const view = layout.view(bytes, offset) as unknown as Record<string, unknown>;
  return Object.fromEntries(
    layout.fields.map(({ name }) => {
      const value = view[name];
      return [name, value instanceof Uint8Array ? Uint8Array.from(value) : value];
    }),
  );
}

describe("layouts of SCSI's tables", () => {
  test("there are as many as expected", () => {
    expect(layouts.length).toBeGreaterThan(120);
  });

  test.each(layouts)("%s encodes what it decodes", (_name, layout) => {
    const covered = scsi.usedBits(layout);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: layout.size, maxLength: layout.size }), (random) => {
        const bytes = random.map((byte, index) => byte & (covered[index] as number));
        for (const { field, offset } of layout.fields) {
          // Doubles are exact to 2^53: longer numbers are kept below it.
          if (field.type.startsWith("bytes") && field.size > 6) bytes.fill(0, offset, offset + 2);
          // Text has no control characters, and no space at its end.
          if (field.type.startsWith("ASCII")) bytes.fill(0x41, offset, offset + field.size);
        }
        const surrounded = new Uint8Array(layout.size + 2 * AT).fill(0xa5);
        surrounded.set(bytes, AT);
        const values = valuesOf(layout, surrounded, AT);
        expect(layout.encode(values)).toEqual(bytes);
        // Writing touches nothing beside the layout.
        const target = new Uint8Array(surrounded.length).fill(0xa5);
        target.fill(0, AT, AT + layout.size);
        layout.write(layout.view(target, AT), values);
        expect(target).toEqual(surrounded);
      }),
      { numRuns: 25 },
    );
  });

  test.each(layouts)("no two fields of %s overlap", (_name, layout) => {
    const taken = new Uint8Array(layout.size);
    for (const { name, field, offset } of layout.fields) {
      const alone = new Layout(layout.name, layout.size, 1, [{ name, field, offset }]);
      const own = scsi.usedBits(alone);
      for (const [index, mask] of own.entries()) {
        expect((taken[index] as number) & mask, `${name}, byte ${index}`).toBe(0);
        taken[index] = (taken[index] as number) | mask;
      }
    }
  });
});
