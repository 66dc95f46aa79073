export type { IscsiAccess } from "./auth/access.ts";
export {
  CHAP_SECRET_LENGTH_MAX,
  CHAP_SECRET_LENGTH_MIN,
  type ChapOptions,
  type ChapUser,
} from "./auth/chap-account.ts";
export type { ChapDigestName } from "./auth/chap-digest.ts";
export {
  type IscsiConfig,
  iscsiOptionsFromJson,
  type SecretReader,
} from "./config/iscsi-config.ts";
export type { IscsiExport, IscsiGroup, IscsiLuns, IscsiRedirect } from "./exported-target.ts";
export { ISCSI_LIMITS, type IscsiLimits } from "./limits.ts";
export type { PortalAddress } from "./portal.ts";
export { type IscsiPortal, IscsiServer, type IscsiServerOptions } from "./server.ts";
export type { ConnectionStatistics, IscsiStatistics, SessionStatistics } from "./statistics.ts";
export type { Transport, TransportEvents } from "../socket/transport.ts";
