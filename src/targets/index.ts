export {
  ISCSI_LIMITS,
  type IscsiExport,
  type IscsiLimits,
  IscsiServer,
  type IscsiServerOptions,
  type PortalAddress,
  type Transport,
  type TransportEvents,
} from "./iscsi/index.ts";
export {
  LocalInitiator,
  type LocalRequest,
  type LocalResponse,
  type LocalEvent,
  LocalTarget,
  type LocalTask,
} from "./local/index.ts";
