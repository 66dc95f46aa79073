/**
 * libiscsi's conformance suite, all families, over disks of every kind. What it finds wrong, and
 * what none of the runs gets to, must be what expected-failures.json says: no more, and no less,
 * so that the list can only shrink. INTEROP_UPDATE=1 writes what was found into the file; what is
 * new there needs a reason by hand.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type CunitReport, parseCunit } from "./support/cunit.ts";
import { type CunitRun, RUNS } from "./support/cunit-runs.ts";
import { FileioTgt, type StartOptions } from "./support/fileio-tgt.ts";
import { filterProgram } from "./support/filter-programs.ts";
import { Images } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const RUN_MS_MAX = 600_000;
/** Runs that compete for the processors; the first one mostly waits, and is not counted. */
const AT_ONCE_MAX = 2;

/** The tests of libiscsi 1.19; a test that several families run counts once. */
const TESTS_MIN = 230;

interface Expectation {
  readonly suite: string;
  readonly test: string;
  readonly reason: string;
}

interface Expectations {
  /** By run. */
  readonly failed: Readonly<Record<string, readonly Expectation[]>>;
  /** Left out, in whole or in part, by every run. */
  readonly skipped: readonly Expectation[];
}

const EXPECTATIONS = join(import.meta.dirname, "expected-failures.json");
const UNEXPLAINED = "UNEXPLAINED: ";
const MEMORY_TGT = [
  "--import",
  "tsx",
  "--conditions=source",
  join(import.meta.dirname, "support/memory-tgt.ts"),
];

const expected = JSON.parse(readFileSync(EXPECTATIONS, "utf8")) as Expectations;

/** One run's report, and what became of its server. */
interface Result {
  readonly run: CunitRun;
  readonly report: CunitReport;
  /** Seconds. */
  readonly duration: number;
  readonly alive: boolean;
  readonly exit: unknown;
}

describe.skipIf(toolsAreMissing("iscsi-test-cu", "iscsi-inq"))("iscsi-test-cu", () => {
  let results: Result[] = [];

  beforeAll(async () => {
    const [patient, ...others] = RUNS as [CunitRun, ...CunitRun[]];
    const first = carryOut(patient);
    results = [...(await inTurns(others)), await first];
    if (process.env["INTEROP_UPDATE"] === "1") update(results);
    for (const { run: of, report, duration } of results) {
      const seconds = duration.toFixed(1);
      process.stdout.write(
        `iscsi-test-cu, ${of.name} (${of.args.join(" ")}): ` +
          `${report.ran} ran, ${report.failed} failed, in ${seconds} s\n`,
      );
    }
  }, RUN_MS_MAX);

  test("every run comes to its end, with a server that is alive and ends cleanly", () => {
    for (const { run: of, report, alive, exit } of results) {
      expect([of.name, report.complete, alive]).toEqual([of.name, true, true]);
      expect({ name: of.name, exit }).toMatchObject({ exit: { code: 0, signal: null } });
      expect(report.tests.length).toBeGreaterThanOrEqual(of.whole ? TESTS_MIN : 1);
    }
  });

  test("what fails is what is expected to", () => {
    const found = failuresOf(results).map(({ key }) => key);
    const known = Object.entries(expected.failed).flatMap(([name, entries]) =>
      entries.map((entry) => `${name}: ${entry.suite}.${entry.test}`),
    );
    expect(
      failuresOf(results)
        .filter(({ key }) => !known.includes(key))
        .map(({ key, why }) => `${key}: ${why}`),
      "fails, and is not in expected-failures.json",
    ).toEqual([]);
    expect(
      known.filter((key) => !found.includes(key)),
      "passes: take it out of expected-failures.json",
    ).toEqual([]);
  });

  test("every test has truly run in one of the runs, or it is known why not", () => {
    const skipped = skippedByAll(results);
    const known = expected.skipped.map((entry) => `${entry.suite}.${entry.test}`);
    expect(
      [...skipped].filter(([name]) => !known.includes(name)),
      "is skipped by every run, and is not in expected-failures.json",
    ).toEqual([]);
    expect(
      known.filter((name) => !skipped.has(name)),
      "is not skipped any more: take it out of expected-failures.json",
    ).toEqual([]);
  });

  test("a disk under a filter does what one without it does", () => {
    for (const { run: of, report } of results) {
      const other = results.find((result) => result.run.name === of.like);
      if (of.like !== undefined) expect(verdicts(report)).toEqual(verdicts(other?.report));
    }
  });

  test("each expectation gives a reason", () => {
    const entries = [...Object.values(expected.failed).flat(), ...expected.skipped];
    const bare = entries.filter(({ reason }) => reason === "" || reason.startsWith(UNEXPLAINED));
    expect(bare, "say why in expected-failures.json").toEqual([]);
  });
});

