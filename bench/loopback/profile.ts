/** Where the time goes, and where the garbage comes from: by function, without its callees. */
import { type HeapProfiler, type Profiler, Session } from "node:inspector/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const SAMPLING_INTERVAL_US = 200;
const ALLOCATION_INTERVAL_BYTES = 1024;

export interface ProfileRow {
  readonly where: string;
  /** Of the time, or of the allocated bytes. */
  readonly percent: number;
}

export interface Profile {
  readonly time: readonly ProfileRow[];
  readonly allocations: readonly ProfileRow[];
}

export async function profile(run: () => void): Promise<Profile> {
  const session = new Session();
  session.connect();
  const time = await profileTime(session, run);
  const allocations = await profileAllocations(session, run);
  session.disconnect();
  return { time, allocations };
}

async function profileTime(session: Session, run: () => void): Promise<ProfileRow[]> {
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLING_INTERVAL_US });
  await session.post("Profiler.start");
  run();
  const { profile: samples } = await session.post("Profiler.stop");
  return shares(selfTimes(samples));
}

function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile) {
  const places = new Map(nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  return samples.map((id, i): [string, number] => [places.get(id) ?? "?", timeDeltas[i] ?? 0]);
}

async function profileAllocations(session: Session, run: () => void): Promise<ProfileRow[]> {
  await session.post("HeapProfiler.enable");
  await session.post("HeapProfiler.startSampling", {
    samplingInterval: ALLOCATION_INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  run();
  const { profile: tree } = await session.post("HeapProfiler.stopSampling");
  return shares(selfSizes(tree.head));
}

/** With the caller: a getter that many call says nothing by itself. */
function selfSizes(node: HeapProfiler.SamplingHeapProfileNode, caller = ""): [string, number][] {
  const name = nameOf(node.callFrame);
  const where = caller === "" ? name : `${name}, called by ${caller}`;
  return [[where, node.selfSize], ...node.children.flatMap((child) => selfSizes(child, name))];
}

/** The loader puts a file on few lines: a line number would say nothing. */
function nameOf({ functionName, url }: { functionName: string; url: string }): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (!url.startsWith("file:")) return url === "" ? name : `${name} ${url}`;
  return `${name} ${relative(process.cwd(), fileURLToPath(url))}`;
}

function shares(weights: readonly [string, number][]): ProfileRow[] {
  const sums = new Map<string, number>();
  for (const [where, weight] of weights) sums.set(where, (sums.get(where) ?? 0) + weight);
  const total = [...sums.values()].reduce((sum, weight) => sum + weight, 0);
  return [...sums]
    .map(([where, weight]) => ({ where, percent: (weight * 100) / total }))
    .toSorted((a, b) => b.percent - a.percent);
}
