/** This checkout and an earlier commit, turn by turn: has anything become slower? */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Table } from "../support/section.ts";
import { summarize, type Summary } from "../support/statistics.ts";
import { inChild } from "./child.ts";
import { type WorkloadName, WORKLOADS } from "./rig.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEPTHS = [1, 32];

/** @param commit anything that git takes for a commit; it must have this benchmark */
export async function againstTable(commit: string, rounds: number): Promise<Table> {
  const other = mkdtempSync(join(tmpdir(), "scst-user-against-"));
  try {
    git("worktree", "add", "--quiet", "--detach", "--force", other, commit);
    symlinkSync(join(ROOT, "node_modules"), join(other, "node_modules"));
    return {
      title: `Loopback: this checkout and ${git("rev-parse", "--short", commit).trim()}`,
      note:
        `${rounds} rounds, turn by turn, each in a process of its own. The ratio is of the rates: ` +
        `more than 1 is faster than the other commit; in parentheses the lowest and the highest.`,
      columns: ["command", "ratio"],
      rows: await rowsOf(other, rounds),
    };
  } finally {
    rmSync(other, { recursive: true, force: true });
    git("worktree", "prune");
  }
}

async function rowsOf(other: string, rounds: number): Promise<string[][]> {
  const rows: string[][] = [];
  for (const workload of Object.keys(WORKLOADS) as WorkloadName[]) {
    for (const depth of DEPTHS) {
      const { median, min, max } = await ratioOf(other, workload, depth, rounds);
      const spread = `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
      rows.push([`${WORKLOADS[workload].name}, depth ${depth}`, spread]);
      process.stderr.write(`${rows.at(-1)?.join("  ")}\n`);
    }
  }
  return rows;
}

async function ratioOf(
  other: string,
  workload: WorkloadName,
  depth: number,
  rounds: number,
): Promise<Summary> {
  const measurement = { what: "rate", workload, depth, rounds: 1 } as const;
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [here = 0] = (await inChild(measurement)) as number[];
    const [there = 0] = (await inChild(measurement, [], other)) as number[];
    ratios.push(here / there);
  }
  return summarize(ratios);
}

function git(...words: string[]): string {
  return execFileSync("git", words, { cwd: ROOT, encoding: "utf8" });
}
