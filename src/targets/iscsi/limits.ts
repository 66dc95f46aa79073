import { UsageError } from "../../protocol/errors.ts";
import { checkRanges, type Range } from "../limit-ranges.ts";

/** What one iSCSI target server lets its initiators use. Each limit has its own answer. */
export interface IscsiLimits {
  /** Connections that are open at once; one more is closed at once. */
  readonly connectionCountMax: number;
  /** Sessions of all targets; one more is refused with "Out of resources". */
  readonly sessionCountMax: number;
  /** Connections of one session: our MaxConnections. */
  readonly sessionConnectionCountMax: number;
  /** Our ErrorRecoveryLevel: 0, 1 or 2. */
  readonly errorRecoveryLevelMax: number;
  /** Seconds that tasks of a lost connection are kept: our DefaultTime2Retain; with level 2. */
  readonly time2RetainSecondsMax: number;
  /** Bytes of answers that are kept until the initiator has them, a connection; from level 1. */
  readonly keptLengthMax: number;
  /** How long data-out may stand still before they are asked for again; from level 1. */
  readonly sequenceTimeMsMax: number;
  /** How often damaged data-out of one command are asked for again; from level 1. */
  readonly dataRecoveryCountMax: number;
  /** How many non-immediate requests a session may have under way (MaxCmdSN). */
  readonly queueDepthMax: number;
  /** Immediate requests beside them; one more is rejected. */
  readonly immediateCountMax: number;
  /** Bytes that a peer may send in one PDU: our MaxRecvDataSegmentLength. */
  readonly dataSegmentLengthMax: number;
  /** Bytes of unsolicited data a command: our FirstBurstLength. */
  readonly firstBurstLengthMax: number;
  /** Bytes of one sequence of data PDUs: our MaxBurstLength. */
  readonly maxBurstLengthMax: number;
  /** R2Ts a command that may wait for data: our MaxOutstandingR2T. */
  readonly outstandingR2tCountMax: number;
  /** Bytes of data kept for commands whose buffer is not there yet, a connection. */
  readonly stagingLengthMax: number;
  /** Bytes of requests kept because one with a lower CmdSN is missing, a session. */
  readonly heldLengthMax: number;
  /** Login Requests of one login. */
  readonly loginRoundCountMax: number;
  readonly loginTimeMsMax: number;
  /** Bytes of text of one login or text exchange step, continuations together. */
  readonly textLengthMax: number;
  /** Keys of one such text. */
  readonly keyCountMax: number;
  /** Bytes that wait in a socket before reading from it pauses. */
  readonly sendQueueLengthMax: number;
  /** Failed CHAP logins from one address within `lockoutTimeMs`; then it has to wait as long. */
  readonly authenticationFailureCountMax: number;
  readonly lockoutTimeMs: number;
  /** How long `close` waits for initiators to log out, and a connection for its last bytes. */
  readonly drainTimeMsMax: number;
  /** Microseconds that the event loop may wait for the next request without sleeping; 0: none. */
  readonly awakeTimeUsMax: number;
}

export const ISCSI_LIMITS: IscsiLimits = {
  connectionCountMax: 1024,
  sessionCountMax: 512,
  sessionConnectionCountMax: 8,
  errorRecoveryLevelMax: 2,
  time2RetainSecondsMax: 20,
  keptLengthMax: 16_777_216,
  sequenceTimeMsMax: 5_000,
  dataRecoveryCountMax: 32,
  queueDepthMax: 128,
  immediateCountMax: 16,
  dataSegmentLengthMax: 262_144,
  firstBurstLengthMax: 262_144,
  maxBurstLengthMax: 1_048_576,
  outstandingR2tCountMax: 8,
  stagingLengthMax: 16_777_216,
  heldLengthMax: 4_194_304,
  loginRoundCountMax: 32,
  loginTimeMsMax: 15_000,
  textLengthMax: 32_768,
  keyCountMax: 64,
  sendQueueLengthMax: 16_777_216,
  authenticationFailureCountMax: 10,
  lockoutTimeMs: 60_000,
  drainTimeMsMax: 2_000,
  awakeTimeUsMax: 200,
};

const LENGTH_24_MAX = 0xff_ffff;

/** Where a limit is also the value of a key, the key's range (RFC 7143). */
const RANGES: { readonly [Name in keyof IscsiLimits]?: Range } = {
  dataSegmentLengthMax: [512, LENGTH_24_MAX],
  firstBurstLengthMax: [512, LENGTH_24_MAX],
  maxBurstLengthMax: [512, LENGTH_24_MAX],
  outstandingR2tCountMax: [1, 65_535],
  sessionCountMax: [1, 65_535],
  immediateCountMax: [0, 65_535],
  sessionConnectionCountMax: [1, 8],
  errorRecoveryLevelMax: [0, 2],
  time2RetainSecondsMax: [0, 3600],
  awakeTimeUsMax: [0, 10_000],
};

/** @throws UsageError ISCSI_LIMITS */
export function checkLimits(limits: IscsiLimits): void {
  checkRanges(limits, RANGES, "ISCSI_LIMITS");
  const { firstBurstLengthMax, maxBurstLengthMax } = limits;
  if (firstBurstLengthMax > maxBurstLengthMax) {
    throw new UsageError(
      "ISCSI_LIMITS",
      `limits.firstBurstLengthMax is ${firstBurstLengthMax}: ` +
        `it must not exceed maxBurstLengthMax, ${maxBurstLengthMax}`,
    );
  }
}
