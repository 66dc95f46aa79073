/** Four buckets an octave: what is read from them is at most a quarter too high. */
const STEPS = 4;
const STEP_BITS = 2;
/** The last bucket holds all from 2^31 µs on, more than half an hour. */
const BUCKETS = 30 * STEPS;
const MICROSECONDS_MAX = 2 ** 31 - 1;

/** The bucket of a whole number of microseconds: 0, 1, 2, 3 have their own. */
export function bucketOf(microseconds: number): number {
  if (microseconds < STEPS) return microseconds;
  const exponent = 31 - Math.clz32(microseconds);
  return (exponent - 1) * STEPS + ((microseconds >>> (exponent - STEP_BITS)) & (STEPS - 1));
}

/** The first number of microseconds that is above a bucket. */
export function endOfBucket(bucket: number): number {
  if (bucket < STEPS) return bucket + 1;
  const exponent = Math.floor(bucket / STEPS) + 1;
  return (STEPS + (bucket % STEPS) + 1) * 2 ** (exponent - STEP_BITS);
}

/** Durations as plain data. All in microseconds. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
  /** Half, nine in ten … of the durations are below: the end of the bucket, or the maximum. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  /** `[below, count]` of the buckets that are not empty: so many are below, and in none before. */
  readonly buckets: readonly (readonly [below: number, count: number])[];
}

/** Counts durations in buckets that grow with them. Recording allocates nothing. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** @param milliseconds any number: what is negative counts as nothing */
  record(milliseconds: number): void {
    const exact = milliseconds > 0 ? milliseconds * 1000 : 0;
    const whole = exact < MICROSECONDS_MAX ? Math.floor(exact) : MICROSECONDS_MAX;
    this.#counts[bucketOf(whole)]!++;
    this.#count++;
    this.#sum += exact;
    if (exact > this.#max) this.#max = exact;
  }

  snapshot(): HistogramSnapshot {
    const buckets: [number, number][] = [];
    for (const [bucket, count] of this.#counts.entries()) {
      if (count > 0) buckets.push([endOfBucket(bucket), count]);
    }
    const below = (share: number) => percentile(buckets, this.#count * share, this.#max);
    return {
      count: this.#count,
      sum: this.#sum,
      max: this.#max,
      p50: below(0.5),
      p90: below(0.9),
      p99: below(0.99),
      p999: below(0.999),
      buckets,
    };
  }
}

function percentile(
  buckets: readonly (readonly [below: number, count: number])[],
  wanted: number,
  max: number,
): number {
  let sum = 0;
  for (const [below, count] of buckets) {
    sum += count;
    if (sum >= wanted) return Math.min(below, max);
  }
  return max;
}
