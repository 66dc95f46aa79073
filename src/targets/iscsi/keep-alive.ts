import type { Clock, Timer } from "../../core/clock.ts";

export interface KeepAliveOptions {
  readonly clock: Clock;
  /** Milliseconds of silence after which the initiator is asked, and after as many given up. */
  readonly intervalMs: number;
  /** Bytes that wait for the initiator to take them. */
  readonly queuedLength: () => number;
  readonly ping: () => void;
  readonly dead: () => void;
}

/**
 * Every so often: has anything come, or has the initiator at least taken what was sent? If not, a
 * ping; if still not, the end.
 */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  #timer: Timer | undefined;
  #stopped = false;
  #heard = false;
  #asked = false;
  #queuedLength = 0;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#wait();
  }

  /** Something has come. */
  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    if (this.#stopped) return;
    const { clock, intervalMs } = this.#options;
    this.#timer = clock.after(intervalMs, () => this.#look());
  }

  #look(): void {
    const queuedLength = this.#options.queuedLength();
    const taken = queuedLength < this.#queuedLength;
    this.#queuedLength = queuedLength;
    if (this.#heard || taken) {
      this.#heard = false;
      this.#asked = false;
    } else if (this.#asked) {
      this.#options.dead();
      return;
    } else {
      this.#asked = true;
      this.#options.ping();
    }
    this.#wait();
  }
}