/** What has become of each test. */
function verdicts(report: CunitReport | undefined): string[] | undefined {
  return report?.tests.map(({ suite, test: of, passed, skips }) => {
    return `${suite}.${of}: ${passed ? "passed" : "failed"}, ${skips.length} parts left out`;
  });
}

/** Some at a time, in their order. */
async function inTurns(runs: readonly CunitRun[]): Promise<Result[]> {
  const waiting = [...runs];
  const done: Result[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      done.push(await carryOut(next));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE_MAX }, work));
  return done;
}

async function carryOut(of: CunitRun): Promise<Result> {
  const images = await Images.open();
  const path = await images.sparse("disk.img", of.sizeBytes);
  const options = await startOptions(of, images);
  const server = await FileioTgt.start([{ name: "disk1", path }], options);
  try {
    const [url = ""] = server.urls;
    const args = [...of.args, "-v", url, ...(of.secondPath ? [url] : [])];
    const started = performance.now();
    const { output } = await run("iscsi-test-cu", args, { timeoutMs: RUN_MS_MAX });
    const duration = (performance.now() - started) / 1000;
    const alive = server.running;
    await runOk("iscsi-inq", [url]);
    return { run: of, report: parseCunit(output), duration, alive, exit: await server.stop() };
  } finally {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  }
}

async function startOptions(of: CunitRun, images: Images): Promise<StartOptions> {
  const { disk, program, sizeBytes, writeDelayMs = 0, options = [] } = of;
  if (program !== undefined) return await filterProgram(program, images, sizeBytes);
  if (disk === undefined) return { options };
  const sizes = ["--size", String(sizeBytes), "--write-delay", String(writeDelayMs)];
  return { program: MEMORY_TGT, options: [...sizes, "--options", JSON.stringify(disk)] };
}

interface Failure {
  readonly run: string;
  readonly suite: string;
  readonly test: string;
  readonly key: string;
  readonly why: string;
}

function failuresOf(results: readonly Result[]): Failure[] {
  return results.flatMap(({ run: { name }, report }) =>
    report.tests
      .filter(({ passed }) => !passed)
      .map(({ suite, test: of, failures }) => {
        const why = failures.join("; ");
        return { run: name, suite, test: of, key: `${name}: ${suite}.${of}`, why };
      }),
  );
}

/** The tests that no run carries out in whole, and what the last one said of it. */
function skippedByAll(results: readonly Result[]): Map<string, string> {
  const skipped = new Map<string, string>();
  const carriedOut = new Set<string>();
  for (const { report } of results) {
    for (const { suite, test: of, skips } of report.tests) {
      const name = `${suite}.${of}`;
      if (skips.length === 0) carriedOut.add(name);
      else skipped.set(name, skips.join("; "));
    }
  }
  for (const name of carriedOut) skipped.delete(name);
  return skipped;
}

function update(results: readonly Result[]): void {
  const failed: Record<string, Expectation[]> = {};
  for (const { run: name, suite, test: of, why } of failuresOf(results)) {
    const known = expected.failed[name]?.find((old) => old.suite === suite && old.test === of);
    const reason = known?.reason ?? `${UNEXPLAINED}${why}`;
    (failed[name] ??= []).push({ suite, test: of, reason });
  }
  const skipped = [...skippedByAll(results)].map(([name, why]): Expectation => {
    const [suite = "", of = ""] = name.split(".");
    const known = expected.skipped.find((old) => old.suite === suite && old.test === of);
    return { suite, test: of, reason: known?.reason ?? `${UNEXPLAINED}${why}` };
  });
  writeFileSync(EXPECTATIONS, `${JSON.stringify({ failed, skipped }, undefined, 2)}\n`);
}
