export type { AccessGroup, LunEntry, LunOptions, VacantLun } from "./access-group.ts";
export type { AddressMethod } from "./address-method.ts";
export { ACCESS_STATE, type AccessState } from "./alua/access-state.ts";
export type {
  DeviceGroup,
  DeviceGroupOptions,
  SetTargetPortGroups,
  SetTargetPortGroupsRequest,
} from "./alua/device-group.ts";
export type { TargetGroup, TargetGroupOptions } from "./alua/target-group.ts";
export type { AsyncEvent } from "./async-event.ts";
export type { BufferPool, PoolStatistics, SizeClassStatistics } from "./buffer-pool.ts";
export { type Clock, systemClock, type Timer } from "./clock.ts";
export { Command } from "./command.ts";
export {
  COMMAND_STATE,
  COMMAND_TRANSITIONS,
  type CommandState,
  mayFollow,
} from "./command-state.ts";
export { Core, type CoreOptions, createCore, type Deferred, type SuspendOptions } from "./core.ts";
export type { CommandMemory, FlowLimits } from "./flow-control.ts";
export type { InitiatorGroup } from "./initiator-group.ts";
export { type Log, type LogEntry, noLog } from "./log.ts";
export type { Nexus } from "./nexus.ts";
export type { Execution, QueueDepth } from "./queue-depth.ts";
export type { DataBuffer } from "./data-buffer.ts";
export type { Device, DeviceAttributes, ParsedBy } from "./device.ts";
export type { ByDirection, CountersSnapshot } from "./observe/counters.ts";
export type { HistogramSnapshot } from "./observe/histogram.ts";
export type { LatencySnapshot } from "./observe/latency.ts";
export type {
  DeviceGroupSnapshot,
  LimitsSnapshot,
  MemorySnapshot,
} from "./observe/limits-snapshot.ts";
export type { Observer } from "./observe/observer.ts";
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from "./observe/prometheus.ts";
export type {
  BufferPoolSnapshot,
  CoreSnapshot,
  DeviceSnapshot,
  ExportSnapshot,
  GroupSnapshot,
  LunSnapshot,
  SessionSnapshot,
  TargetSnapshot,
} from "./observe/snapshot.ts";
export { type CommandTrace, TRACE_CAPACITY_MAX, type TraceOptions } from "./observe/trace.ts";
export { type TraceEntry, traceLine } from "./observe/trace-entry.ts";
export type { StateStore } from "./reservations/state-store.ts";
export type { Session } from "./session.ts";
export type { Target, TargetOptions } from "./target.ts";
export type { TargetDriver } from "./target-driver.ts";
export { TASK_MANAGEMENT_STATUS, type TaskManagementRequest } from "./task-management.ts";
export { UserDevice } from "./user-device.ts";
export type { MemorySegment, UserMemory } from "./user-memory.ts";
