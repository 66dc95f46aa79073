import { UsageError } from "../protocol/errors.ts";
import { DeviceGroup, type DeviceGroupOptions } from "./alua/device-group.ts";
import { BufferPools } from "./buffer-pools.ts";
import { BufferRegistrar } from "./buffer-registration.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Device } from "./device.ts";
import { CommandMemory, type FlowLimits, flowLimits } from "./flow-control.ts";
import { proceed } from "./life-cycle.ts";
import { type Log, noLog } from "./log.ts";
import { Observer } from "./observe/observer.ts";
import { type CoreSnapshot, snapshotOf } from "./observe/snapshot.ts";
import type { StateStore } from "./reservations/state-store.ts";
import { checkTimeout, SUSPEND_TIMEOUT_MS, whenAllIdle } from "./suspension.ts";
import { Target, type TargetOptions } from "./target.ts";
import type { TargetDriver } from "./target-driver.ts";

export interface CoreOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /**
   * Where persistent reservations survive a loss of power. Without one they do not, and
   * initiators are told so.
   */
  readonly stateStore?: StateStore;
  /**
   * Data-in buffers that served another command are zeroed before a handler gets them: one that
   * answers with more bytes than it wrote shows no initiator another's data. Default: false.
   */
  readonly strictSecurity?: boolean;
  /** How many commands there may be, and how much memory for them. */
  readonly limits?: FlowLimits;
}

/** What is suspended, and how long that may take. */
export interface SuspendOptions {
  /** One device; every device that there is and will be unless said. */
  readonly device?: Device | string;
  /** Milliseconds until it is given up; SCST's 90 seconds unless said. */
  readonly timeoutMs?: number;
}

/** How many target ports there may be (relative target port identifiers are 1 to 65535). */
const TARGETS_MAX = 65_535;

