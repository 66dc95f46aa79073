/**
 * One measurement in a process of its own, so that no other workload has shaped the compiled
 * code: `measure.ts rate|allocation|profile WORKLOAD DEPTH ROUNDS [LUNS SESSIONS]`. The result is JSON on stdout.
 */
import { measureAllocation } from "./allocation.ts";
import { profile } from "./profile.ts";
import { openRig, type Rig, type WorkloadName, WORKLOADS } from "./rig.ts";

/** Enough for the optimizing compiler to have settled. */
const WARM_UP_COMMANDS = 600_000;

const ROUND_MS = 300;

const [what = "", workload = "", depth = "1", rounds = "5", luns = "1", sessions = "1"] =
  process.argv.slice(2);
const scale = { luns: Number(luns), sessions: Number(sessions) };
const rig = await openRig(WORKLOADS[workload as WorkloadName], Number(depth), scale);
rig.run(WARM_UP_COMMANDS);
process.stdout.write(`${JSON.stringify(await measure(rig))}\n`);
await rig.close();

async function measure(warm: Rig): Promise<unknown> {
  switch (what) {
    case "rate":
      return measureRate(warm);
    case "allocation":
      return measureAllocation((count) => warm.run(count), Number(rounds));
    case "profile":
      return profile(() => runFor(warm, Number(rounds) * ROUND_MS));
    default:
      throw new Error(`measure.ts: "${what}" is not rate, allocation or profile`);
  }
}

/** Commands a second, round by round. */
function measureRate(warm: Rig): number[] {
  return Array.from({ length: Number(rounds) }, () => {
    const startMs = performance.now();
    const count = runFor(warm, ROUND_MS);
    return (count * 1000) / (performance.now() - startMs);
  });
}

function runFor(warm: Rig, durationMs: number): number {
  const endMs = performance.now() + durationMs;
  const slice = 10_000;
  let count = 0;
  do {
    warm.run(slice);
    count += slice;
  } while (performance.now() < endMs);
  return count;
}
