/** The core as plain data: what SCST shows as a tree of files in sysfs. */
import type { AccessGroup } from "../access-group.ts";
import type { PoolStatistics } from "../buffer-pool.ts";
import type { Core } from "../core.ts";
import type { Device, DeviceAttributes } from "../device.ts";
import { InitiatorGroup } from "../initiator-group.ts";
import type { Session } from "../session.ts";
import type { Target } from "../target.ts";
import { addCounters, type CountersSnapshot, countersSnapshot, newCounters } from "./counters.ts";
import type { LatencySnapshot } from "./latency.ts";
import {
  type DeviceGroupSnapshot,
  deviceGroupSnapshot,
  type LimitsSnapshot,
  limitsSnapshot,
  type MemorySnapshot,
  memorySnapshot,
} from "./limits-snapshot.ts";

export interface CoreSnapshot {
  readonly targets: readonly TargetSnapshot[];
  readonly devices: readonly DeviceSnapshot[];
  /** Target port groups (ALUA). */
  readonly deviceGroups: readonly DeviceGroupSnapshot[];
  readonly bufferPools: readonly BufferPoolSnapshot[];
  /** Of all devices together. */
  readonly commandMemory: MemorySnapshot;
  readonly measuresLatency: boolean;
  readonly traces: boolean;
}

export interface TargetSnapshot {
  readonly name: string;
  /** The target driver: `"iscsi"`. */
  readonly driver: string;
  readonly relativeTargetPortIdentifier: number;
  readonly addressMethod: string;
  /** The default group first; the others in the order in which they are asked. */
  readonly groups: readonly GroupSnapshot[];
  readonly sessions: readonly SessionSnapshot[];
  /** Of all its sessions, also those that are over. */
  readonly counters: CountersSnapshot;
}

export interface GroupSnapshot {
  readonly name: string;
  /** Patterns; the default group has none. */
  readonly initiators: readonly string[];
  readonly luns: readonly LunSnapshot[];
}

export interface LunSnapshot {
  readonly lun: number;
  readonly device: string;
  readonly readOnly: boolean;
}

export interface SessionSnapshot {
  readonly name: string;
  readonly initiatorName: string;
  /** The name of the group whose LUNs it has. */
  readonly group: string;
  readonly attached: boolean;
  readonly activeCommands: number;
  readonly counters: CountersSnapshot;
  /** Absent where it has not been measured. */
  readonly latency?: LatencySnapshot;
}

export interface DeviceSnapshot {
  readonly name: string;
  /** `"user"` for a program with an open user device. */
  readonly handler: string;
  /** The peripheral device type. */
  readonly type: number;
  readonly blockSize: number;
  readonly exported: readonly ExportSnapshot[];
  /** How many I_T_L nexuses lead to it. */
  readonly nexuses: number;
  readonly activeCommands: number;
  /** An initiator has reserved it, or holds a persistent reservation. */
  readonly reserved: boolean;
  readonly limits: LimitsSnapshot;
  readonly attributes: DeviceAttributes;
  readonly counters: CountersSnapshot;
  /** Absent where it has not been measured. */
  readonly latency?: LatencySnapshot;
}

/** A LUN that leads to a device. */
export interface ExportSnapshot {
  readonly target: string;
  readonly group: string;
  readonly lun: number;
}

export interface BufferPoolSnapshot extends PoolStatistics {
  readonly name: string;
}

export function snapshotOf(core: Core): CoreSnapshot {
  const targets = [...core.targets.values()];
  const exported = exportsOf(targets);
  return {
    targets: targets.map(targetSnapshot),
    devices: [...core.devices.values()].map((each) => deviceSnapshot(each, exported.get(each))),
    deviceGroups: Array.from(core.deviceGroups.values(), deviceGroupSnapshot),
    commandMemory: memorySnapshot(core.commandMemory),
    bufferPools: [...core.bufferPools.statistics()],
    measuresLatency: core.observer.measuresLatency,
    traces: core.observer.trace !== undefined,
  };
}

/** One walk over all LUNs, not one a device. */
function exportsOf(targets: readonly Target[]): Map<Device, ExportSnapshot[]> {
  const exported = new Map<Device, ExportSnapshot[]>();
  for (const target of targets) {
    for (const group of groupsOf(target)) {
      for (const [lun, { device }] of group.luns) {
        const place = { target: target.name, group: group.name, lun };
        const places = exported.get(device);
        if (places === undefined) exported.set(device, [place]);
        else places.push(place);
      }
    }
  }
  return exported;
}

function groupsOf(target: Target): AccessGroup[] {
  return [target.defaultGroup, ...target.groups.values()];
}

function targetSnapshot(target: Target): TargetSnapshot {
  const counters = newCounters();
  addCounters(counters, target.pastCounters);
  const sessions: SessionSnapshot[] = [];
  for (const session of target.sessions) {
    addCounters(counters, session.counters);
    sessions.push(sessionSnapshot(session));
  }
  return {
    name: target.name,
    driver: target.driver.name,
    relativeTargetPortIdentifier: target.relativeTargetPortIdentifier,
    addressMethod: target.addressMethod,
    groups: groupsOf(target).map(groupSnapshot),
    sessions,
    counters: countersSnapshot(counters),
  };
}

function groupSnapshot(group: AccessGroup): GroupSnapshot {
  return {
    name: group.name,
    initiators: group instanceof InitiatorGroup ? [...group.initiators] : [],
    luns: Array.from(group.luns, ([lun, { device, readOnly }]) => ({
      lun,
      device: device.name,
      readOnly,
    })),
  };
}

function sessionSnapshot(session: Session): SessionSnapshot {
  return {
    name: session.name,
    initiatorName: session.initiatorName,
    group: session.group?.name ?? "",
    attached: session.attached,
    activeCommands: session.active.length,
    counters: countersSnapshot(session.counters),
    ...latencyOf(session),
  };
}

function deviceSnapshot(device: Device, exported: readonly ExportSnapshot[] = []): DeviceSnapshot {
  let activeCommands = 0;
  for (const nexus of device.nexuses) activeCommands += nexus.activeCount;
  return {
    name: device.name,
    handler: device.handlerName,
    type: device.type,
    blockSize: device.blockSize,
    exported,
    nexuses: device.nexuses.size,
    activeCommands,
    reserved: device.reservations.active,
    limits: limitsSnapshot(device),
    attributes: device.attributes,
    counters: countersSnapshot(device.counters),
    ...latencyOf(device),
  };
}

function latencyOf({ latency }: Pick<Device, "latency">): { latency?: LatencySnapshot } {
  return latency === undefined ? {} : { latency: latency.snapshot() };
}
