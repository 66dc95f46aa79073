export { formatBinary, parseBinary } from "./binary-value.ts";
export * from "./constants.ts";
export { crc32c, digestAt, putDigest } from "./digest.ts";
export * from "./keys.ts";
export { padded, PDU_OF_OPCODE, pduName, serialAdd, serialDifference } from "./pdu.ts";
export * from "./pdu-initiator.ts";
export * from "./pdu-target.ts";
export { decodeText, encodeText, type TextPair } from "./text.ts";
