/**
 * Messages of the transmission phase (proto.md, "Transmission phase"; its extension-ext-header
 * branch for the extended ones). The cookie is opaque: eight bytes, as two halves.
 */
import { uint, wire } from "../layout/index.ts";

const request = {
  magic: uint(0, 3),
  flags: uint(4, 5),
  type: uint(6, 7),
  cookieHigh: uint(8, 11),
  cookieLow: uint(12, 15),
  exportOffset: uint(16, 23),
};

export const CompactRequest = wire("compact request", { ...request, length: uint(24, 27) });

/** With NBD_CMD_FLAG_PAYLOAD_LEN `length` is that of the payload. */
export const ExtendedRequest = wire("extended request", { ...request, length: uint(24, 31) });

export const SimpleReply = wire("simple reply", {
  magic: uint(0, 3),
  error: uint(4, 7),
  cookieHigh: uint(8, 11),
  cookieLow: uint(12, 15),
});

const chunk = {
  magic: uint(0, 3),
  flags: uint(4, 5),
  type: uint(6, 7),
  cookieHigh: uint(8, 11),
  cookieLow: uint(12, 15),
};

/** The head of a chunk; `length` bytes of payload follow. */
export const StructuredReply = wire("structured reply chunk", { ...chunk, length: uint(16, 19) });

/** The same with extended headers; `exportOffset` is that of the request. */
export const ExtendedReply = wire("extended reply chunk", {
  ...chunk,
  exportOffset: uint(16, 23),
  length: uint(24, 31),
});

/** The head of NBD_REPLY_TYPE_OFFSET_DATA's payload; the data follow. */
export const OffsetData = wire("NBD_REPLY_TYPE_OFFSET_DATA", { exportOffset: uint(0, 7) });

export const OffsetHole = wire("NBD_REPLY_TYPE_OFFSET_HOLE", {
  exportOffset: uint(0, 7),
  holeLength: uint(8, 11),
});

/** The head of NBD_REPLY_TYPE_ERROR's payload; a message may follow. */
export const ErrorChunk = wire("NBD_REPLY_TYPE_ERROR", {
  error: uint(0, 3),
  messageLength: uint(4, 5),
});

/** The head of NBD_REPLY_TYPE_BLOCK_STATUS's payload; extents follow. */
export const BlockStatus = wire("NBD_REPLY_TYPE_BLOCK_STATUS", { contextId: uint(0, 3) });

export const BlockStatusExtent = wire("block status extent", {
  length: uint(0, 3),
  state: uint(4, 7),
});

/** The head of NBD_REPLY_TYPE_BLOCK_STATUS_EXT's payload; extents follow. */
export const BlockStatusExt = wire("NBD_REPLY_TYPE_BLOCK_STATUS_EXT", {
  contextId: uint(0, 3),
  extentCount: uint(4, 7),
});

export const BlockStatusExtExtent = wire("extended block status extent", {
  length: uint(0, 7),
  state: uint(8, 15),
});
