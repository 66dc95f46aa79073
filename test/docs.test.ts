/** The code in the docs is compiled and run: what a reader copies works. */
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

/** What each block of code prints, in its order. */
const DOCUMENTS: readonly (readonly [file: string, outputs: readonly string[]])[] = [
  ["README.md", ["block 42\n", ""]],
  ["docs/alua.md", [""]],
  ["docs/kernel.md", [""]],
  ["docs/write-your-own-filter.md", ["write 3\nread 3\nUint8Array(3) [ 1, 2, 252 ]\n", "1\n"]],
  [
    "docs/observability.md",
    [
      "2 commands\n{ UNIT_ATTENTION: 1 }\n" +
        "[ { target: 'target', group: 'default', lun: 0 } ] disk1\n",
      "READ(10) { logicalBlockAddress: 8, transferLength: 8 } GOOD \n" +
        "READ(10) { logicalBlockAddress: 16711680, transferLength: 1 } CHECK CONDITION " +
        "LOGICAL BLOCK ADDRESS OUT OF RANGE\n2 true\n",
    ],
  ],
];

mkdirSync(folder, { recursive: true });
const documents = DOCUMENTS.map(([name, outputs]) => {
  const files = codeBlocks(name).map((code, i) => {
    const file = join(folder, `${name.replaceAll(/\W/g, "-")}-${i + 1}.ts`);
    writeFileSync(file, code);
    return file;
  });
  return { name, files, outputs };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("compiles", () => {
  const files = documents.flatMap((document) => document.files);
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

describe.each(documents)("$name", ({ files, outputs }) => {
  it("has as many blocks of code as are expected", () => {
    expect(files).toHaveLength(outputs.length);
  });

  it.each(outputs.map((output, i) => [i + 1, output] as const))("runs: block %i", (i, output) => {
    const args = ["--import", "tsx", "--conditions=source", files[i - 1] ?? ""];
    expect(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" })).toBe(output);
  });
});
