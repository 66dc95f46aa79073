export { ISCSI_LIMITS, type IscsiLimits } from "./limits.ts";
export type { PortalAddress } from "./portal.ts";
export { type IscsiExport, IscsiServer, type IscsiServerOptions } from "./server.ts";
export type { Transport, TransportEvents } from "./transport.ts";
