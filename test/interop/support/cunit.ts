/** What iscsi-test-cu prints in its verbose mode, as data. */

export interface CunitTest {
  readonly suite: string;
  readonly test: string;
  /** False if it failed in any of the families that it is part of. */
  readonly passed: boolean;
  /** Why the test tool left it out, or a part of it. */
  readonly skips: readonly string[];
  /** What the tool said about the failure. */
  readonly failures: readonly string[];
}

export interface CunitReport {
  readonly tests: readonly CunitTest[];
  /** The last table of the run is there: it did not break off. */
  readonly complete: boolean;
  /** As the tool counts: a test of two families counts twice. */
  readonly ran: number;
  readonly failed: number;
}

interface Open {
  /** Its result has come; what is told next is about the suite's tidying up. */
  ended: boolean;
  suite: string;
  test: string;
  passed: boolean;
  skips: Set<string>;
  failures: Set<string>;
}

/** Reads the output; a test that several families run is one test here. */
export function parseCunit(output: string): CunitReport {
  const tests = new Map<string, Open>();
  let suite = "";
  let current: Open | undefined;
  for (const line of output.split("\n")) {
    suite = /^Suite: (.+)$/.exec(line)?.[1] ?? suite;
    const test = /^ {2}Test: (.+?) \.\.\./.exec(line)?.[1];
    if (test !== undefined) current = entryOf(tests, suite, test);
    if (current !== undefined) readLine(current, line);
  }
  const [, ran, , failed] = /^\s+tests\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+\s*$/m.exec(output) ?? [];
  return {
    tests: [...tests.values()].map(({ suite: of, test, passed, skips, failures }) => {
      return { suite: of, test, passed, skips: [...skips], failures: [...failures] };
    }),
    complete: ran !== undefined,
    ran: Number(ran ?? 0),
    failed: Number(failed ?? 0),
  };
}

function entryOf(tests: Map<string, Open>, suite: string, test: string): Open {
  const key = `${suite}.${test}`;
  const found = tests.get(key);
  if (found !== undefined) {
    found.ended = false;
    return found;
  }
  const entry = {
    ended: false,
    suite,
    test,
    passed: true,
    skips: new Set<string>(),
    failures: new Set<string>(),
  };
  tests.set(key, entry);
  return entry;
}

function readLine(current: Open, line: string): void {
  const result = /(?:^|\.\.\.)(passed|FAILED)(?=$| {4}\[)/.exec(line)?.[1];
  if (result !== undefined) current.ended = true;
  if (result === "FAILED") current.passed = false;
  const skip = /\[SKIPPED\] (.+)$/.exec(line)?.[1];
  if (skip !== undefined && !current.ended) current.skips.add(skip.trim());
  // The assertions that failed are listed behind the result.
  const failure =
    /\[FAILED\] (.+)$/.exec(line)?.[1] ?? /^ +\d+\. (\S+\.c:\d+ .*?)( {4}\[.*)?$/.exec(line)?.[1];
  if (failure !== undefined) current.failures.add(failure.replaceAll(/\s+/g, " ").trim());
}
