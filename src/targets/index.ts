export {
  type IscsiExport,
  type IscsiLimits,
  IscsiServer,
  type IscsiServerOptions,
  type PortalAddress,
} from "./iscsi/index.ts";
export {
  LocalInitiator,
  type LocalRequest,
  type LocalResponse,
  LocalTarget,
  type LocalTask,
} from "./local/index.ts";
