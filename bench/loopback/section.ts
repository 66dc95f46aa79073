/** The core and the SDK without a transport and without a device. */
import type { Options, Table } from "../support/section.ts";
import { summarize, withSpread } from "../support/statistics.ts";
import { ALLOCATION_FLAGS } from "./allocation.ts";
import { inChild } from "./child.ts";
import type { Profile, ProfileRow } from "./profile.ts";
import { type WorkloadName, WORKLOADS } from "./rig.ts";

const DEPTHS = [1, 32];
const PROFILE_ROUNDS = 8;
const PROFILE_ROWS_MAX = 25;

export async function loopbackSection({ rounds, profile }: Options): Promise<Table[]> {
  const rows: string[][] = [];
  for (const workload of Object.keys(WORKLOADS) as WorkloadName[]) {
    for (const depth of DEPTHS) {
      const measured = { workload, depth, rounds };
      const rates = (await inChild({ what: "rate", ...measured })) as number[];
      const garbage = (await inChild(
        { what: "allocation", ...measured },
        ALLOCATION_FLAGS,
      )) as number[];
      const row = [
        `${WORKLOADS[workload].name}, depth ${depth}`,
        withSpread(summarize(rates)),
        bytesOf(summarize(garbage).median),
      ];
      process.stderr.write(`${row.join("  ")}\n`);
      rows.push(row);
    }
  }
  if (profile) await printProfile();
  return [
    {
      title: "Loopback: the core and the SDK",
      note:
        `One thread; a null handler behind the bytes of scst_user, and a local initiator. ` +
        `Medians of ${rounds} rounds in a process of their own, in parentheses the lowest and ` +
        `the highest. The goal is 1 M commands a second, and no garbage.`,
      columns: ["command", "commands/s", "bytes allocated per command"],
      rows,
    },
  ];
}

/** A hundredth of a byte is what the measurement itself leaves behind. */
function bytesOf(bytes: number): string {
  return Math.abs(bytes) < 0.05 ? "0" : bytes.toFixed(1);
}

async function printProfile(): Promise<void> {
  for (const depth of DEPTHS) {
    const result = (await inChild({
      what: "profile",
      workload: "read4k",
      depth,
      rounds: PROFILE_ROUNDS,
    })) as Profile;
    const name = `${WORKLOADS.read4k.name}, depth ${depth}`;
    print(`${name}: time by function, without its callees`, result.time);
    print(`${name}: bytes allocated, by function`, result.allocations);
  }
}

function print(title: string, rows: readonly ProfileRow[]): void {
  const lines = rows
    .filter(({ percent }) => percent >= 0.1)
    .slice(0, PROFILE_ROWS_MAX)
    .map(({ where, percent }) => `${percent.toFixed(1).padStart(6)} %  ${where}`);
  process.stdout.write(`\n${title}\n${lines.join("\n")}\n`);
}
