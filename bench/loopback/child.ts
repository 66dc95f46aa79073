/** Runs `measure.ts` in a process of its own. */
import { execFile } from "node:child_process";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ONE_NEXUS, type Scale, type WorkloadName } from "./rig.ts";

const execute = promisify(execFile);

const ROOT = join(import.meta.dirname, "../..");
const PROGRAM = relative(ROOT, fileURLToPath(import.meta.resolve("./measure.ts")));

export interface Measurement {
  readonly what: "rate" | "allocation" | "profile";
  readonly workload: WorkloadName;
  readonly depth: number;
  readonly rounds: number;
  readonly scale?: Scale;
}

/** @param root the checkout that is measured: this one, unless said */
export async function inChild(
  { what, workload, depth, rounds, scale = ONE_NEXUS }: Measurement,
  flags: readonly string[] = [],
  root = ROOT,
): Promise<unknown> {
  const words = [what, workload, depth, rounds];
  // A checkout from before there was a scale knows nothing of it.
  if (scale !== ONE_NEXUS) words.push(scale.luns, scale.sessions);
  const { stdout } = await execute(
    process.execPath,
    [...flags, "--import", "tsx", "--conditions=source", join(root, PROGRAM), ...words.map(String)],
    { cwd: root, maxBuffer: 64 * 1024 * 1024 },
  );
  return JSON.parse(stdout);
}
