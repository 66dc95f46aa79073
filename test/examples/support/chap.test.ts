import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { chapFrom, type ChapWords } from "../../../examples/support/chap.ts";

const SECRET = "a secret of 22 bytes..";
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "scst-user-chap-"));
});

afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function read(words: Partial<ChapWords>) {
  const warnings: string[] = [];
  const all = { users: [], mutual: undefined, ...words };
  const chap = chapFrom("--chap", all, (message) => warnings.push(message));
  return { chap, warnings };
}

function messageOf(words: Partial<ChapWords>): string {
  try {
    read(words);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("--chap USER:FILE", () => {
  test.each([
    ["a line", `${SECRET}\n`],
    ["no line", SECRET],
    ["a line of DOS", `${SECRET}\r\n`],
  ])("the secret is the file's first line: %s", (_what, content) => {
    const path = file("secret", content);
    const { chap, warnings } = read({ users: [`alice:${path}`], mutual: `disk:${path}` });
    expect(chap?.users).toHaveLength(1);
    expect(chap?.users[0]?.name).toBe("alice");
    expect(Buffer.from(chap?.users[0]?.secret ?? "").toString()).toBe(SECRET);
    expect(chap?.mutual?.name).toBe("disk");
    expect(warnings).toEqual([]);
  });

  test("without users there is no CHAP", () => {
    expect(read({}).chap).toBeUndefined();
  });

  test("a file that everybody can read is worth a warning", () => {
    const path = file("open", SECRET, 0o644);
    const { warnings } = read({ users: [`alice:${path}`] });
    expect(warnings).toEqual([`${path}: everybody can read this secret (chmod 600)`]);
  });

  test("what is wrong is said, and no secret is", () => {
    expect(messageOf({ users: ["alice"] })).toContain("USER:FILE");
    expect(messageOf({ users: [":file"] })).toContain("USER:FILE");
    expect(messageOf({ users: ["alice:"] })).toContain("USER:FILE");
    expect(messageOf({ users: [`alice:${join(folder, "none")}`] })).toContain("ENOENT");
    expect(messageOf({ mutual: "disk:file" })).toContain("--mutual-chap needs --chap");
    const long = messageOf({ users: [`alice:${file("long", SECRET.repeat(20))}`] });
    expect(long).toContain("440 bytes");
    expect(long).not.toContain(SECRET);
  });
});
