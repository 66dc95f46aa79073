import { UsageError } from "../../protocol/errors.ts";
import { SENSE } from "../../protocol/scsi/index.ts";
import type { Core } from "../core.ts";
import type { Device } from "../device.ts";
import type { Nexus } from "../nexus.ts";
import type { Session } from "../session.ts";
import type { Target } from "../target.ts";
import type { AccessState } from "./access-state.ts";
import { TargetGroup, type TargetGroupOptions } from "./target-group.ts";

/** SCST's number of target port groups that one SET TARGET PORT GROUPS can name. */
export const TARGET_GROUPS_MAX = 64;

const GROUP_ID_MAX = 65_535;

/** What an initiator asks for by SET TARGET PORT GROUPS. */
export interface SetTargetPortGroupsRequest {
  /** Whose initiator asks. */
  readonly session: Session;
  /** To which logical unit the command came. */
  readonly device: Device;
  /** Groups that are not in the wanted state yet; there is at least one. */
  readonly changes: readonly {
    readonly targetGroup: TargetGroup;
    readonly from: AccessState;
    readonly to: AccessState;
  }[];
}

/**
 * Makes the change, and says whether it is made: then the core sets the states. Until then they are
 * "transitioning". False and a throw are refusals.
 */
export type SetTargetPortGroups = (
  request: SetTargetPortGroupsRequest,
) => boolean | Promise<boolean>;

export interface DeviceGroupOptions {
  /**
   * Initiators may change states (explicit ALUA). Without it only the program does: SET TARGET
   * PORT GROUPS is refused.
   */
  readonly setTargetPortGroups?: SetTargetPortGroups;
}

/**
 * Devices that have the same target port groups (SPC-5, "Asymmetric logical unit access"; SCST's
 * device groups). Initiators find them by TPGS in the INQUIRY data, which the core puts there.
 */
export class DeviceGroup {
  readonly core: Core;
  readonly name: string;
  readonly setTargetPortGroups: SetTargetPortGroups | undefined;
  readonly #devices = new Set<Device>();
  /** Names that devices were given by: the next device of the name belongs here too. */
  readonly #names = new Set<string>();
  readonly #targetGroups = new Map<string, TargetGroup>();

  /** Use `core.addDeviceGroup`. */
  constructor(core: Core, name: string, options: DeviceGroupOptions) {
    this.core = core;
    this.name = name;
    this.setTargetPortGroups = options.setTargetPortGroups;
  }

  get devices(): ReadonlySet<Device> {
    return this.#devices;
  }

  /** By name. */
  get targetGroups(): ReadonlyMap<string, TargetGroup> {
    return this.#targetGroups;
  }

  /**
   * Makes a device one of the group. If it is given by its name, so is the next one of the name,
   * when the device has gone and comes back.
   *
   * @throws UsageError DEVICE_UNKNOWN, DEVICE_IN_GROUP
   */
  addDevice(device: Device | string): void {
    const found = this.core.deviceOf(device);
    this.#add(found);
    if (typeof device === "string") this.#names.add(device);
  }

  #add(found: Device): void {
    if (found.deviceGroup !== undefined) {
      throw new UsageError(
        "DEVICE_IN_GROUP",
        `device "${found.name}" is in group "${found.deviceGroup.name}" already: it can be in one`,
      );
    }
    this.#devices.add(found);
    found.deviceGroup = this;
    // TPGS is another one, whatever group its target ports are in.
    if (!this.#regroup(found)) found.inquiryDataChanged();
  }

  /** Takes a device out of the group. */
  removeDevice(device: Device): void {
    this.#names.delete(device.name);
    this.deviceGone(device);
  }

  /** A device is there: it belongs here if the last one of its name did. */
  deviceCame(device: Device): void {
    if (this.#names.has(device.name) && device.deviceGroup === undefined) this.#add(device);
  }

  /** The device is going away. */
  deviceGone(device: Device): void {
    if (!this.#devices.delete(device)) return;
    device.deviceGroup = undefined;
    for (const nexus of device.nexuses) assign(nexus, undefined);
    device.inquiryDataChanged();
  }

  /**
   * @param options.groupId the identifier that initiators know the group by
   * @throws UsageError GROUP_NAME_TAKEN, GROUP_ID, TARGET_GROUPS_MAX, ACCESS_STATE
   */
  addTargetGroup(name: string, options: TargetGroupOptions): TargetGroup {
    const { groupId } = options;
    if (this.#targetGroups.has(name)) {
      throw new UsageError("GROUP_NAME_TAKEN", `"${this.name}" has a group "${name}" already`);
    }
    if (!Number.isInteger(groupId) || groupId < 1 || groupId > GROUP_ID_MAX) {
      throw new UsageError("GROUP_ID", `group id ${groupId}: it must be 1 to ${GROUP_ID_MAX}`);
    }
    if (this.targetGroupById(groupId) !== undefined) {
      throw new UsageError("GROUP_ID", `"${this.name}" has a group with the id ${groupId} already`);
    }
    if (this.#targetGroups.size >= TARGET_GROUPS_MAX) {
      throw new UsageError(
        "TARGET_GROUPS_MAX",
        `"${this.name}" has ${TARGET_GROUPS_MAX} target groups already`,
      );
    }
    const group = new TargetGroup(this, name, options);
    this.#targetGroups.set(name, group);
    return group;
  }

  removeTargetGroup(name: string): void {
    if (!this.#targetGroups.delete(name)) return;
    this.regroup();
  }

  targetGroupById(groupId: number): TargetGroup | undefined {
    return [...this.#targetGroups.values()].find((group) => group.groupId === groupId);
  }

  targetGroupOf(target: Target): TargetGroup | undefined {
    return [...this.#targetGroups.values()].find(({ targets }) => targets.has(target));
  }

  /** Membership has changed: each nexus gets its group again, and is told where it is another. */
  regroup(): void {
    for (const device of this.#devices) this.#regroup(device);
  }

  #regroup(device: Device): boolean {
    let changed = false;
    for (const nexus of device.nexuses) {
      if (assign(nexus, this.targetGroupOf(nexus.session.target))) changed = true;
    }
    // The Device Identification VPD page names the target port group.
    if (changed) device.inquiryDataChanged();
    return changed;
  }

  /** A new nexus of one of the devices. */
  welcome(nexus: Nexus): void {
    nexus.targetGroup = this.targetGroupOf(nexus.session.target);
  }

  /**
   * SPC-5, "Asymmetric access state changes": every I_T nexus is told but the one that asked for
   * the change.
   */
  tellStateChanged(asking: Session | undefined): void {
    for (const { nexuses } of this.#devices) {
      for (const nexus of nexuses) {
        if (nexus.session !== asking) nexus.tell(SENSE.ASYMMETRIC_ACCESS_STATE_CHANGED);
      }
    }
  }

  /** A target is taken away from the core. */
  removeTarget(target: Target): void {
    for (const group of this.#targetGroups.values()) group.removeTarget(target);
  }

  /** The group is taken away from the core. */
  retire(): void {
    for (const device of this.#devices) this.removeDevice(device);
    for (const name of this.#targetGroups.keys()) this.removeTargetGroup(name);
  }
}

/** Whether that is another group than before: what waited for its state asks again. */
function assign(nexus: Nexus, group: TargetGroup | undefined): boolean {
  const before = nexus.targetGroup;
  if (before === group) return false;
  nexus.targetGroup = group;
  before?.release(nexus);
  return true;
}
