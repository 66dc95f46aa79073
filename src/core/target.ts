import { UsageError } from "../protocol/errors.ts";
import { SCST_MAX_EXTERNAL_NAME } from "../protocol/scst/index.ts";
import { AccessGroup, type LunEntry, type LunOptions } from "./access-group.ts";
import { ADDRESS_METHOD, type AddressMethod } from "./address-method.ts";
import type { BufferRegistrar } from "./buffer-registration.ts";
import type { Core } from "./core.ts";
import type { Device } from "./device.ts";
import { InitiatorGroup } from "./initiator-group.ts";
import { addCounters, newCounters } from "./observe/counters.ts";
import { localTransportId } from "./reservations/transport-id.ts";
import { INITIATOR_NAME_LENGTH_MAX, Session } from "./session.ts";
import type { TargetDriver } from "./target-driver.ts";

/** The longest name of a group. */
const GROUP_NAME_LENGTH_MAX = SCST_MAX_EXTERNAL_NAME - 1;

/** How many groups a target may have beside the default one. */
export const GROUPS_PER_TARGET_MAX = 1024;

export interface TargetOptions {
  readonly name: string;
  readonly driver: TargetDriver;
  /** The transport's version descriptor (SPC-5, "Version descriptors"). */
  readonly transportVersion?: number;
  /** Default: "peripheral", where a LUN above 255 is written flat all the same. */
  readonly addressMethod?: AddressMethod;
  /**
   * Whether the driver is asked to tell of changes by itself ({@link TargetDriver.asyncEvent}).
   * Default: true.
   */
  readonly asyncEvents?: boolean;
}

/**
 * A SCSI target port. An initiator has the LUNs of the first group with a pattern that its name
 * fits, else those of the default group.
 */
export class Target {
  readonly core: Core;
  readonly name: string;
  readonly driver: TargetDriver;
  readonly transportVersion: number;
  readonly addressMethod: AddressMethod;
  /** False: initiators hear of changes as unit attentions, whatever the driver can. */
  asyncEvents: boolean;
  readonly relativeTargetPortIdentifier: number;
  /** It is going away: no session can be opened. */
  closing = false;
  /** What the driver has mapped, where it has to; it is the same for all its targets. */
  readonly registrar: BufferRegistrar | undefined;
  /** What sessions that are over have counted. */
  readonly pastCounters = newCounters();
  readonly defaultGroup = new AccessGroup(this, "default");
  readonly #groups = new Map<string, InitiatorGroup>();
  readonly #sessions = new Map<string, Session>();

  constructor(core: Core, options: TargetOptions, relativeTargetPortIdentifier: number) {
    this.core = core;
    this.name = options.name;
    this.driver = options.driver;
    this.transportVersion = options.transportVersion ?? 0;
    this.addressMethod = options.addressMethod ?? "peripheral";
    this.asyncEvents = options.asyncEvents ?? true;
    this.relativeTargetPortIdentifier = relativeTargetPortIdentifier;
    this.registrar = core.registrarOf(options.driver);
    if (!Object.hasOwn(ADDRESS_METHOD, this.addressMethod)) {
      throw new UsageError(
        "ADDRESS_METHOD",
        `addressMethod "${this.addressMethod}": it must be ${Object.keys(ADDRESS_METHOD).join(", ")}`,
      );
    }
  }

  /** The LUNs of the default group. */
  get luns(): ReadonlyMap<number, LunEntry> {
    return this.defaultGroup.luns;
  }

