/** What a command costs among many logical units and many sessions. */
import type { Options, Table } from "../support/section.ts";
import { summarize, withSpread } from "../support/statistics.ts";
import { inChild } from "./child.ts";
import { ONE_NEXUS, type Scale, WORKLOADS } from "./rig.ts";

const SCALES: readonly Scale[] = [
  ONE_NEXUS,
  { luns: 100, sessions: 1 },
  { luns: 1000, sessions: 1 },
  { luns: 10_000, sessions: 1 },
  { luns: 1, sessions: 10 },
  { luns: 1, sessions: 100 },
  { luns: 1, sessions: 1000 },
];

const DEPTH = 1;

export async function scaleSection({ rounds }: Options): Promise<Table[]> {
  const rows: string[][] = [];
  let first = 0;
  for (const scale of SCALES) {
    const rates = (await inChild({
      what: "rate",
      workload: "testUnitReady",
      depth: DEPTH,
      rounds,
      scale,
    })) as number[];
    const summary = summarize(rates);
    if (first === 0) first = summary.median;
    const row = [
      String(scale.luns),
      String(scale.sessions),
      withSpread(summary),
      (first / summary.median).toFixed(2),
    ];
    process.stderr.write(`${row.join("  ")}\n`);
    rows.push(row);
  }
  return [
    {
      title: `Scale: ${WORKLOADS.testUnitReady.name}, depth ${DEPTH}`,
      note:
        `As above; the commands go to all nexuses in turn, so that none finds anything in the ` +
        `processor's caches that another left there. The last column is the cost of a command as ` +
        `a multiple of the first row's.`,
      columns: ["LUNs", "sessions", "commands/s", "cost"],
      rows,
    },
  ];
}
