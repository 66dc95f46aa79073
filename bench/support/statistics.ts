/** What several rounds of one measurement say. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error("nothing was measured");
  const sorted = values.toSorted((a, b) => a - b);
  return { median: middle(sorted), min: sorted[0]!, max: sorted.at(-1)! };
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** 1,234,567 becomes 1.23 M: three digits are more than the spread allows. */
export function short(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e6) return `${digits(value / 1e6)} M`;
  if (magnitude >= 1e3) return `${digits(value / 1e3)} k`;
  return digits(value);
}

/** The median with the lowest and the highest round: `52.1 k (49.0–53.3)`. */
export function withSpread({ median, min, max }: Summary): string {
  const unit = median >= 1e6 ? 1e6 : median >= 1e3 ? 1e3 : 1;
  return `${short(median)} (${digits(min / unit)}–${digits(max / unit)})`;
}

function digits(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : 2);
}
