import type { MaybePromise } from "../handler.ts";
import type { Outcome } from "../outcome.ts";

/** After so many bytes without having waited, others get their turn of the event loop. */
const UNINTERRUPTED_BYTES_MAX = 8 * 1024 * 1024;

/** Does `length` bytes at `at`. An outcome ends the whole, undefined goes on. */
export type Step = (at: number, length: number) => MaybePromise<Outcome | undefined>;

/**
 * Does `totalBytes` in steps of at most `chunkBytes`, one after the other. At once as long as
 * the steps are; a long run is interrupted for others now and then.
 */
export function inChunks(
  totalBytes: number,
  chunkBytes: number,
  step: Step,
): MaybePromise<Outcome | undefined> {
  for (let at = 0; at < totalBytes; at += chunkBytes) {
    if (at >= UNINTERRUPTED_BYTES_MAX) return goOn(undefined, at, totalBytes, chunkBytes, step);
    const result = step(at, Math.min(chunkBytes, totalBytes - at));
    if (result instanceof Promise) {
      return goOn(result, at + chunkBytes, totalBytes, chunkBytes, step);
    }
    if (result !== undefined) return result;
  }
  return undefined;
}

async function goOn(
  pending: Promise<Outcome | undefined> | undefined,
  from: number,
  totalBytes: number,
  chunkBytes: number,
  step: Step,
): Promise<Outcome | undefined> {
  let result = await pending;
  let sinceTurn = pending === undefined ? UNINTERRUPTED_BYTES_MAX : 0;
  for (let at = from; result === undefined && at < totalBytes; at += chunkBytes) {
    if (sinceTurn >= UNINTERRUPTED_BYTES_MAX) {
      await new Promise((resolve) => setImmediate(resolve));
      sinceTurn = 0;
    }
    result = await step(at, Math.min(chunkBytes, totalBytes - at));
    sinceTurn += chunkBytes;
  }
  return result;
}
