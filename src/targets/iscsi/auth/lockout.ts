import type { Clock } from "../../../core/clock.ts";

/** Addresses that are remembered; past that the one that failed longest ago is forgotten. */
const ADDRESS_COUNT_MAX = 4096;

interface Failures {
  count: number;
  /** When they are forgotten. */
  endMs: number;
}

/** Makes guessing slow: an address whose logins keep failing has to wait. */
export class Lockout {
  readonly #clock: Clock;
  readonly #failureCountMax: number;
  readonly #timeMs: number;
  readonly #byAddress = new Map<string, Failures>();

  /** @param options `failureCountMax` failures within `timeMs` lock an address out for as long */
  constructor(clock: Clock, options: { failureCountMax: number; timeMs: number }) {
    this.#clock = clock;
    this.#failureCountMax = options.failureCountMax;
    this.#timeMs = options.timeMs;
  }

  /** Nobody may log in from there for now, not even with the right secret. */
  isOut(address: string): boolean {
    const failures = this.#failuresOf(address);
    return failures !== undefined && failures.count >= this.#failureCountMax;
  }

  failed(address: string): void {
    const count = (this.#failuresOf(address)?.count ?? 0) + 1;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { count, endMs: this.#clock.now() + this.#timeMs });
    if (this.#byAddress.size > ADDRESS_COUNT_MAX) {
      for (const oldest of this.#byAddress.keys()) {
        this.#byAddress.delete(oldest);
        break;
      }
    }
  }

  succeeded(address: string): void {
    this.#byAddress.delete(address);
  }

  #failuresOf(address: string): Failures | undefined {
    const failures = this.#byAddress.get(address);
    if (failures === undefined || failures.endMs > this.#clock.now()) return failures;
    this.#byAddress.delete(address);
    return undefined;
  }
}
