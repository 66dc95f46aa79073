/**
 * libiscsi's conformance suite, all families. What it finds wrong must be what
 * expected-failures.json says: no more, and no less, so that the list can only shrink.
 * INTEROP_UPDATE=1 writes what was found into the file; what is new there needs a reason by hand.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CunitReport, type CunitTest, parseCunit } from "./support/cunit.ts";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { Images, MIB } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const RUN_MS_MAX = 150_000;

/** The tests of libiscsi 1.19; a test that several families run counts once. */
const TESTS_MIN = 230;

interface Expectation {
  readonly suite: string;
  readonly test: string;
  readonly reason: string;
}

interface Expectations {
  readonly failed: readonly Expectation[];
  readonly skipped: readonly Expectation[];
}

const EXPECTATIONS = join(import.meta.dirname, "expected-failures.json");
const UNEXPLAINED = "UNEXPLAINED: ";

const expected = JSON.parse(readFileSync(EXPECTATIONS, "utf8")) as Expectations;

describe.skipIf(toolsAreMissing("iscsi-test-cu", "iscsi-inq"))("iscsi-test-cu", () => {
  let images: Images;
  let server: FileioTgt;
  let report: CunitReport;

  beforeAll(async () => {
    images = await Images.open();
    const path = await images.sparse("disk.img", 100 * MIB);
    server = await FileioTgt.start([{ name: "disk1", path }]);
    const [url = ""] = server.urls;
    // The second URL is the second path of the multipath tests.
    const args = ["-d", "-v", url, url];
    const { output } = await run("iscsi-test-cu", args, { timeoutMs: RUN_MS_MAX });
    report = parseCunit(output);
    if (process.env["INTEROP_UPDATE"] === "1") update(report.tests);
    process.stdout.write(`iscsi-test-cu: ${report.ran} ran, ${report.failed} failed; as tests: `);
    process.stdout.write(`${summaryOf(report.tests)}\n`);
  }, RUN_MS_MAX + 20_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  test("the suite runs to its end", () => {
    expect(report.complete).toBe(true);
    expect(report.tests.length).toBeGreaterThanOrEqual(TESTS_MIN);
  });

  test("the server is alive, serves others, and ends cleanly", async () => {
    expect(server.running).toBe(true);
    await runOk("iscsi-inq", [server.urls[0]!]);
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  });

  test("what fails is what is expected to", () => {
    const failed = report.tests.filter(({ passed }) => !passed);
    const unexpected = failed
      .filter((found) => !isListed(expected.failed, found))
      .map((found) => `${nameOf(found)}: ${found.failures.join("; ")}`);
    expect(unexpected, "fails, and is not in expected-failures.json").toEqual([]);
    expect(
      expected.failed.filter((entry) => !isListed(failed, entry)).map(nameOf),
      "passes: take it out of expected-failures.json",
    ).toEqual([]);
  });

  test("what the suite leaves out is what is expected", () => {
    const skipped = report.tests.filter(({ skips }) => skips.length > 0);
    const unexpected = skipped
      .filter((found) => !isListed(expected.skipped, found))
      .map((found) => `${nameOf(found)}: ${found.skips.join("; ")}`);
    expect(unexpected, "is skipped, and is not in expected-failures.json").toEqual([]);
    expect(
      expected.skipped.filter((entry) => !isListed(skipped, entry)).map(nameOf),
      "is not skipped any more: take it out of expected-failures.json",
    ).toEqual([]);
  });

  test("each expectation gives a reason", () => {
    const entries = [...expected.failed, ...expected.skipped];
    const bare = entries.filter(({ reason }) => reason === "" || reason.startsWith(UNEXPLAINED));
    expect(bare.map(nameOf), "say why in expected-failures.json").toEqual([]);
  });
});

type Named = Pick<CunitTest, "suite" | "test">;

function nameOf({ suite, test: name }: Named): string {
  return `${suite}.${name}`;
}

function isListed(list: readonly Named[], wanted: Named): boolean {
  return list.some((entry) => nameOf(entry) === nameOf(wanted));
}

function summaryOf(tests: readonly CunitTest[]): string {
  const failed = tests.filter(({ passed }) => !passed);
  const skipped = tests.filter(({ passed, skips }) => passed && skips.length > 0);
  const passed = tests.length - failed.length - skipped.length;
  return `${passed} passed, ${failed.length} failed, ${skipped.length} skipped in part or whole`;
}

function update(tests: readonly CunitTest[]): void {
  const entriesOf = (
    found: readonly CunitTest[],
    before: readonly Expectation[],
    why: (test: CunitTest) => readonly string[],
  ) =>
    found.map((entry): Expectation => {
      const known = before.find((old) => nameOf(old) === nameOf(entry));
      const reason = known?.reason ?? `${UNEXPLAINED}${why(entry).join("; ")}`;
      return { suite: entry.suite, test: entry.test, reason };
    });
  const failed = tests.filter(({ passed }) => !passed);
  const skipped = tests.filter(({ skips }) => skips.length > 0);
  const changed: Expectations = {
    failed: entriesOf(failed, expected.failed, ({ failures }) => failures),
    skipped: entriesOf(skipped, expected.skipped, ({ skips }) => skips),
  };
  writeFileSync(EXPECTATIONS, `${JSON.stringify(changed, undefined, 2)}\n`);
}
