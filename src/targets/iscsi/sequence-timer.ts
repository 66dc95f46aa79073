import type { Clock, Timer } from "../../core/clock.ts";
import type { FullFeature } from "./full-feature.ts";
import { awaitsDataOut, sequenceTimedOut } from "./tasks/data-out.ts";

/**
 * Every so often: which tasks of a connection wait for data-out of which nothing has come since
 * the last time (RFC 7143, "Sequence Errors": a sequence reception timeout)?
 */
export class SequenceTimer {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #batch: (work: () => void) => void;
  readonly #phase: FullFeature;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: {
    clock: Clock;
    intervalMs: number;
    phase: FullFeature;
    /** Runs what sends. */
    batch: (work: () => void) => void;
  }) {
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
    this.#phase = options.phase;
    this.#batch = options.batch;
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(this.#intervalMs, () => {
      this.#batch(() => this.#look());
      this.#wait();
    });
  }

  #look(): void {
    const phase = this.#phase;
    if (phase.taskCount === 0) return;
    for (const task of phase.session.tasks.values()) {
      if (task.phase !== phase || !awaitsDataOut(task)) continue;
      const stands = task.receivedBefore === task.received;
      task.receivedBefore = task.received;
      if (!stands) continue;
      task.receivedBefore = -1;
      sequenceTimedOut(phase, task);
    }
  }
}
