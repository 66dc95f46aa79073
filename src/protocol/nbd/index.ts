export * from "./constants.ts";
export * from "./handshake.ts";
export { readInfoRequest, readMetaContextRequest, readString } from "./option-data.ts";
export * from "./transmission.ts";
