/** Limits and access states, as plain data. */
import type { DeviceGroup } from "../alua/device-group.ts";
import type { Device } from "../device.ts";
import type { CommandMemory } from "../flow-control.ts";

export interface MemorySnapshot {
  /** Bytes of the data of commands under way. */
  readonly used: number;
  /** Null where there is no limit. */
  readonly max: number | null;
}

export interface LimitsSnapshot {
  /** Commands of one initiator. */
  readonly queueDepth: {
    readonly current: number;
    readonly max: number;
    readonly adapts: boolean;
    /** The longest execution since it adapts, in milliseconds. */
    readonly worstMs: number;
    readonly raised: number;
    readonly halved: number;
  };
  /** Commands of all initiators; null where there is no limit. */
  readonly commandsMax: number | null;
  readonly commandMemory: MemorySnapshot;
  /** How often the device is suspended. */
  readonly suspended: number;
}

export interface DeviceGroupSnapshot {
  readonly name: string;
  readonly devices: readonly string[];
  readonly targetGroups: readonly {
    readonly name: string;
    readonly groupId: number;
    readonly state: string;
    readonly preferred: boolean;
    readonly targets: readonly string[];
  }[];
}

export function limitsSnapshot(device: Device): LimitsSnapshot {
  const { current, max, adapts, worstMs, raisedCount, halvedCount } = device.queueDepth;
  return {
    queueDepth: { current, max, adapts, worstMs, raised: raisedCount, halved: halvedCount },
    commandsMax: limitOf(device.commandsMax),
    commandMemory: memorySnapshot(device.commandMemory),
    suspended: device.suspension.count,
  };
}

export function memorySnapshot({ used, max }: CommandMemory): MemorySnapshot {
  return { used, max: limitOf(max) };
}

/** JSON has no infinity. */
function limitOf(max: number): number | null {
  return Number.isFinite(max) ? max : null;
}

export function deviceGroupSnapshot(group: DeviceGroup): DeviceGroupSnapshot {
  return {
    name: group.name,
    devices: Array.from(group.devices, ({ name }) => name),
    targetGroups: Array.from(group.targetGroups.values(), (targetGroup) => ({
      name: targetGroup.name,
      groupId: targetGroup.groupId,
      state: targetGroup.state,
      preferred: targetGroup.preferred,
      targets: Array.from(targetGroup.targets, ({ name }) => name),
    })),
  };
}
