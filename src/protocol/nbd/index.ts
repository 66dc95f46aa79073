export * from "./constants.ts";
export * from "./handshake.ts";
export {
  type InfoRequest,
  type MetaContextRequest,
  readInfoRequest,
  readMetaContextRequest,
  readString,
} from "./option-data.ts";
export * from "./transmission.ts";
