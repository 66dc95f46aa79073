import type { BlockStore } from "../block-store.ts";
import { type StoreClock, storeClock } from "./clock.ts";
import { interceptedStore, type StoreCall, watched } from "./filter.ts";

/** A call that is over. */
export interface StoreLogEntry extends StoreCall {
  /** Milliseconds from its beginning to its end. */
  readonly durationMs: number;
  /** What it failed with; undefined where it did not. */
  readonly error: unknown;
}

/** Tells `log` of every call when it is over, in the order of their ends. */
export function loggedStore(
  below: BlockStore,
  log: (entry: StoreLogEntry) => void,
  options: { readonly clock?: StoreClock } = {},
): BlockStore {
  const { clock = storeClock } = options;
  return interceptedStore(below, (call, run) => {
    const begin = clock.now();
    return watched(run, (error) => log({ ...call, durationMs: clock.now() - begin, error }));
  });
}
