import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Ends the run with `N passed, N failed`, alone on the last line, for people and scripts. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      count.failed += failuresOutsideTests(module);
    }
    // A test that never got to run, because the run was cut short, did not pass.
    const failed = count.failed + count.pending;
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
    // Other reporters write at exit time as well; this line has to come after theirs.
    process.once("exit", () => {
      process.stdout.write(`${count.passed} passed, ${failed} failed${skipped}\n`);
    });
  }
}

/** A file that cannot be imported or a hook that throws is a failure although no test says so. */
function failuresOutsideTests(module: TestModule): number {
  let count = module.errors().length > 0 ? 1 : 0;
  for (const suite of module.children.allSuites()) count += suite.errors().length > 0 ? 1 : 0;
  return count;
}
