export * from "./constants.ts";
export { crc32c, digestAt, putDigest } from "./digest.ts";
export * from "./keys.ts";
export { padded, PDU_OF_OPCODE, pduName, serialAdd, serialDifference } from "./pdu.ts";
export * from "./pdu-initiator.ts";
export * from "./pdu-target.ts";
export {
  decodeText,
  encodeText,
  TEXT_KEY_LENGTH_MAX,
  TEXT_VALUE_LENGTH_MAX,
  type TextLimits,
  type TextPair,
} from "./text.ts";
