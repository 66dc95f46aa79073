/** Time, passed in. The core's `Clock` fits. */
export interface StoreClock {
  /** Milliseconds from any start; never goes back. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now. */
  after(delayMs: number, callback: () => void): unknown;
}

/** The machine's own. What waits for it keeps the process alive: somebody waits for its data. */
export const storeClock: StoreClock = {
  now: () => performance.now(),
  after: (delayMs, callback) => setTimeout(callback, delayMs),
};
