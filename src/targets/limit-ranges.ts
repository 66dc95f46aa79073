import { UsageError } from "../protocol/errors.ts";

/** The least and the greatest value of a limit. */
export type Range = readonly [min: number, max: number];

const WITHOUT_RANGE: Range = [1, 2 ** 31 - 1];

/**
 * @param ranges of the limits that can be 0, or less than 2^31 - 1 at most
 * @throws UsageError `code` for a limit that is no whole number in its range
 */
export function checkRanges<Limits extends object>(
  limits: Limits,
  ranges: { readonly [Name in keyof Limits]?: Range },
  code: string,
): void {
  for (const [name, value] of Object.entries(limits) as [keyof Limits & string, unknown][]) {
    const [min, max] = ranges[name] ?? WITHOUT_RANGE;
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) continue;
    throw new UsageError(
      code,
      `limits.${name} is ${String(value)}: it must be a whole number from ${min} to ${max}`,
    );
  }
}
