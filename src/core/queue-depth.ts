import { UsageError } from "../protocol/errors.ts";
import type { Clock, Timer } from "./clock.ts";

/**
 * How many commands an I_T_L nexus may have at once, unless said: what an iSCSI session lets its
 * initiator send, so that TASK SET FULL is nothing that it meets by itself.
 */
export const QUEUE_DEPTH_DEFAULT = 128;

/** How high that may be set. */
export const QUEUE_DEPTH_MAX = 65_535;

/** @throws UsageError QUEUE_DEPTH */
export function checkQueueDepth(depth: number): number {
  if (Number.isInteger(depth) && depth >= 1 && depth <= QUEUE_DEPTH_MAX) return depth;
  throw new UsageError(
    "QUEUE_DEPTH",
    `a queue depth of ${depth}: it must be a whole number from 1 to ${QUEUE_DEPTH_MAX}`,
  );
}

/** How much older than noted the begin of an execution may be. */
const TICK_MS = 100;

const INTERVAL_MS = 60_000;

/** An execution that takes this part of the command's timeout or less is quick. */
const QUICK_PART = 10;

/** One that takes more than this part of the timeout is slow. */
const SLOW_PART = 5;

/** A command that is being executed. */
export interface Execution {
  /** What {@link QueueDepth.begins} said, or negative where it was not asked. */
  readonly beganAt: number;
  readonly timeoutSeconds: number;
}

/**
 * How many commands each I_T_L nexus of a device may have at once. It is fixed, or it adapts to
 * what the device can do: the worst execution time is kept between a tenth and a fifth of the
 * command's timeout. A slower command halves the depth; an interval in which all were quicker
 * raises it by one.
 *
 * When an execution began is known to 100 ms, so that it costs one look at the clock a command,
 * at its end.
 */
export class QueueDepth {
  readonly #running: () => Iterable<Execution>;
  #max = QUEUE_DEPTH_DEFAULT;
  #current = QUEUE_DEPTH_DEFAULT;
  #clock: Clock | undefined;
  #timer: Timer | undefined;
  #intervalMs = INTERVAL_MS;
  /** When the clock was last looked at. */
  #latest = 0;
  #changedAt = 0;
  #intervalBeganAt = 0;
  /** What the interval has seen so far. */
  #ended = false;
  #allQuick = true;
  #worstMs = 0;
  #raisedCount = 0;
  #halvedCount = 0;

  /** @param running what the device is executing; asked for once an interval */
  constructor(running: () => Iterable<Execution>) {
    this.#running = running;
  }

  /** How many commands a nexus may have now. */
  get current(): number {
    return this.#current;
  }

  /** The most that it may become; SCST's `max_tgt_dev_commands`. */
  get max(): number {
    return this.#max;
  }

  /** @throws UsageError QUEUE_DEPTH when it is not a whole number from 1 to 65,535 */
  set max(max: number) {
    this.#max = checkQueueDepth(max);
    this.#current = this.adapts ? Math.min(this.#current, max) : max;
  }

  /** Whether it adapts. */
  get adapts(): boolean {
    return this.#clock !== undefined;
  }

  /** The longest execution since it adapts, in milliseconds. */
  get worstMs(): number {
    return this.#worstMs;
  }

  /** How often it has been raised. */
  get raisedCount(): number {
    return this.#raisedCount;
  }

  /** How often it has been halved. */
  get halvedCount(): number {
    return this.#halvedCount;
  }

  /**
   * From now on it adapts, beginning with {@link max}.
   *
   * @param options.intervalMs it is raised at most once in this time: a minute, unless said
   */
  adapt(clock: Clock, options: { readonly intervalMs?: number } = {}): void {
    const { intervalMs = INTERVAL_MS } = options;
    if (!(intervalMs >= TICK_MS)) {
      throw new UsageError("QUEUE_DEPTH_INTERVAL", `${intervalMs} ms: at least ${TICK_MS}`);
    }
    this.fix();
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#latest = clock.now();
    this.#changedAt = this.#latest;
    this.#worstMs = 0;
    this.#raisedCount = 0;
    this.#halvedCount = 0;
    this.#beginInterval();
    this.#timer = clock.after(TICK_MS, this.#tick);
  }

  /** From now on it is {@link max}. */
  fix(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#clock = undefined;
    this.#current = this.#max;
  }

  /** A command goes to the device: what it has to bring to {@link ends}. */
  begins(): number {
    return this.#clock === undefined ? -1 : this.#latest;
  }

  /** The device has executed a command. */
  ends(execution: Execution): void {
    if (this.#clock === undefined || execution.beganAt < 0) return;
    this.#latest = this.#clock.now();
    this.#ended = true;
    this.#judge(execution);
  }

  #judge({ beganAt, timeoutSeconds }: Execution): void {
    const elapsedMs = this.#latest - beganAt;
    const timeoutMs = timeoutSeconds * 1000;
    if (elapsedMs > this.#worstMs) this.#worstMs = elapsedMs;
    if (elapsedMs * QUICK_PART < timeoutMs) return;
    this.#allQuick = false;
    // One that is older than the last change says nothing of the depth that there is now.
    if (elapsedMs * SLOW_PART <= timeoutMs || beganAt < this.#changedAt) return;
    this.#changedAt = this.#latest;
    if (this.#current === 1) return;
    this.#current = Math.floor(this.#current / 2);
    this.#halvedCount++;
  }

  readonly #tick = (): void => {
    const clock = this.#clock;
    if (clock === undefined) return;
    this.#latest = clock.now();
    if (this.#latest - this.#intervalBeganAt >= this.#intervalMs) this.#endInterval();
    this.#timer = clock.after(TICK_MS, this.#tick);
  };

  #endInterval(): void {
    // One that hangs does not end, and counts all the same.
    for (const execution of this.#running()) if (execution.beganAt >= 0) this.#judge(execution);
    if (this.#ended && this.#allQuick && this.#current < this.#max) {
      this.#current++;
      this.#raisedCount++;
      this.#changedAt = this.#latest;
    }
    this.#beginInterval();
  }

  #beginInterval(): void {
    this.#intervalBeganAt = this.#latest;
    this.#ended = false;
    this.#allQuick = true;
  }
}