/** How many device groups there may be. */
const DEVICE_GROUPS_MAX = 1024;

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
  /** Of all devices together. */
  readonly commandMemory = new CommandMemory();
  readonly #limits: Required<FlowLimits>;
  readonly #devices = new Map<string, Device>();
  readonly #targets = new Map<string, Target>();
  readonly #deviceGroups = new Map<string, DeviceGroup>();
  readonly strictSecurity: boolean;
  readonly bufferPools = new BufferPools();
  /** Latencies and the trace of commands: both are off until they are started. */
  readonly observer: Observer;
  readonly #registrars = new Map<TargetDriver, BufferRegistrar>();
  #handles = 0;
  #targetPorts = 0;
  #depth = 0;
  /** How often all devices have been suspended and not resumed. */
  #suspendCount = 0;
  readonly #wakes: Deferred[] = [];
  readonly #deferred: Deferred[] = [];

  constructor(options: CoreOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.log = options.log ?? noLog;
    this.stateStore = options.stateStore;
    this.#limits = flowLimits(options.limits);
    this.commandMemory.max = this.#limits.commandMemoryMax;
    this.strictSecurity = options.strictSecurity ?? false;
    this.observer = new Observer(this, this.clock);
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
    const { queueDepthMax, deviceCommandsMax, deviceCommandMemoryMax } = this.#limits;
    device.queueDepth.max = queueDepthMax;
    device.commandsMax = deviceCommandsMax;
    device.commandMemory.max = deviceCommandMemoryMax;
    if (this.#limits.dynamicQueueDepth) device.queueDepth.adapt(this.clock);
    for (let i = 0; i < this.#suspendCount; i++) device.suspension.begin();
    this.#devices.set(device.name, device);
    for (const group of this.#deviceGroups.values()) group.deviceCame(device);
    for (const target of this.#targets.values()) target.restoreDevice(device);
  }

  /**
   * The device is gone. LUNs that were given to it by its name come back when one of that name is
   * added; the others are removed.
   */
  removeDevice(device: Device): void {
    this.#devices.delete(device.name);
    device.queueDepth.fix();
    device.deviceGroup?.deviceGone(device);
    for (const target of this.#targets.values()) target.removeDevice(device);
    device.suspension.endAll(proceed);
  }

  /**
   * New commands wait, in their order, until what this returns is called; suspensions are counted.
   * Commands that have begun come to their end: `done` is called, perhaps at once, with true when
   * there are none left. With false when that took too long: the suspension is over then. Task
   * management goes on, for it may be what ends a command.
   *
   * @returns ends the suspension; the second call and all later ones do nothing
   * @throws UsageError DEVICE_UNKNOWN, SUSPEND_TIMEOUT
   */
  suspend(done: (idle: boolean) => void, options: SuspendOptions = {}): () => void {
    const { device, timeoutMs = SUSPEND_TIMEOUT_MS } = options;
    checkTimeout(timeoutMs);
    const one = device === undefined ? undefined : this.deviceOf(device);
    const devices = () => (one === undefined ? [...this.#devices.values()] : [one]);
    if (one === undefined) this.#suspendCount++;
    for (const { suspension } of devices()) suspension.begin();
    let resumed = false;
    const resume = () => {
      if (resumed) return;
      resumed = true;
      withdraw();
      if (one === undefined) this.#suspendCount--;
      this.enter();
      try {
        for (const { suspension } of devices()) suspension.end(proceed);
      } finally {
        this.leave();
      }
    };
    const withdraw = whenAllIdle(devices(), this.clock, timeoutMs, (idle) => {
      if (!idle) resume();
      done(idle);
    });
    return resume;
  }

  /** By name. */
  get deviceGroups(): ReadonlyMap<string, DeviceGroup> {
    return this.#deviceGroups;
  }

  /**
   * Adds a group of devices with target port groups of their own (asymmetric logical unit access).
   *
   * @throws UsageError GROUP_NAME_TAKEN, DEVICE_GROUPS_MAX
   */
  addDeviceGroup(name: string, options: DeviceGroupOptions = {}): DeviceGroup {
    if (this.#deviceGroups.has(name)) {
      throw new UsageError("GROUP_NAME_TAKEN", `there is a device group "${name}" already`);
    }
    if (this.#deviceGroups.size >= DEVICE_GROUPS_MAX) {
      throw new UsageError("DEVICE_GROUPS_MAX", `there are ${DEVICE_GROUPS_MAX} groups already`);
    }
    const group = new DeviceGroup(this, name, options);
    this.#deviceGroups.set(name, group);
    return group;
  }

  /** Takes a device group away: its devices are no longer in any. */
  removeDeviceGroup(name: string): void {
    this.#deviceGroups.get(name)?.retire();
    this.#deviceGroups.delete(name);
  }

  /** Tells every initiator of the device that its INQUIRY data have changed. */
  inquiryDataChanged(device: Device | string): void {
    this.enter();
    try {
      this.deviceOf(device).inquiryDataChanged();
    } finally {
      this.leave();
    }
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

  /** Ends a target's sessions by force and takes it away; `done` is called when it is gone. */
  closeTarget(target: Target, done: () => void): void {
    target.closing = true;
    const sessions = [...target.sessions];
    let waiting = sessions.length + 1;
    const closed = () => {
      waiting--;
      if (waiting > 0) return;
      this.removeTarget(target);
      done();
    };
    for (const session of sessions) session.forceClose(closed);
    closed();
  }

  /** What a target driver has mapped; undefined for one that has no need to. */
  registrarOf(driver: TargetDriver): BufferRegistrar | undefined {
    if (driver.registerBuffer === undefined) return undefined;
    let registrar = this.#registrars.get(driver);
    if (registrar === undefined) {
      registrar = new BufferRegistrar(this, driver);
      this.#registrars.set(driver, registrar);
    }
    return registrar;
  }

  /** Everything there is, as plain data: what SCST shows in sysfs. */
  snapshot(): CoreSnapshot {
    return snapshotOf(this);
  }

  /** Takes a target away. Its sessions must have been closed. */
  removeTarget(target: Target): void {
    const [open] = target.sessions;
    if (open !== undefined) {
      throw new UsageError("TARGET_IN_USE", `${target.name} still has the session ${open.name}`);
    }
    target.closing = true;
    if (this.#targets.get(target.name) === target) this.#targets.delete(target.name);
    for (const group of this.#deviceGroups.values()) group.removeTarget(target);
    const { driver } = target;
    for (const other of this.#targets.values()) if (other.driver === driver) return;
    this.#registrars.get(driver)?.close();
    this.#registrars.delete(driver);
  }
}

/** A core: the start of everything in loopback mode. */
export function createCore(options?: CoreOptions): Core {
  return new Core(options);
}
