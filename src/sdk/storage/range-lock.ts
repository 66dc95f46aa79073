/** A range of bytes that somebody writes to. */
export interface HeldRange {
  readonly from: number;
  readonly to: number;
  readonly exclusive: boolean;
  /** Where its place in the list of all is. */
  index: number;
  /** Who waits for its end. */
  waiting: (() => void)[] | undefined;
}

/**
 * Keeps writes of less than a unit (read it, change it, write it) apart from every other write
 * that touches the same unit. Writes of whole units are shared: they may overlap each other.
 */
export class RangeLock {
  readonly #held: HeldRange[] = [];
  #exclusive = 0;

  /** Bytes `[from, to)` for a write of whole units; undefined where it has to wait. */
  tryShare(from: number, to: number): HeldRange | undefined {
    if (this.#exclusive > 0 && this.#conflict(from, to, false) !== undefined) return undefined;
    return this.#hold(from, to, false);
  }

  share(from: number, to: number): Promise<HeldRange> {
    return this.#acquire(from, to, false);
  }

  /** Bytes `[from, to)` for nobody else. */
  exclude(from: number, to: number): Promise<HeldRange> {
    return this.#acquire(from, to, true);
  }

  release(range: HeldRange): void {
    const last = this.#held.pop() as HeldRange;
    if (last !== range) {
      this.#held[range.index] = last;
      last.index = range.index;
    }
    if (range.exclusive) this.#exclusive--;
    if (range.waiting !== undefined) for (const resume of range.waiting) resume();
  }

  #hold(from: number, to: number, exclusive: boolean): HeldRange {
    const range = { from, to, exclusive, index: this.#held.length, waiting: undefined };
    this.#held.push(range);
    if (exclusive) this.#exclusive++;
    return range;
  }

  async #acquire(from: number, to: number, exclusive: boolean): Promise<HeldRange> {
    // Looked at again after each wait: another may have been quicker.
    for (;;) {
      const conflict = this.#conflict(from, to, exclusive);
      if (conflict === undefined) return this.#hold(from, to, exclusive);
      await new Promise<void>((resolve) => {
        conflict.waiting ??= [];
        conflict.waiting.push(resolve);
      });
    }
  }

  #conflict(from: number, to: number, exclusive: boolean): HeldRange | undefined {
    return this.#held.find(
      (range) => (exclusive || range.exclusive) && range.from < to && from < range.to,
    );
  }
}
