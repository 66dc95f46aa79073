/**
 * The numbers of the NBD protocol (NetworkBlockDevice/nbd, doc/proto.md). Each table is an object
 * and a union type of the same name; the document writes `NBD_CMD_READ` for `CommandType.read`.
 */

/** The port that IANA gave to NBD. */
export const NBD_PORT = 10_809;
/** The longest string: a name, a query, an error message, in bytes. */
export const STRING_LENGTH_MAX = 4096;

/** The first eight bytes of a server: "NBDMAGIC". */
export const NBD_MAGIC = 0x4e42_444d_4147_4943n;
/** What follows in newstyle negotiation, and begins each option: "IHAVEOPT". */
export const OPTION_MAGIC = 0x4948_4156_454f_5054n;
export const OPTION_REPLY_MAGIC = 0x0003_e889_0455_65a9n;
export const REQUEST_MAGIC = 0x2560_9513;
export const EXTENDED_REQUEST_MAGIC = 0x21e4_1c71;
export const SIMPLE_REPLY_MAGIC = 0x6744_6698;
export const STRUCTURED_REPLY_MAGIC = 0x668e_33ef;
export const EXTENDED_REPLY_MAGIC = 0x6e8a_278c;

/** Zeros behind the answer to NBD_OPT_EXPORT_NAME, unless the client can do without. */
export const EXPORT_NAME_PADDING_LENGTH = 124;

/** Handshake flags of the server; the client's have the same bits. */
export const HandshakeFlag = { fixedNewstyle: 1 << 0, noZeroes: 1 << 1 } as const;

export const TransmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  rotational: 1 << 4,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
  sendCache: 1 << 10,
  sendFastZero: 1 << 11,
} as const;

export const OptionType = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
  extendedHeaders: 11,
} as const;
export type OptionType = (typeof OptionType)[keyof typeof OptionType];

export const OptionReplyType = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errUnsup: 0x8000_0001,
  errPolicy: 0x8000_0002,
  errInvalid: 0x8000_0003,
  errPlatform: 0x8000_0004,
  errTlsReqd: 0x8000_0005,
  errUnknown: 0x8000_0006,
  errShutdown: 0x8000_0007,
  errBlockSizeReqd: 0x8000_0008,
  errTooBig: 0x8000_0009,
  errExtHeaderReqd: 0x8000_000a,
} as const;
export type OptionReplyType = (typeof OptionReplyType)[keyof typeof OptionReplyType];

export const InfoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const;
export type InfoType = (typeof InfoType)[keyof typeof InfoType];

export const CommandType = {
  read: 0,
  write: 1,
  disc: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;
export type CommandType = (typeof CommandType)[keyof typeof CommandType];

export const CommandFlag = {
  fua: 1 << 0,
  noHole: 1 << 1,
  df: 1 << 2,
  reqOne: 1 << 3,
  fastZero: 1 << 4,
  payloadLen: 1 << 5,
} as const;

/** The flag of the last chunk of a reply. */
export const REPLY_FLAG_DONE = 1 << 0;

export const ReplyType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  blockStatusExt: 6,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;
export type ReplyType = (typeof ReplyType)[keyof typeof ReplyType];

/** Error values of replies. */
export const NbdError = {
  none: 0,
  eperm: 1,
  eio: 5,
  enomem: 12,
  einval: 22,
  enospc: 28,
  eoverflow: 75,
  enotsup: 95,
  eshutdown: 108,
} as const;
export type NbdError = (typeof NbdError)[keyof typeof NbdError];

/** The one metadata context that the document defines, and its states. */
export const BASE_ALLOCATION = "base:allocation";
export const AllocationState = { allocated: 0, hole: 1 << 0, zero: 1 << 1 } as const;

const OPTION_NAMES = namesOf(OptionType, "NBD_OPT_");
const COMMAND_NAMES = namesOf(CommandType, "NBD_CMD_");

/** `"NBD_OPT_GO"`; `"option 77"` for one that is not known. */
export function optionName(option: number): string {
  return OPTION_NAMES.get(option) ?? `option ${option}`;
}

/** `"NBD_CMD_READ"`; `"command 77"` for one that is not known. */
export function commandName(type: number): string {
  return COMMAND_NAMES.get(type) ?? `command ${type}`;
}

function namesOf(table: Readonly<Record<string, number>>, prefix: string): Map<number, string> {
  return new Map(
    Object.entries(table).map(([name, value]) => [
      value,
      prefix + name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
    ]),
  );
}
