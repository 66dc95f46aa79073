/** Where our core and the recording part: collected, compared with what is expected, printed. */

/** `"before"`, `"after"`, or the number of a step, from 0. */
export type Phase = "before" | "after" | number;

export interface Difference {
  readonly phase: Phase;
  /** The subcommand, `"response"` or an ioctl. */
  readonly message: string;
  /** The C name of the field, or what is compared. */
  readonly field: string;
  readonly recorded: string;
  readonly ours: string;
}

/** What one trace came to. */
export interface Outcome {
  readonly name: string;
  readonly steps: number;
  readonly differences: readonly Difference[];
}

/** A step that can't match yet. The list is meant to shrink: one that matches is an error. */
export interface ExpectedDifference {
  readonly trace: string;
  readonly step: number;
  readonly reason: string;
}

export interface Verdict {
  readonly passed: boolean;
  readonly lines: readonly string[];
}

const LINES_MAX = 20;

/** `NAME: N of M steps equal`, and what is not as it should be. */
export function judge(outcome: Outcome, expected: readonly ExpectedDifference[]): Verdict {
  const { name, steps, differences } = outcome;
  const listed = new Map(
    expected.filter(({ trace }) => trace === name).map(({ step, reason }) => [step, reason]),
  );
  const differing = new Set(differences.map(({ phase }) => phase));
  const equal = range(steps).filter((step) => !differing.has(step)).length;
  const expectedCount = [...listed.keys()].filter((step) => differing.has(step)).length;
  const unexpected = differences.filter(
    ({ phase }) => typeof phase !== "number" || !listed.has(phase),
  );
  const overdue = [...listed].filter(([step]) => !differing.has(step));
  const lines = [`${name}: ${equal} of ${steps} steps equal${expectedText(expectedCount)}`];
  for (const difference of unexpected.slice(0, LINES_MAX)) lines.push(`  ${text(difference)}`);
  if (unexpected.length > LINES_MAX) lines.push(`  and ${unexpected.length - LINES_MAX} more`);
  for (const [step, reason] of overdue) {
    lines.push(
      step < steps
        ? `  step ${step} is equal now: take it off the expected differences ("${reason}")`
        : `  step ${step} is on the expected differences, and there is no such step`,
    );
  }
  return { passed: unexpected.length === 0 && overdue.length === 0, lines };
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function expectedText(count: number): string {
  if (count === 0) return "";
  return `, ${count} expected difference${count === 1 ? "" : "s"}`;
}

function text({ phase, message, field, recorded, ours }: Difference): string {
  const where = typeof phase === "number" ? `step ${phase}` : phase;
  return `${where} ${message} ${field}: recorded ${recorded}, ours ${ours}`;
}
