/**
 * Style as a test: what CONTRIBUTING.md asks for and neither the compiler nor the linter checks.
 * Every failure names the file, the line and what to write instead.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { describe, expect, test } from "vitest";

const LINES_MAX = 500;
const COLUMNS_MAX = 100;

const root = join(import.meta.dirname, "..");
const self = "test/tidy.test.ts";

interface Source {
  readonly path: string;
  readonly lines: readonly string[];
}

interface Idiom {
  readonly name: string;
  readonly pattern: RegExp;
  /** Paths the rule is about; all sources when absent. */
  readonly where?: RegExp;
  readonly except?: RegExp;
  readonly instead: string;
  /** A line that the pattern must catch: a rule that never fires is no rule. */
  readonly caught: string;
}

const IDIOMS: readonly Idiom[] = [
  {
    name: "enum",
    pattern: /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s/,
    instead: "an `as const` object and a union type of the same name",
    caught: "export const enum Direction {",
  },
  {
    name: "namespace",
    pattern: /^\s*(export\s+)?(declare\s+)?(namespace|module)\s+[\w.]+\s*\{/,
    instead: "a module: one file, named exports",
    caught: "export namespace Scsi {",
  },
  {
    name: "private by keyword or underscore",
    pattern: /^\s*(private\s+[\w#]|(readonly\s+)?_\w+\s*[:=(;])/,
    where: /^(src|examples)\//,
    instead: "#name",
    caught: "  private readonly sessions = new Map();",
  },
  {
    name: "unfinished work",
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    instead: "do it now, or open an issue and say the limit in the docs",
    caught: "// TODO: residuals",
  },
  {
    name: "machine path",
    pattern: /(^|["'`\s(=:])\/(work|root|Users)\//,
    instead: "a path relative to the project, import.meta.dirname or os.tmpdir()",
    caught: 'const image = "/root/disk.img";',
  },
  {
    name: "plain Error",
    pattern: /\bnew (Error|TypeError|RangeError)\(/,
    where: /^src\//,
    instead: "ProtocolError (the peer), UsageError (the caller) or SystemError (errno)",
    caught: '  throw new Error("no such LUN");',
  },
  {
    name: "require",
    pattern: /\bcreateRequire\b/,
    except: /^src\/(runtime|sdk\/native)\//,
    instead: "import; loading native code belongs to src/runtime",
    caught: 'import { createRequire } from "node:module";',
  },
  {
    name: "silenced type check",
    pattern: /@ts-(ignore|nocheck)/,
    instead: "@ts-expect-error and the reason, on the one line",
    caught: "// @ts-ignore",
  },
  {
    name: "silenced lint without a reason",
    pattern: /(oxlint|eslint)-disable(?!.* -- \S)/,
    instead: "oxlint-disable-next-line <rule> -- <reason>",
    caught: "// oxlint-disable-next-line no-console",
  },
];

const sources = ["src", "examples", "test", "bench", "scripts"].flatMap(sourcesUnder);

describe("tidy", () => {
  test.each(IDIOMS)("no $name", (idiom) => {
    expect(idiom.pattern.test(idiom.caught)).toBe(true);
    const hits = sources
      .filter(({ path }) => path !== self && appliesTo(idiom, path))
      .flatMap(({ path, lines }) =>
        lines.flatMap((line, index) =>
          idiom.pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
        ),
      );
    expect(hits, `${idiom.name}; instead: ${idiom.instead}`).toEqual([]);
  });

  test(`files have at most ${LINES_MAX} lines`, () => {
    const table = /^src\/protocol\/.*\/commands\/|table[^/]*\.ts$/;
    const hits = sources
      .filter(({ path, lines }) => lines.length > LINES_MAX && !table.test(path))
      .map(({ path, lines }) => `${path}: ${lines.length} lines`);
    expect(hits, "past 500 lines it is two subjects: split it").toEqual([]);
  });

  test(`lines have at most ${COLUMNS_MAX} columns`, () => {
    const hits = sources.flatMap(({ path, lines }) =>
      lines.flatMap((line, index) =>
        breakableLength(line) > COLUMNS_MAX ? [`${path}:${index + 1}: ${line.length}`] : [],
      ),
    );
    expect(hits, "break the line; strings, URLs and hex do not count").toEqual([]);
  });

  test("names are kebab-case", () => {
    const kebab = /^[a-z0-9]+([.-][a-z0-9]+)*$/;
    const hits = sources
      .map(({ path }) => path)
      .filter(
        (path) => !path.split("/").every((part) => part === "fileio_tgt" || kebab.test(part)),
      );
    expect(hits, "rename to kebab-case: unit-attention.ts").toEqual([]);
  });
});

function appliesTo({ where, except }: Idiom, path: string): boolean {
  return (where?.test(path) ?? true) && !(except?.test(path) ?? false);
}

/** The length of a line without what cannot be broken: strings, URLs, dumps in hex. */
function breakableLength(line: string): number {
  if (line.length <= COLUMNS_MAX) return line.length;
  return line
    .replaceAll(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`(\\.|[^`\\])*`/g, "")
    .replaceAll(/https?:\/\/\S+/g, "")
    .replaceAll(/\b([0-9a-f]{2}[\s_]*){8,}\b/gi, "").length;
}

function sourcesUnder(folder: string): Source[] {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/\/(node_modules|fixtures)\//.test(file))
    .map((file) => ({
      path: relative(root, file).split(sep).join("/"),
      lines: readFileSync(file, "utf8").replace(/\n$/, "").split("\n"),
    }));
}
