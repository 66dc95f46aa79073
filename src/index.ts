/**
 * scst-user: write SCSI devices in TypeScript.
 *
 * A device handler runs over `/dev/scst_user` of a Linux kernel with SCST, or over the whole
 * SCST core in this process.
 */
export {
  ACCESS_STATE,
  type AccessState,
  Core,
  type CoreOptions,
  createCore,
  type DeviceGroup,
  type DeviceGroupOptions,
  type Log,
  type LogEntry,
  type SetTargetPortGroups,
  type SetTargetPortGroupsRequest,
  type Target,
  type TargetGroup,
  type TargetGroupOptions,
  type CommandTrace,
  type CoreSnapshot,
  PROMETHEUS_CONTENT_TYPE,
  prometheusText,
  type TraceEntry,
  traceLine,
  type TraceOptions,
} from "./core/index.ts";
export { ProtocolError, SystemError, UsageError } from "./protocol/errors.ts";
export * from "./protocol/scsi/index.ts";
export * from "./protocol/scst/index.ts";
export * from "./sdk/index.ts";
export * from "./targets/index.ts";
