import { UsageError } from "../protocol/errors.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Command } from "./command.ts";
import { COMMAND_STATE } from "./command-state.ts";
import type { Device } from "./device.ts";

/** SCST waits as long for commands to end before it gives up. */
export const SUSPEND_TIMEOUT_MS = 90_000;

/** What timers can do. */
const SUSPEND_TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** @throws UsageError SUSPEND_TIMEOUT */
export function checkTimeout(timeoutMs: number): void {
  if (timeoutMs >= 0 && timeoutMs <= SUSPEND_TIMEOUT_MS_MAX) return;
  throw new UsageError(
    "SUSPEND_TIMEOUT",
    `${timeoutMs} ms: it must be from 0 to ${SUSPEND_TIMEOUT_MS_MAX}`,
  );
}

/** Commands that wait until their device may begin new ones again. */
export class Suspension {
  /** New commands wait: asked of every command. */
  active = false;
  /** Somebody waits until nothing runs: asked at every command's end. */
  awaited = false;
  #count = 0;
  #held: Command[] = [];
  readonly #idleWaits = new Set<() => void>();
  readonly #activeCount: () => number;

  /** @param activeCount how many commands the device has, with those that wait here */
  constructor(activeCount: () => number) {
    this.#activeCount = activeCount;
  }

  /** How many commands wait. */
  get heldCount(): number {
    return this.#held.length;
  }

  /** How often it has been suspended and not resumed. */
  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count++;
    this.active = true;
  }

  /** Ends one suspension. After the last one `proceed` is called for what waits, in its order. */
  end(proceed: (command: Command) => void): void {
    if (this.#count === 0) return;
    this.#count--;
    // One that proceeds may suspend again, and a new one may not overtake the others.
    while (this.#count === 0) {
      const command = this.#held.shift();
      if (command === undefined) break;
      proceed(command);
    }
    this.active = this.#count > 0;
  }

  /** The device is gone: nobody will resume it. */
  endAll(proceed: (command: Command) => void): void {
    this.#count = Math.min(this.#count, 1);
    this.end(proceed);
  }

  hold(command: Command): void {
    if (command.state !== COMMAND_STATE.INIT_WAIT) command.moveTo(COMMAND_STATE.INIT_WAIT);
    this.#held.push(command);
  }

  /** A waiting command will not begin. */
  forget(command: Command): void {
    const index = this.#held.indexOf(command);
    if (index >= 0) this.#held.splice(index, 1);
  }

  /** Calls `idle` once when nothing runs, perhaps at once; what it returns takes that back. */
  whenIdle(idle: () => void): () => void {
    if (this.#isIdle) {
      idle();
      return () => undefined;
    }
    this.#idleWaits.add(idle);
    this.awaited = true;
    return () => {
      this.#idleWaits.delete(idle);
      this.awaited = this.#idleWaits.size > 0;
    };
  }

  /** A command has ended. */
  checkIdle(): void {
    if (!this.#isIdle) return;
    const waits = [...this.#idleWaits];
    this.#idleWaits.clear();
    this.awaited = false;
    for (const idle of waits) idle();
  }

  get #isIdle(): boolean {
    return this.#activeCount() === this.#held.length;
  }
}

/**
 * Calls `done` once: with true when none of the devices runs anything, with false if that takes
 * too long. What it returns takes that back.
 */
export function whenAllIdle(
  devices: readonly Device[],
  clock: Clock,
  timeoutMs: number,
  done: (idle: boolean) => void,
): () => void {
  let waiting = devices.length + 1;
  let timer: Timer | undefined;
  const idle = () => {
    waiting--;
    if (waiting > 0) return;
    timer?.cancel();
    done(true);
  };
  const waits = devices.map(({ suspension }) => suspension.whenIdle(idle));
  const withdraw = () => {
    timer?.cancel();
    for (const takeBack of waits) takeBack();
  };
  if (waiting > 1) {
    timer = clock.after(timeoutMs, () => {
      withdraw();
      done(false);
    });
  }
  idle();
  return withdraw;
}
