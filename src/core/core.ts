import { UsageError } from "../protocol/errors.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Device } from "./device.ts";
import { type Log, noLog } from "./log.ts";
import type { StateStore } from "./reservations/state-store.ts";
import { Target, type TargetOptions } from "./target.ts";

export interface CoreOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /**
   * Where persistent reservations survive a loss of power. Without one they do not, and
   * initiators are told so.
   */
  readonly stateStore?: StateStore;
}

/** How many target ports there may be (relative target port identifiers are 1 to 65535). */
const TARGETS_MAX = 65_535;

/** Something that waits for the end of a batch. */
export interface Deferred {
  /** Called once after each {@link Core.defer}, at the end of the batch. May not throw. */
  flush(): void;
}

/** The SCSI mid-level: it brings devices and target drivers together. */
export class Core {
  readonly clock: Clock;
  readonly log: Log;
  readonly stateStore: StateStore | undefined;
  readonly #devices = new Map<string, Device>();
  readonly #targets = new Map<string, Target>();
  #handles = 0;
  #targetPorts = 0;
  #depth = 0;
  readonly #wakes: Deferred[] = [];
  readonly #deferred: Deferred[] = [];

  constructor(options: CoreOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.log = options.log ?? noLog;
    this.stateStore = options.stateStore;
  }

  /**
   * Begins a batch: commands submitted until {@link leave} are given to their handlers together,
   * and responses leave together. Batches nest.
   */
  enter(): void {
    this.#depth++;
  }

  /** Ends a batch: handlers run now, then whatever {@link defer} put off. */
  leave(): void {
    try {
      if (this.#depth === 1) this.#settle();
    } finally {
      this.#depth--;
    }
  }

  #settle(): void {
    // Both lists may grow while they are worked off.
    while (this.#wakes.length > 0 || this.#deferred.length > 0) {
      const next = this.#wakes.length > 0 ? this.#wakes.pop() : this.#deferred.pop();
      next?.flush();
    }
  }

  /** Puts a handler's turn off to the end of the batch. Once a batch: the caller sees to it. */
  wake(waiting: Deferred): void {
    this.#wakes.push(waiting);
    if (this.#depth === 0) this.#settleNow();
  }

  /** Puts work off until the batch's handlers have run: a socket writes its responses then. */
  defer(work: Deferred): void {
    this.#deferred.push(work);
    if (this.#depth === 0) this.#settleNow();
  }

  #settleNow(): void {
    this.enter();
    this.leave();
  }

  /** The next handle of a nexus. */
  nextHandle(): number {
    this.#handles++;
    return this.#handles;
  }

  get devices(): ReadonlyMap<string, Device> {
    return this.#devices;
  }

  get targets(): ReadonlyMap<string, Target> {
    return this.#targets;
  }

  /** The device itself, or the one of that name. */
  deviceOf(device: Device | string): Device {
    if (typeof device !== "string") return device;
    const found = this.#devices.get(device);
    if (found === undefined)
      throw new UsageError("DEVICE_UNKNOWN", `there is no device "${device}"`);
    return found;
  }

  addDevice(device: Device): void {
    if (this.#devices.has(device.name)) {
      throw new UsageError("DEVICE_NAME_TAKEN", `there is a device "${device.name}" already`);
    }
    this.#devices.set(device.name, device);
  }

  removeDevice(device: Device): void {
    this.#devices.delete(device.name);
    for (const target of this.#targets.values()) target.removeDevice(device);
  }

  addTarget(options: TargetOptions): Target {
    const { name } = options;
    if (this.#targets.has(name)) {
      throw new UsageError("TARGET_NAME_TAKEN", `there is a target "${name}" already`);
    }
    if (this.#targetPorts === TARGETS_MAX) {
      throw new UsageError("TARGETS_MAX", `there are ${TARGETS_MAX} targets already`);
    }
    const target = new Target(this, options, this.#targetPorts + 1);
    this.#targetPorts++;
    this.#targets.set(name, target);
    return target;
  }

  /** Takes a target away. Its sessions must have been closed. */
  removeTarget(target: Target): void {
    const [open] = target.sessions;
    if (open !== undefined) {
      throw new UsageError("TARGET_IN_USE", `${target.name} still has the session ${open.name}`);
    }
    this.#targets.delete(target.name);
  }
}

/** A core: the start of everything in loopback mode. */
export function createCore(options?: CoreOptions): Core {
  return new Core(options);
}
