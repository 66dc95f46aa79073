import type { Device } from "../../../core/device.ts";
import { Part } from "./part.ts";
import type { Transmission } from "./transmission.ts";

/**
 * How many SCSI commands a connection has under way: as many as the device's queue depth says, for
 * what is more the core answers TASK SET FULL. Parts beyond that wait here, in their order.
 */
export class PartWindow {
  readonly #phase: Transmission;
  readonly #device: Device;
  readonly #pool: Part[] = [];
  readonly #waiting: Part[] = [];
  /** Parts whose commands have not ended, or whose data have not left. */
  #issuedCount = 0;
  #deferred = false;

  constructor(phase: Transmission, device: Device) {
    this.#phase = phase;
    this.#device = device;
  }

  /** No further command may be issued. */
  get full(): boolean {
    return this.#issuedCount >= this.#device.queueDepth.current;
  }

  /** Somebody waits: who does not need its command any more should let go of it. */
  get crowded(): boolean {
    return this.#waiting.length > 0;
  }

  /** A part as new. */
  take(): Part {
    return this.#pool.pop() ?? new Part(this.#phase);
  }

  recycle(part: Part): void {
    part.reset();
    this.#pool.push(part);
  }

  /** Issues the part's command, now or when its turn has come. */
  enter(part: Part): void {
    if (this.#waiting.length === 0 && !this.full) {
      this.#issue(part);
      return;
    }
    this.#waiting.push(part);
  }

  #issue(part: Part): void {
    this.#issuedCount++;
    part.enter();
  }

  /** For parts: the command is over, and with it its place. */
  left(): void {
    this.#issuedCount--;
    if (this.#waiting.length === 0 || this.#deferred) return;
    // Not at once: a reply may be half written, and the next command may end here and now.
    this.#deferred = true;
    this.#phase.session.core.defer(this);
  }

  /** For the core, at the end of a batch. */
  flush(): void {
    this.#deferred = false;
    while (this.#waiting.length > 0 && !this.full) this.#issue(this.#waiting.shift() as Part);
  }

  /** Nobody waits any more. */
  clear(): void {
    this.#waiting.length = 0;
  }
}