  /** By name, in the order in which they are asked. */
  get groups(): ReadonlyMap<string, InitiatorGroup> {
    return this.#groups;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Adds a LUN to the default group: {@link AccessGroup.addLun}. */
  addLun(lun: number, device: Device | string, options: LunOptions = {}): void {
    this.defaultGroup.addLun(lun, device, options);
  }

  /** Takes a LUN away from the default group. */
  removeLun(lun: number): void {
    this.defaultGroup.removeLun(lun);
  }

  /**
   * Adds a group behind those that there are. No initiator belongs to it before it has a pattern.
   *
   * @throws UsageError GROUP_NAME_LENGTH, GROUP_NAME_TAKEN, GROUPS_MAX
   */
  addGroup(name: string): InitiatorGroup {
    if (name.length === 0 || name.length > GROUP_NAME_LENGTH_MAX) {
      throw new UsageError(
        "GROUP_NAME_LENGTH",
        `a group's name has 1 to ${GROUP_NAME_LENGTH_MAX} characters, not ${name.length}`,
      );
    }
    if (this.#groups.has(name)) {
      throw new UsageError("GROUP_NAME_TAKEN", `${this.name} has a group "${name}" already`);
    }
    if (this.#groups.size >= GROUPS_PER_TARGET_MAX) {
      throw new UsageError(
        "GROUPS_MAX",
        `${this.name} has ${GROUPS_PER_TARGET_MAX} groups already`,
      );
    }
    const group = new InitiatorGroup(this, name);
    this.#groups.set(name, group);
    return group;
  }

  /**
   * Takes a group away. Its sessions move to the groups that fit them now.
   *
   * @throws UsageError GROUP_UNKNOWN
   */
  removeGroup(name: string): void {
    const group = this.#groups.get(name);
    if (group === undefined) {
      throw new UsageError("GROUP_UNKNOWN", `${this.name} has no group "${name}"`);
    }
    this.#groups.delete(name);
    this.reassign((session) => session.group === group);
    group.retire();
  }

  /** The group that an initiator of this name belongs to. */
  groupFor(initiatorName: string): AccessGroup {
    for (const group of this.#groups.values()) if (group.fits(initiatorName)) return group;
    return this.defaultGroup;
  }

  /** What an initiator of this name sees, whether it is logged in or not. */
  lunsFor(initiatorName: string): ReadonlyMap<number, LunEntry> {
    return this.groupFor(initiatorName).luns;
  }

  /** Patterns have changed: the sessions asked for go where they belong now. */
  reassign(concerned: (session: Session) => boolean): void {
    this.core.enter();
    try {
      for (const session of this.#sessions.values()) {
        if (session.closing || !concerned(session)) continue;
        const group = this.groupFor(session.initiatorName);
        if (group !== session.group) group.take(session);
      }
    } finally {
      this.core.leave();
    }
  }

  /** The device is going away: so do the LUNs that lead to it. */
  removeDevice(device: Device): void {
    this.defaultGroup.removeDevice(device);
    for (const group of this.#groups.values()) group.removeDevice(device);
  }

  /** A device is there: so are the LUNs that one of its name has left. */
  restoreDevice(device: Device): void {
    this.defaultGroup.restoreDevice(device);
    for (const group of this.#groups.values()) group.restoreDevice(device);
  }

  /**
   * An initiator has logged in. Commands may be submitted at once: they wait until attached.
   *
   * @throws UsageError INITIATOR_NAME_LENGTH, TARGET_CLOSING
   */
  openSession(options: { initiatorName: string; transportId?: Uint8Array }): Session {
    const { initiatorName } = options;
    if (this.closing) throw new UsageError("TARGET_CLOSING", `${this.name} is going away`);
    if (initiatorName.length === 0 || initiatorName.length > INITIATOR_NAME_LENGTH_MAX) {
      throw new UsageError(
        "INITIATOR_NAME_LENGTH",
        `an initiator name has 1 to ${SCST_MAX_EXTERNAL_NAME - 1} characters, ` +
          `not ${initiatorName.length}`,
      );
    }
    const name = this.#uniqueName(initiatorName);
    const transportId = options.transportId ?? localTransportId(name);
    const session = new Session(this.core, this, { initiatorName, name, transportId });
    this.#sessions.set(session.name, session);
    this.core.enter();
    try {
      this.groupFor(initiatorName).take(session);
    } finally {
      this.core.leave();
    }
    return session;
  }

  forget(session: Session): void {
    this.#sessions.delete(session.name);
    addCounters(this.pastCounters, session.counters);
    session.group?.forget(session);
  }

  /** A second session of the same initiator gets a number behind its name. */
  #uniqueName(initiatorName: string): string {
    let name = initiatorName;
    for (let i = 1; this.#sessions.has(name); i++) {
      const suffix = `_${i}`;
      name = initiatorName.slice(0, INITIATOR_NAME_LENGTH_MAX - suffix.length) + suffix;
    }
    return name;
  }
}
