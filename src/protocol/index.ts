export { ERRNO, type ErrnoName, errnoName } from "./errno.ts";
export { ProtocolError, SystemError, UsageError } from "./errors.ts";
export * from "./layout/index.ts";
export * from "./scsi/index.ts";
export * from "./scst/index.ts";
