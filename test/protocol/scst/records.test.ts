import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Fields, Layout, ViewOf } from "../../../src/protocol/layout/index.ts";
import {
  ScstUserDevDesc,
  ScstUserGetCmd,
  ScstUserOpt,
  ScstUserReplyCmd,
} from "../../../src/protocol/scst/index.ts";
import { toHex } from "../../support/hex.ts";
import { memberLayout, SUBCOMMANDS } from "../../support/subcommands.ts";
import { readTrace, type UserRecord } from "../../replay/trace.ts";

const folder = join(import.meta.dirname, "../../fixtures/scst-abi/traces");
const files = readdirSync(folder).filter((file) => file.endsWith(".json"));

/** What is before the union in both messages. */
const HEAD = ["cmdH", "subcode"];

/** A record's struct, the union member that counts, and its bytes. */
interface Message {
  readonly what: string;
  readonly layout: Layout;
  readonly fields: readonly string[];
  readonly bytes: Uint8Array;
}

function messagesOf(record: UserRecord): Message[] {
  switch (record.kind) {
    case "get": {
      const fields = [...HEAD, SUBCOMMANDS[record.subcode].get];
      return [{ what: record.subcode, layout: ScstUserGetCmd, fields, bytes: record.bytes }];
    }
    case "reply": {
      const fields = [...HEAD, SUBCOMMANDS[record.subcode].reply];
      return [{ what: record.subcode, layout: ScstUserReplyCmd, fields, bytes: record.bytes }];
    }
    case "ioctl": {
      const layout: Layout = record.ioctl === "REGISTER_DEVICE" ? ScstUserDevDesc : ScstUserOpt;
      const fields = layout.fields.map(({ name }) => name);
      return [record.in, record.out].flatMap((bytes) =>
        bytes === undefined ? [] : [{ what: record.ioctl, layout, fields, bytes }],
      );
    }
    case "errno":
      return [];
    default:
      return [];
  }
}

/** The values of the named fields, nested ones with all that they have. */
function decode(layout: Layout, view: object, names?: readonly string[]): Record<string, unknown> {
  const values = view as Record<string, unknown>;
  return Object.fromEntries(
    layout.fields
      .filter(({ name }) => names?.includes(name) ?? true)
      .map(({ name, field }) => [
        name,
        field.nested === undefined
          ? copied(values[name])
          : decode(field.nested, values[name] as object),
      ]),
  );
}

function copied(value: unknown): unknown {
  return value instanceof Uint8Array ? value.slice() : value;
}

/** 1 where a byte belongs to one of the fields: the others are padding or another member's. */
function covered(layout: Layout, names: readonly string[], size: number): Uint8Array {
  const mask = new Uint8Array(size);
  const cover = (within: Layout, base: number, wanted?: readonly string[]) => {
    for (const { name, field, offset } of within.fields) {
      if (wanted !== undefined && !wanted.includes(name)) continue;
      const at = base + offset;
      if (field.nested === undefined) mask.fill(1, at, at + field.size);
      else cover(field.nested, at);
    }
  };
  cover(layout, 0, names);
  return mask;
}

function masked(bytes: Uint8Array, mask: Uint8Array): string {
  return toHex(mask.map((bit, i) => (bit === 0 ? 0 : (bytes[i] as number))));
}

describe.each(files)("every record of %s", (file) => {
  const { before, steps, after } = readTrace(join(folder, file));
  const records = [...before, ...steps.flatMap(({ user }) => user), ...after];
  const messages = records.flatMap(messagesOf);

  test("is one that the layouts know", () => {
    expect(messages.length).toBeGreaterThan(80);
    const wrong = records.filter((record) => {
      if (record.kind !== "get" && record.kind !== "reply") return false;
      const layout: Layout = record.kind === "get" ? ScstUserGetCmd : ScstUserReplyCmd;
      const view = layout.view(record.bytes) as ViewOf<Fields> & { subcode: number };
      return view.subcode !== SUBCOMMANDS[record.subcode].code;
    });
    expect(wrong).toEqual([]);
  });

  test("decodes, and encodes to the same bytes", () => {
    for (const { what, layout, fields, bytes } of messages) {
      const mask = covered(layout, fields, layout.size);
      const encoded = layout.encode(decode(layout, layout.view(bytes), fields));
      expect(`${what} ${masked(encoded, mask)}`).toBe(`${what} ${masked(bytes, mask)}`);
    }
  });
});

test("a member is a struct of the union, or one number", () => {
  for (const { get, reply } of Object.values(SUBCOMMANDS)) {
    expect(memberLayout("get", get)).toBeDefined();
    expect(memberLayout("reply", reply) === undefined).toBe(reply === "result");
  }
});
