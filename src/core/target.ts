import { UsageError } from "../protocol/errors.ts";
import { SCST_MAX_EXTERNAL_NAME, SCST_MAX_LUN } from "../protocol/scst/index.ts";
import type { Core } from "./core.ts";
import type { Device } from "./device.ts";
import { localTransportId } from "./reservations/transport-id.ts";
import { INITIATOR_NAME_LENGTH_MAX, Session } from "./session.ts";
import type { TargetDriver } from "./target-driver.ts";

/** A logical unit number and what stands behind it. */
export interface LunEntry {
  readonly device: Device;
  readonly readOnly: boolean;
}

/** A SCSI target port. Its LUNs are what every initiator sees; groups of initiators come later. */
export class Target {
  readonly core: Core;
  readonly name: string;
  readonly driver: TargetDriver;
  /** The transport's version descriptor (SPC-5, "Version descriptors"). */
  readonly transportVersion: number;
  readonly relativeTargetPortIdentifier: number;
  readonly #luns = new Map<number, LunEntry>();
  readonly #sessions = new Map<string, Session>();

  constructor(
    core: Core,
    name: string,
    driver: TargetDriver,
    transportVersion: number,
    relativeTargetPortIdentifier: number,
  ) {
    this.core = core;
    this.name = name;
    this.driver = driver;
    this.transportVersion = transportVersion;
    this.relativeTargetPortIdentifier = relativeTargetPortIdentifier;
  }

  get luns(): ReadonlyMap<number, LunEntry> {
    return this.#luns;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Makes `device` a LUN for the sessions that there are and those to come. */
  addLun(lun: number, device: Device | string, options: { readOnly?: boolean } = {}): void {
    if (!Number.isInteger(lun) || lun < 0 || lun > SCST_MAX_LUN) {
      throw new UsageError(
        "LUN_RANGE",
        `LUN ${lun}: it must be a whole number from 0 to ${SCST_MAX_LUN}`,
      );
    }
    if (this.#luns.has(lun)) {
      throw new UsageError("LUN_TAKEN", `LUN ${lun} of ${this.name} is taken`);
    }
    const entry = { device: this.core.deviceOf(device), readOnly: options.readOnly ?? false };
    this.#luns.set(lun, entry);
    this.core.enter();
    try {
      for (const session of this.#sessions.values())
        session.attach(lun, entry.device, entry.readOnly);
    } finally {
      this.core.leave();
    }
  }

  /** Takes a LUN away from everybody. */
  removeLun(lun: number): void {
    if (!this.#luns.delete(lun)) {
      throw new UsageError("LUN_UNKNOWN", `${this.name} has no LUN ${lun}`);
    }
    this.core.enter();
    try {
      for (const session of this.#sessions.values()) session.detach(lun);
    } finally {
      this.core.leave();
    }
  }

  /** The device is going away: so do the LUNs that lead to it. */
  removeDevice(device: Device): void {
    for (const [lun, entry] of this.#luns) {
      if (entry.device === device) this.removeLun(lun);
    }
  }

  /** An initiator has logged in. Commands may be submitted at once: they wait until attached. */
  openSession(options: { initiatorName: string; transportId?: Uint8Array }): Session {
    const { initiatorName } = options;
    if (initiatorName.length === 0 || initiatorName.length > INITIATOR_NAME_LENGTH_MAX) {
      throw new UsageError(
        "INITIATOR_NAME_LENGTH",
        `an initiator name has 1 to ${SCST_MAX_EXTERNAL_NAME - 1} characters, ` +
          `not ${initiatorName.length}`,
      );
    }
    const name = this.#uniqueName(initiatorName);
    const transportId = options.transportId ?? localTransportId(name);
    const session = new Session(this.core, this, name, transportId);
    this.#sessions.set(session.name, session);
    this.core.enter();
    try {
      for (const [lun, { device, readOnly }] of this.#luns) session.attach(lun, device, readOnly);
      session.attachedIfIdle();
    } finally {
      this.core.leave();
    }
    return session;
  }

  forget(session: Session): void {
    this.#sessions.delete(session.name);
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
