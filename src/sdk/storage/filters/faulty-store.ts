import { ERRNO } from "../../../protocol/errno.ts";
import type { MaybePromise } from "../../handler.ts";
import type { BlockStore } from "../block-store.ts";
import { type StoreClock, storeClock } from "./clock.ts";
import { access, errnoError } from "../system-error.ts";
import { interceptedStore, type StoreCall } from "./filter.ts";

/** What happens to a call. */
export interface Fault {
  /** How long it waits before anything else happens. */
  readonly delayMs?: number;
  /** What it fails with, instead of being done. */
  readonly error?: keyof typeof ERRNO;
}

/** Delays calls and has them fail, as `faultOf` says of each: for tests of what is above. */
export function faultyStore(
  below: BlockStore,
  faultOf: (call: StoreCall) => Fault | undefined,
  options: { readonly clock?: StoreClock } = {},
): BlockStore {
  const { clock = storeClock } = options;
  return interceptedStore(below, (call, run) => {
    const { delayMs = 0, error } = faultOf(call) ?? {};
    const end = (): MaybePromise<void> => {
      if (error === undefined) return run();
      throw errnoError(ERRNO[error], access(call.kind, below.name, call.offset, call.length));
    };
    return delayMs > 0 ? passed(clock, delayMs).then(end) : end();
  });
}

/** Done when so much time is over. */
export function passed(clock: StoreClock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(milliseconds, resolve);
  });
}
