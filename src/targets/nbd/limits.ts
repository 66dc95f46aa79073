import { checkRanges } from "../limit-ranges.ts";

/** What one NBD server lets its clients use. Each limit has its own answer. */
export interface NbdLimits {
  /** Connections that are open at once; one more is closed at once. */
  readonly connectionCountMax: number;
  /** Options of one handshake; one more ends the connection. */
  readonly optionCountMax: number;
  /** Bytes of an option's data; longer ones are read past and answered NBD_REP_ERR_TOO_BIG. */
  readonly optionLengthMax: number;
  /** Queries of one NBD_OPT_…_META_CONTEXT; more are answered NBD_REP_ERR_TOO_BIG. */
  readonly queryCountMax: number;
  /** From the first byte to the transmission phase; later the connection is closed. */
  readonly handshakeTimeMsMax: number;
  /** Bytes of a READ or a WRITE: the maximum payload size; more are answered NBD_EINVAL. */
  readonly payloadLengthMax: number;
  /** Bytes of a WRITE that are read past to answer it; of a longer one the connection ends. */
  readonly discardLengthMax: number;
  /** Requests under way, a connection: with more, nothing is read until one is over. */
  readonly requestCountMax: number;
  /** Bytes of their payloads: with as many, nothing is read until there are less. */
  readonly requestLengthMax: number;
  /** Bytes that wait in a socket before reading from it pauses. */
  readonly sendQueueLengthMax: number;
  /** Extents in one answer to BLOCK_STATUS; the client asks again for the rest. */
  readonly extentCountMax: number;
  /** How often a command is given to the device again that had no chance: then NBD_EIO. */
  readonly retryCountMax: number;
  /** How long `close` waits for requests under way. */
  readonly drainTimeMsMax: number;
  /** Microseconds that the event loop may wait for the next request without sleeping; 0: none. */
  readonly awakeTimeUsMax: number;
}

export const NBD_LIMITS: NbdLimits = {
  connectionCountMax: 1024,
  optionCountMax: 256,
  optionLengthMax: 65_536,
  queryCountMax: 32,
  handshakeTimeMsMax: 15_000,
  payloadLengthMax: 33_554_432,
  discardLengthMax: 67_108_864,
  requestCountMax: 256,
  requestLengthMax: 67_108_864,
  sendQueueLengthMax: 16_777_216,
  extentCountMax: 1024,
  retryCountMax: 60,
  drainTimeMsMax: 2_000,
  awakeTimeUsMax: 200,
};

/** @throws UsageError NBD_LIMITS */
export function checkLimits(limits: NbdLimits): void {
  checkRanges(
    limits,
    { retryCountMax: [0, 2 ** 31 - 1], awakeTimeUsMax: [0, 10_000] },
    "NBD_LIMITS",
  );
}
