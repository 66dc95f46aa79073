/** Puts measured tables into docs/benchmarks.md, between marks that the section's name gives. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

export function replaceSection(path: string, name: string, text: string): void {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const document = readFileSync(path, "utf8");
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path}: the marks ${begin} and ${end} are missing`);
  const changed = `${document.slice(0, from + begin.length)}\n\n${text}\n${document.slice(to)}`;
  // Whole or not at all: the benchmarks took minutes.
  writeFileSync(`${path}.new`, changed);
  renameSync(`${path}.new`, path);
}
