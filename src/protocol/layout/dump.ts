import type { Layout, PlacedField } from "./layout.ts";
import type { View } from "./view.ts";

/**
 * A view as text, a field a line: offset, name, value.
 *
 *     scst_user_opt at 0, 20 bytes
 *       0  parseType             1
 */
export function dump(layout: Layout, view: View): string {
  const lines = [`${layout.name} at ${view.offset}, ${layout.size} bytes`];
  lines.push(...fieldLines(layout, view, 0, "  "));
  return lines.join("\n");
}

function fieldLines(layout: Layout, view: View, base: number, indent: string): string[] {
  const values = view as unknown as Record<string, unknown>;
  return layout.fields.flatMap((placed) => {
    const value = values[placed.name];
    const head = `${indent}${place(placed, base).padEnd(9)} ${placed.name.padEnd(28)}`;
    if (placed.field.nested === undefined) return [`${head} ${text(value)}`];
    return [
      head.trimEnd(),
      ...fieldLines(placed.field.nested, value as View, base + placed.offset, `${indent}  `),
    ];
  });
}

/** The offset in bytes, and the bits where the field is less than whole bytes. */
function place({ offset, field }: PlacedField, base: number): string {
  const bits = /bits? [0-9-]+/.exec(field.type);
  return bits === null ? `${base + offset}` : `${base + offset} ${bits[0].replace(/bits? /, ":")}`;
}

function text(value: unknown): string {
  if (value instanceof Uint8Array) {
    return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  if (typeof value === "bigint") return `0x${value.toString(16)}`;
  if (typeof value === "number") {
    return value > 9 ? `${value} (0x${value.toString(16)})` : `${value}`;
  }
  return JSON.stringify(value);
}
