/** A snapshot in the text format that Prometheus scrapes (version 0.0.4). */
import type { CountersSnapshot } from "./counters.ts";
import type { HistogramSnapshot } from "./histogram.ts";
import type { LatencySnapshot } from "./latency.ts";
import type { CoreSnapshot } from "./snapshot.ts";

/** For the Content-Type header of {@link prometheusText}. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly suffix?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Something that is counted: a session, a device, a target. */
interface Subject {
  readonly labels: Labels;
  readonly counters: CountersSnapshot;
}

/**
 * Counters, gauges and histograms of all targets, sessions, devices and buffer pools. Names begin
 * with `scst_`; sizes are in bytes, times in seconds.
 */
export function prometheusText(snapshot: CoreSnapshot): string {
  const targets = snapshot.targets.map(({ name, counters }) => ({
    labels: { target: name },
    counters,
  }));
  const sessions = snapshot.targets.flatMap((target) =>
    target.sessions.map((session) => ({
      ...session,
      labels: { target: target.name, session: session.name },
    })),
  );
  const devices = snapshot.devices.map((device) => ({
    ...device,
    labels: { device: device.name },
  }));
  return [
    ...countersOf("target", targets),
    ...countersOf("session", sessions),
    ...countersOf("device", devices),
    ...gauges("session", "active_commands", "Commands under way.", sessions),
    ...gauges("device", "active_commands", "Commands under way.", devices),
    ...latencies("session", sessions),
    ...latencies("device", devices),
    ...pools(snapshot),
  ].join("");
}

function countersOf(what: string, subjects: readonly Subject[]): string[] {
  const counter = (name: string, help: string, samples: (c: CountersSnapshot) => Pairs) =>
    family(
      `scst_${what}_${name}_total`,
      "counter",
      help,
      subjects.flatMap(({ labels, counters }) =>
        samples(counters).map(([own, value]) => ({ labels: { ...labels, ...own }, value })),
      ),
    );
  return [
    counter("commands", "Commands that came to their end.", ({ commands }) =>
      byLabel("direction", commands, ["read", "write", "bidi", "none", "unknown"]),
    ),
    counter("unaligned_commands", "Commands not aligned to 4 KiB.", ({ unaligned }) =>
      byLabel("direction", unaligned, ["read", "write", "bidi"]),
    ),
    counter("bytes", "Bytes sent to (in) and by (out) initiators.", (counters) => [
      [{ direction: "in" }, counters.bytesIn],
      [{ direction: "out" }, counters.bytesOut],
    ]),
    counter("check_conditions", "CHECK CONDITIONs by sense key.", ({ checkConditions }) =>
      Object.entries(checkConditions).map(([key, value]) => [{ sense_key: key }, value] as const),
    ),
    counter("refused", "Commands that ended with another status than GOOD.", (counters) => [
      [{ status: "BUSY" }, counters.busy],
      [{ status: "TASK_SET_FULL" }, counters.taskSetFull],
      [{ status: "RESERVATION_CONFLICT" }, counters.reservationConflict],
      [{ status: "TASK_ABORTED" }, counters.taskAborted],
      [{ status: "other" }, counters.otherStatus],
    ]),
    counter("aborted", "Commands that ended without a response.", ({ aborted }) => [[{}, aborted]]),
  ];
}

type Pairs = readonly (readonly [labels: Labels, value: number])[];

function byLabel<Key extends string>(
  label: string,
  values: Readonly<Record<Key, number>>,
  keys: readonly Key[],
): Pairs {
  return keys.map((key) => [{ [label]: key }, values[key]]);
}

function gauges(
  what: string,
  name: string,
  help: string,
  subjects: readonly { readonly labels: Labels; readonly activeCommands: number }[],
): string[] {
  const samples = subjects.map(({ labels, activeCommands: value }) => ({ labels, value }));
  return [family(`scst_${what}_${name}`, "gauge", help, samples)];
}

const PHASES = ["parse", "exec", "transfer", "total"] as const;

function latencies(
  what: string,
  subjects: readonly { readonly labels: Labels; readonly latency?: LatencySnapshot }[],
): string[] {
  const samples: Sample[] = [];
  for (const { labels, latency } of subjects) {
    if (latency === undefined) continue;
    for (const phase of PHASES) samples.push(...histogram({ ...labels, phase }, latency[phase]));
  }
  const help = "Where the time of commands went.";
  return [family(`scst_${what}_command_duration_seconds`, "histogram", help, samples)];
}

/** Bounds of a Prometheus histogram must not come and go: the powers of two are always there. */
const BOUNDS_US = Array.from({ length: 25 }, (_, exponent) => 2 ** exponent);

function histogram(labels: Labels, { buckets, count, sum }: HistogramSnapshot): Sample[] {
  const samples: Sample[] = [];
  let at = 0;
  let below = 0;
  for (const bound of BOUNDS_US) {
    for (; at < buckets.length && (buckets[at]?.[0] ?? 0) <= bound; at++) {
      below += buckets[at]?.[1] ?? 0;
    }
    samples.push({ suffix: "_bucket", labels: { ...labels, le: `${bound / 1e6}` }, value: below });
  }
  return [
    ...samples,
    { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
    { suffix: "_sum", labels, value: sum / 1e6 },
    { suffix: "_count", labels, value: count },
  ];
}

function pools({ bufferPools }: CoreSnapshot): string[] {
  const each = (
    name: string,
    type: string,
    help: string,
    value: (pool: CoreSnapshot["bufferPools"][number]) => number,
  ) =>
    family(
      `scst_buffer_pool_${name}`,
      type,
      help,
      bufferPools.map((pool) => ({ labels: { pool: pool.name }, value: value(pool) })),
    );
  return [
    each("requests_total", "counter", "Buffers that were wanted.", ({ total }) => total),
    each("hits_total", "counter", "Buffers that were there when wanted.", ({ hits }) => hits),
    each("big_total", "counter", "Buffers too big to be kept.", ({ big }) => big),
    each("other_total", "counter", "Buffers that are never to be kept.", ({ other }) => other),
    each("cached_bytes", "gauge", "Bytes that are kept.", ({ cachedBytes }) => cachedBytes),
    each("waiting_bytes", "gauge", "Bytes no command has.", ({ waitingBytes }) => waitingBytes),
  ];
}

/** Nothing where there are no samples. */
function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(
    ({ suffix = "", labels, value }) => `${name}${suffix}${labelText(labels)} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** An initiator's name may have any characters. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
