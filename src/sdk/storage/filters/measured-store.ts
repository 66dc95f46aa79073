import type { BlockStore } from "../block-store.ts";
import { type StoreClock, storeClock } from "./clock.ts";
import { interceptedStore, STORE_CALL_KINDS, type StoreCallKind, watched } from "./filter.ts";

/** What the calls of one kind have come to so far. */
export interface StoreCallStatistics {
  /** Calls that are over, those that failed included. */
  readonly count: number;
  readonly failedCount: number;
  /** Of those that did not fail. */
  readonly bytes: number;
  /** The sum of the times that they took. */
  readonly totalMs: number;
  readonly longestMs: number;
}

export interface StoreStatistics extends Readonly<Record<StoreCallKind, StoreCallStatistics>> {
  /** Calls that are not over. */
  readonly inFlight: number;
  readonly inFlightMax: number;
}

export interface MeasuredStore extends BlockStore {
  /** A copy of what is known now. */
  statistics(): StoreStatistics;
}

type Counters = { -readonly [Name in keyof StoreCallStatistics]: number };

/** Counts calls, bytes and time, of each kind. */
export function measuredStore(
  below: BlockStore,
  options: { readonly clock?: StoreClock } = {},
): MeasuredStore {
  const { clock = storeClock } = options;
  const kinds = Object.fromEntries(
    STORE_CALL_KINDS.map((kind) => [kind, zeroCounters()]),
  ) as Record<StoreCallKind, Counters>;
  let inFlight = 0;
  let inFlightMax = 0;
  const store = interceptedStore(below, ({ kind, length }, run) => {
    const begin = clock.now();
    inFlight++;
    inFlightMax = Math.max(inFlightMax, inFlight);
    return watched(run, (error) => {
      inFlight--;
      count(kinds[kind], clock.now() - begin, kind === "flush" ? 0 : length, error);
    });
  });
  const statistics = (): StoreStatistics => structuredClone({ ...kinds, inFlight, inFlightMax });
  return Object.assign(store, { statistics });
}

function count(counters: Counters, durationMs: number, length: number, error: unknown): void {
  counters.count++;
  counters.totalMs += durationMs;
  counters.longestMs = Math.max(counters.longestMs, durationMs);
  if (error === undefined) counters.bytes += length;
  else counters.failedCount++;
}

function zeroCounters(): Counters {
  return { count: 0, failedCount: 0, bytes: 0, totalMs: 0, longestMs: 0 };
}
