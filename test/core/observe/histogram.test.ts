import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bucketOf, endOfBucket, Histogram } from "../../../src/core/observe/histogram.ts";

describe("buckets", () => {
  test.each([
    [0, 0, 1],
    [1, 1, 2],
    [3, 3, 4],
    [4, 4, 5],
    [7, 7, 8],
    [8, 8, 10],
    [9, 8, 10],
    [10, 9, 12],
    [16, 12, 20],
    [1000, 35, 1024],
    [2 ** 31 - 1, 119, 2 ** 31],
  ])("%i µs are in bucket %i, which ends at %i", (microseconds, bucket, end) => {
    expect(bucketOf(microseconds)).toBe(bucket);
    expect(endOfBucket(bucket)).toBe(end);
  });

  test("each begins where the one before ends, and is at most a quarter wide", () => {
    for (let bucket = 1; bucket < 120; bucket++) {
      const start = endOfBucket(bucket - 1);
      const end = endOfBucket(bucket);
      expect(bucketOf(start)).toBe(bucket);
      expect(bucketOf(end - 1)).toBe(bucket);
      expect(end - start).toBeLessThanOrEqual(Math.max(1, start / 4));
    }
  });
});

describe("what is recorded", () => {
  function histogramOf(milliseconds: readonly number[]) {
    const histogram = new Histogram();
    for (const each of milliseconds) histogram.record(each);
    return histogram.snapshot();
  }

  test("nothing", () => {
    expect(histogramOf([])).toEqual({
      count: 0,
      sum: 0,
      max: 0,
      p50: 0,
      p90: 0,
      p99: 0,
      p999: 0,
      buckets: [],
    });
  });

  test("a hundred durations", () => {
    const durations = Array.from({ length: 100 }, (_, i) => (i + 1) / 1000);
    const { count, sum, max, p50, p99 } = histogramOf(durations);
    expect({ count, max, p50, p99 }).toEqual({ count: 100, max: 100, p50: 56, p99: 100 });
    expect(sum).toBeCloseTo(5050);
  });

  test.each([
    ["a clock that went back", -5, 1],
    ["an hour and more", 4_000_000, 2 ** 31],
  ])("%s counts, in the first or the last bucket", (_title, milliseconds, below) => {
    expect(histogramOf([milliseconds]).buckets).toEqual([[below, 1]]);
  });

  test("percentiles are never below the true one, and at most a quarter above", () => {
    const durations = fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1 });
    fc.assert(
      fc.property(durations, (microseconds) => {
        const { count, p50, p99, buckets } = histogramOf(microseconds.map((each) => each / 1000));
        expect(count).toBe(microseconds.length);
        expect(buckets.reduce((sum, [, each]) => sum + each, 0)).toBe(count);
        const sorted = microseconds.toSorted((a, b) => a - b);
        for (const [share, said] of [
          [0.5, p50],
          [0.99, p99],
        ] as const) {
          const exact = sorted[Math.ceil(share * count) - 1] as number;
          // A double of milliseconds is not always the whole number that it was made from.
          expect(said).toBeGreaterThan(exact - 1);
          expect(said).toBeLessThanOrEqual(Math.max(exact + 1, exact * 1.25));
        }
      }),
    );
  });
});
