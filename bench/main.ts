/**
 * `npm run bench -- [SECTION]... [--rounds=N] [--profile] [--against=COMMIT] [--write]`: measures,
 * and prints tables. Sections: the keys of SECTIONS; all of them unless named. `--write` puts the
 * tables of the sections that ran into docs/benchmarks.md; `--against` compares the loopback of
 * this checkout with a commit's, and prints that alone.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { filtersSection } from "./filters/section.ts";
import { connectionsSection } from "./iscsi/connections.ts";
import { iscsiSection } from "./iscsi/section.ts";
import { layoutsSection } from "./layouts/section.ts";
import { againstTable } from "./loopback/against.ts";
import { scaleSection } from "./loopback/scale.ts";
import { loopbackSection } from "./loopback/section.ts";
import { storageSection } from "./storage/section.ts";
import { nbdSection } from "./nbd/section.ts";
import { tapeSection } from "./tape/section.ts";
import { replaceSection } from "./support/document.ts";
import { markdownOf, type Options, type Section } from "./support/section.ts";

const DOCUMENT = join(import.meta.dirname, "../docs/benchmarks.md");

const SECTIONS: Readonly<Record<string, Section>> = {
  loopback: loopbackSection,
  scale: scaleSection,
  layouts: layoutsSection,
  iscsi: iscsiSection,
  "iscsi-connections": connectionsSection,
  storage: storageSection,
  nbd: nbdSection,
  filters: filtersSection,
  tape: tapeSection,
};

// So that the servers end as well.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "5" },
      profile: { type: "boolean", default: false },
      against: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !Object.hasOwn(SECTIONS, name));
  const rounds = Number(values.rounds);
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(`sections: ${Object.keys(SECTIONS).join(", ")}; --rounds is from 1 up\n`);
    return 2;
  }
  if (values.against !== undefined) {
    process.stdout.write(`\n${markdownOf(await againstTable(values.against, rounds))}`);
    return 0;
  }
  const names = positionals.length > 0 ? positionals : Object.keys(SECTIONS);
  let failed = 0;
  for (const name of names) {
    failed += (await runSection(name, { rounds, profile: values.profile }, values.write)) ? 0 : 1;
  }
  return failed === 0 ? 0 : 1;
}

/** A section that cannot run does not keep the others from it. */
async function runSection(name: string, options: Options, write: boolean): Promise<boolean> {
  try {
    const tables = await SECTIONS[name]!(options);
    const text = [...tables.map(markdownOf), measuredWith()].join("\n");
    process.stdout.write(`\n${text}`);
    if (write) replaceSection(DOCUMENT, name, text);
    return true;
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

function measuredWith(): string {
  const date = new Date().toISOString().slice(0, 10);
  const model = cpus()[0]?.model.trim() ?? "unknown";
  return `Measured ${date}: Node ${process.versions.node}, ${cpus().length} × ${model}.\n`;
}
