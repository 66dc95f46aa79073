/** Messages of the handshake phase (proto.md, "Newstyle negotiation"). All are big-endian. */
import { opaque64, uint, wire } from "../layout/index.ts";

/** The server's first words. */
export const Greeting = wire("newstyle greeting", {
  nbdMagic: opaque64(0),
  optionMagic: opaque64(8),
  handshakeFlags: uint(16, 17),
});

export const ClientFlags = wire("client flags", { flags: uint(0, 3) });

/** The head of an option request; `dataLength` bytes follow. */
export const OptionRequest = wire("option request", {
  magic: opaque64(0),
  option: uint(8, 11),
  dataLength: uint(12, 15),
});

/** The head of a reply to an option; `dataLength` bytes follow. */
export const OptionReply = wire("option reply", {
  magic: opaque64(0),
  option: uint(8, 11),
  replyType: uint(12, 15),
  dataLength: uint(16, 19),
});

/** The answer to NBD_OPT_EXPORT_NAME, without the zeros behind it. */
export const ExportNameReply = wire("NBD_OPT_EXPORT_NAME reply", {
  exportSize: uint(0, 7),
  transmissionFlags: uint(8, 9),
});

/** The head of NBD_REP_SERVER; name and description follow. */
export const ServerReply = wire("NBD_REP_SERVER", { nameLength: uint(0, 3) });

/** The head of every NBD_REP_INFO; a name or description follows those that have one. */
export const InfoReply = wire("NBD_REP_INFO", { infoType: uint(0, 1) });

export const InfoExport = wire("NBD_INFO_EXPORT", {
  infoType: uint(0, 1),
  exportSize: uint(2, 9),
  transmissionFlags: uint(10, 11),
});

export const InfoBlockSize = wire("NBD_INFO_BLOCK_SIZE", {
  infoType: uint(0, 1),
  minimumBlockSize: uint(2, 5),
  preferredBlockSize: uint(6, 9),
  maximumPayloadSize: uint(10, 13),
});

/** The head of NBD_REP_META_CONTEXT; the context's name follows. */
export const MetaContextReply = wire("NBD_REP_META_CONTEXT", { contextId: uint(0, 3) });
