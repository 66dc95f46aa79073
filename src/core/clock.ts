/** Time, passed in: tests advance it, nothing sleeps. */
export interface Clock {
  /** Milliseconds from any start; never goes back. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now; must not keep the process alive by itself. */
  after(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
