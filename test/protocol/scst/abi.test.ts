import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Layout } from "../../../src/protocol/layout/index.ts";
import * as constants from "../../../src/protocol/scst/constants.ts";
import * as ioctls from "../../../src/protocol/scst/ioctls.ts";
import * as structs from "../../../src/protocol/scst/structs.ts";
import { LOOPBACK_VERSION } from "../../../src/protocol/scst/index.ts";
import { cName } from "../../replay/compare.ts";

/** What a C compiler made of the kernel's headers. */
interface Abi {
  readonly structs: Readonly<Record<string, CStruct>>;
  readonly ioctls: Readonly<Record<string, number>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly version_name: string;
  readonly version_string_length: number;
}

interface CStruct {
  readonly size: number;
  readonly align: number;
  readonly fields: Readonly<Record<string, CField>>;
}

interface CField {
  readonly type: string;
  readonly offset: number;
  readonly size: number;
}

const file = join(import.meta.dirname, "../../fixtures/scst-abi/layout.json");
const abi = JSON.parse(readFileSync(file, "utf8")) as Abi;

const layouts = new Map(
  Object.values(structs).flatMap((value) =>
    value instanceof Layout ? [[value.name, value as Layout]] : [],
  ),
);

/** A flexible array at the end has no bytes of its own, and a view of the head none of it. */
function hasBytes([, { size }]: [string, CField]): boolean {
  return size > 0;
}

test("every struct of the header is declared, and no other", () => {
  expect([...layouts.keys()].sort()).toEqual(Object.keys(abi.structs).sort());
});

test("the TypeScript name of a struct is the C name in CamelCase", () => {
  const names = Object.entries(structs).flatMap(([name, value]) =>
    value instanceof Layout ? [[name, value.name]] : [],
  );
  for (const [name, c] of names) expect(cName(name as string)).toBe(`_${c}`);
});

describe.each(Object.entries(abi.structs))("struct %s", (name, c) => {
  const layout = layouts.get(name) as Layout;

  test("size and alignment", () => {
    expect({ size: layout.size, align: layout.align }).toEqual({ size: c.size, align: c.align });
  });

  test("fields: names, types, offsets, sizes, in the header's order", () => {
    const ours = layout.fields.map(({ name: field, offset, field: { type, size } }) => [
      cName(field),
      { type, offset, size },
    ]);
    expect(ours).toEqual(Object.entries(c.fields).filter(hasBytes));
  });
});

test("ioctl numbers and subcommand codes", () => {
  expect({ ...ioctls }).toEqual(abi.ioctls);
});

test("constants", () => {
  expect({ ...constants }).toEqual(abi.constants);
});

test("the version string begins and ends like the module's", () => {
  expect(LOOPBACK_VERSION.startsWith(abi.version_name)).toBe(true);
  expect(LOOPBACK_VERSION).toHaveLength(abi.version_string_length);
  expect(LOOPBACK_VERSION.slice(abi.version_name.length)).toMatch(/^[0-9a-f]{80}$/);
});
