/**
 * Has Jazzer.js look for inputs that break a target, guided by what they cover:
 *
 *     npm run fuzz -- iscsi-session                 # until something is found
 *     npm run fuzz -- nbd-handshake -runs=1000000   # and any other option of libFuzzer
 *     npm run fuzz -- iscsi-login .fuzz/crash-…     # an input that was found, once more
 *
 * What covers something new stays in .fuzz/TARGET, for the next run. Exit status: 0 nothing found,
 * 77 something; 2 there is no such target. See docs/decisions/0018-fuzzing-by-jazzer.md.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { TARGETS } from "./targets.ts";

const JAZZER = "@jazzer.js/core@4.0.0";
const ROOT = join(import.meta.dirname, "../..");

/** The seeds as libFuzzer keeps its inputs: a file each, named by its SHA-1. */
function corpusOf(name: string, seeds: readonly Uint8Array[]): string {
  const folder = join(ROOT, ".fuzz", name);
  mkdirSync(folder, { recursive: true });
  for (const seed of seeds) {
    writeFileSync(join(folder, createHash("sha1").update(seed).digest("hex")), seed);
  }
  return relative(ROOT, folder);
}

function fuzz(name: string, rest: readonly string[]): number {
  const target = TARGETS.get(name);
  if (target === undefined) {
    console.error(`usage: npm run fuzz -- ${[...TARGETS.keys()].join("|")} [libFuzzer's options]`);
    return 2;
  }
  const options = rest.filter((word) => word.startsWith("-"));
  const inputs = rest.filter((word) => !word.startsWith("-"));
  const corpus = inputs.length > 0 ? inputs : [corpusOf(name, target.seeds())];
  const jazzer = ["--yes", `--package=${JAZZER}`, "--", "jazzer"];
  // It knows JavaScript only: tsx finds the TypeScript behind the name.
  const what = [`test/fuzz/${name}.js`, ...corpus, "--includes", join(ROOT, "src/")];
  // Node's peak is mostly garbage: libFuzzer's own limit of 2 GiB would end a run for that.
  const settings = ["-artifact_prefix=.fuzz/", "-rss_limit_mb=4096", ...options];
  const how = ["--disableBugDetectors", ".*", "--", ...settings];
  const NODE_OPTIONS = `${process.env["NODE_OPTIONS"] ?? ""} --import tsx --conditions=source`;
  const { status, error } = spawnSync("npx", [...jazzer, ...what, ...how], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS },
    stdio: "inherit",
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

const [name = "", ...rest] = process.argv.slice(2);
process.exitCode = fuzz(name, rest);
