/** The code in the README is compiled and run: what a reader copies works. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import ts from "typescript";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** Inside the package, so that `scst-user` is found by its name; not kept by git. */
const folder = join(root, "dist", "docs-check");

function codeBlocks(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] ?? "");
}

const blocks = codeBlocks("README.md");
/** Pages whose code is compiled and run: it says nothing. */
const pages = ["docs/alua.md"].flatMap(codeBlocks);

mkdirSync(folder, { recursive: true });
const files = [...blocks, ...pages].map((code, i) => {
  const file = join(folder, `block-${i + 1}.ts`);
  writeFileSync(file, code);
  return file;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("README.md", () => {
  it("has a device and a filter", () => {
    expect(blocks).toHaveLength(2);
  });

  it("compiles", () => {
    const config = ts.readConfigFile(join(root, "tsconfig.base.json"), (file) =>
      readFileSync(file, "utf8"),
    );
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
    const program = ts.createProgram(files, {
      ...options,
      noEmit: true,
      composite: false,
      incremental: false,
    });
    const errors = ts
      .getPreEmitDiagnostics(program)
      .filter(({ file }) => files.includes(file?.fileName ?? ""))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    expect(errors).toEqual([]);
  });

  it.each([
    ["the device", 0, "block 42\n"],
    ["the filter", 1, ""],
    ["access states", 2, ""],
  ])("runs: %s", (_what, index, output) => {
    const file = files[index] ?? "";
    const args = ["--import", "tsx", "--conditions=source", file];
    expect(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" })).toBe(output);
  });
});
