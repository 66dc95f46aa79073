import { UsageError } from "../../../protocol/errors.ts";
import type { BlockStore } from "../block-store.ts";
import { type StoreClock, storeClock } from "./clock.ts";
import { passed } from "./faulty-store.ts";
import { interceptedStore, type StoreCall } from "./filter.ts";

export interface RateLimits {
  /** Calls a second, of any kind. */
  readonly operationsPerSecond?: number;
  /** Bytes a second, read and written together. */
  readonly bytesPerSecond?: number;
  /** How much of both may be used at once after a pause, in milliseconds of the rate. 100. */
  readonly burstMs?: number;
  readonly clock?: StoreClock;
}

/**
 * Keeps a device within rates: a call that comes too early waits for its turn, and turns are in
 * the order of the calls.
 *
 * @throws UsageError STORE_RATE where a rate is no positive number
 */
export function rateLimitedStore(below: BlockStore, limits: RateLimits): BlockStore {
  const { operationsPerSecond = Infinity, bytesPerSecond = Infinity } = limits;
  const { burstMs = 100, clock = storeClock } = limits;
  for (const rate of [operationsPerSecond, bytesPerSecond]) checkRate(rate);
  const operations = new Schedule(1000 / operationsPerSecond, burstMs);
  const bytes = new Schedule(1000 / bytesPerSecond, burstMs);
  return interceptedStore(below, (call, run) => {
    const now = clock.now();
    const start = Math.max(operations.take(now, 1), bytes.take(now, bytesOf(call)));
    return start > now ? passed(clock, start - now).then(run) : run();
  });
}

/** Bytes that move. */
function bytesOf({ kind, length }: StoreCall): number {
  return kind === "read" || kind === "write" ? length : 0;
}

/** When things may begin that come at a rate: each takes its time, a burst may be ahead of it. */
class Schedule {
  readonly #msEach: number;
  readonly #burstMs: number;
  /** When all that was taken would be over at the rate. */
  #over = -Infinity;

  constructor(msEach: number, burstMs: number) {
    this.#msEach = msEach;
    this.#burstMs = burstMs;
  }

  /** The earliest time for `count` more, which are taken by that. */
  take(now: number, count: number): number {
    const turn = Math.max(this.#over, now);
    this.#over = turn + count * this.#msEach;
    return Math.max(now, turn - this.#burstMs);
  }
}

function checkRate(rate: number): void {
  if (rate > 0) return;
  throw new UsageError("STORE_RATE", `a rate of ${rate} a second: it must be more than 0`);
}
