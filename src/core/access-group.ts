import { UsageError } from "../protocol/errors.ts";
import { SCST_MAX_LUN } from "../protocol/scst/index.ts";
import type { Device } from "./device.ts";
import type { Session } from "./session.ts";
import type { Target } from "./target.ts";

/** A logical unit number and what stands behind it. */
export interface LunEntry {
  readonly device: Device;
  readonly readOnly: boolean;
}

/** How a LUN is given to the initiators of a group. */
export interface LunOptions {
  /** Commands that write end with DATA PROTECT. Default: false. */
  readonly readOnly?: boolean;
}

/** A LUN that waits for the return of its device. */
export interface VacantLun {
  readonly deviceName: string;
  readonly readOnly: boolean;
}

interface GroupEntry extends LunEntry {
  /** Its LUN comes back with the next device of its name. */
  readonly byName: boolean;
}

/** What the initiators of one group see of a target. Every session belongs to one group. */
export class AccessGroup {
  readonly target: Target;
  readonly name: string;
  readonly #luns = new Map<number, GroupEntry>();
  /** LUNs whose device was given by its name, and has gone. */
  readonly #vacant = new Map<number, VacantLun>();
  readonly #sessions = new Set<Session>();
  #removed = false;

  constructor(target: Target, name: string) {
    this.target = target;
    this.name = name;
  }

  get luns(): ReadonlyMap<number, LunEntry> {
    return this.#luns;
  }

  /** The LUNs whose device was given by its name and has gone: they come back with it. */
  get vacantLuns(): ReadonlyMap<number, VacantLun> {
    return this.#vacant;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /**
   * Makes `device` a LUN for the sessions that there are and those to come. Initiators are told
   * by REPORTED LUNS DATA HAS CHANGED.
   *
   * A LUN that was given a device by its name outlives that: it comes back with the next device
   * of the name, unless it is taken away or given another device.
   *
   * @param lun 0 to 16383
   * @throws UsageError LUN_RANGE, LUN_TAKEN, DEVICE_UNKNOWN, GROUP_REMOVED
   */
  addLun(lun: number, device: Device | string, options: LunOptions = {}): void {
    this.checkThere();
    checkLun(lun);
    if (this.#luns.has(lun)) {
      throw new UsageError("LUN_TAKEN", `LUN ${lun} of ${this.#title} is taken`);
    }
    const entry = this.#enter(lun, device, options);
    this.#rearrange((session) => {
      session.attach(lun, entry.device, entry.readOnly);
      return true;
    });
  }

  /**
   * Puts another device behind a LUN, or the same with another `readOnly`. Initiators are told by
   * INQUIRY DATA HAS CHANGED, unless `quietly`. A LUN that is not there is added.
   *
   * @throws UsageError LUN_RANGE, DEVICE_UNKNOWN, GROUP_REMOVED
   */
  replaceLun(
    lun: number,
    device: Device | string,
    options: LunOptions & { readonly quietly?: boolean } = {},
  ): void {
    if (!this.#luns.has(lun)) {
      this.addLun(lun, device, options);
      return;
    }
    this.checkThere();
    const inquiryChanged = options.quietly !== true;
    const entry = this.#enter(lun, device, options);
    this.#rearrange((session) => {
      session.replace(lun, entry.device, entry.readOnly, inquiryChanged);
      return false;
    });
  }

  /**
   * Takes a LUN away; commands under way come to their end. Initiators are told by REPORTED LUNS
   * DATA HAS CHANGED.
   *
   * @throws UsageError LUN_UNKNOWN, GROUP_REMOVED
   */
  removeLun(lun: number): void {
    this.checkThere();
    if (this.#vacant.delete(lun)) return;
    if (!this.#luns.has(lun)) {
      throw new UsageError("LUN_UNKNOWN", `${this.#title} has no LUN ${lun}`);
    }
    this.#remove([lun]);
  }

  /** Takes all LUNs away. */
  clear(): void {
    this.checkThere();
    this.#vacant.clear();
    this.#remove([...this.#luns.keys()]);
  }

  /** The device is going away: so do the LUNs that lead to it. */
  removeDevice(device: Device): void {
    const luns: number[] = [];
    for (const [lun, entry] of this.#luns) {
      if (entry.device !== device) continue;
      luns.push(lun);
      const { readOnly } = entry;
      if (entry.byName) this.#vacant.set(lun, { deviceName: device.name, readOnly });
    }
    this.#remove(luns);
  }

  /** A device is there: so are the LUNs that wait for one of its name. */
  restoreDevice(device: Device): void {
    const restored: [number, GroupEntry][] = [];
    for (const [lun, { deviceName, readOnly }] of this.#vacant) {
      if (deviceName !== device.name) continue;
      restored.push([lun, { device, readOnly, byName: true }]);
    }
    if (restored.length === 0) return;
    for (const [lun, entry] of restored) {
      this.#vacant.delete(lun);
      this.#luns.set(lun, entry);
    }
    this.#rearrange((session) => {
      for (const [lun, { readOnly }] of restored) session.attach(lun, device, readOnly);
      return true;
    });
  }

  /** Makes a session one of the group: what it sees becomes what the group has. */
  take(session: Session): void {
    session.group?.forget(session);
    session.group = this;
    this.#sessions.add(session);
    session.rearrange(() => this.#fit(session));
  }

  forget(session: Session): void {
    this.#sessions.delete(session);
  }

  /** The target has taken the group away: it is of no use any more. */
  retire(): void {
    this.#removed = true;
    this.#luns.clear();
    this.#vacant.clear();
  }

  protected checkThere(): void {
    if (this.#removed) {
      throw new UsageError("GROUP_REMOVED", `${this.#title} has been removed`);
    }
  }

  get #title(): string {
    return `group "${this.name}" of ${this.target.name}`;
  }

  #enter(lun: number, device: Device | string, { readOnly = false }: LunOptions): GroupEntry {
    const byName = typeof device === "string";
    const entry = { device: this.target.core.deviceOf(device), readOnly, byName };
    this.#vacant.delete(lun);
    this.#luns.set(lun, entry);
    return entry;
  }

  #remove(luns: readonly number[]): void {
    if (luns.length === 0) return;
    for (const lun of luns) this.#luns.delete(lun);
    this.#rearrange((session) => {
      for (const lun of luns) session.detach(lun);
      return true;
    });
  }

  /** Changes the LUNs of every session; `change` says whether its list of LUNs is another one. */
  #rearrange(change: (session: Session) => boolean): void {
    const { core } = this.target;
    core.enter();
    try {
      for (const session of this.#sessions) session.rearrange(() => change(session));
    } finally {
      core.leave();
    }
  }

  /** LUNs that lead to the same device in the same way stay as they are. */
  #fit(session: Session): boolean {
    let changed = false;
    for (const [lun, { device, readOnly }] of this.#luns) {
      const before = session.behind(lun);
      if (before?.device === device && before.readOnly === readOnly) continue;
      changed = true;
      session.detach(lun);
      session.attach(lun, device, readOnly, before !== undefined);
    }
    for (const lun of session.occupied) {
      if (this.#luns.has(lun)) continue;
      changed = true;
      session.detach(lun);
    }
    return changed;
  }
}

function checkLun(lun: number): void {
  if (Number.isInteger(lun) && lun >= 0 && lun <= SCST_MAX_LUN) return;
  throw new UsageError(
    "LUN_RANGE",
    `LUN ${lun}: it must be a whole number from 0 to ${SCST_MAX_LUN}`,
  );
}
