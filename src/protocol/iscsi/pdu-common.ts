import { bits, byte, flag, octets, uint } from "../layout/index.ts";

/** The fields that every PDU has (RFC 7143, "Basic Header Segment (BHS)"). */
export const common = {
  immediate: flag(0, 6),
  opcode: bits(0, 5, 0),
  /** In words of four bytes. */
  totalAhsLength: byte(4),
  /** Bytes, without padding and digest. */
  dataSegmentLength: uint(5, 7),
  initiatorTaskTag: uint(16, 19),
};

/** Sequence numbers of a request from the initiator. */
export const requestNumbers = {
  cmdSn: uint(24, 27),
  expStatSn: uint(28, 31),
};

/** Sequence numbers of a response from the target. */
export const responseNumbers = {
  statSn: uint(24, 27),
  expCmdSn: uint(28, 31),
  maxCmdSn: uint(32, 35),
};

/** F, and the eight bytes of the LUN. */
export const final = flag(1, 7);
export const lun = octets(8, 15);
