import {
  BHS_LENGTH,
  decodeText,
  encodeText,
  LoginRequest,
  LoginResponse,
  Opcode,
  padded,
} from "../../../src/protocol/iscsi/index.ts";
import type { Job } from "./job.ts";

const KEY_COUNT_MAX = 64;
/** Where a target names none (RFC 7143, "MaxRecvDataSegmentLength", "FirstBurstLength"). */
const SEGMENT_LENGTH = 8192;
const FIRST_BURST_LENGTH = 65_536;

const OFFERS: Readonly<Record<string, string>> = {
  MaxRecvDataSegmentLength: "262144",
  MaxBurstLength: "1048576",
  FirstBurstLength: "262144",
  InitialR2T: "No",
  ImmediateData: "Yes",
  MaxOutstandingR2T: "1",
  ErrorRecoveryLevel: "0",
};

export interface Answer {
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** How a connection sends its commands. */
export interface Agreement {
  /** The target's MaxRecvDataSegmentLength. */
  readonly segmentLength: number;
  /** Bytes of immediate data a command, and of unsolicited data with them. */
  readonly immediate: number;
  readonly unsolicited: number;
  readonly expStatSn: number;
  readonly maxCmdSn: number;
}

/** Logs in without authentication, as initiator `number`. */
export async function logIn(
  job: Job,
  number: number,
  cmdSn: number,
  exchange: (pdu: Uint8Array) => Promise<Answer>,
): Promise<Agreement> {
  const digest = job.digests ? "CRC32C" : "None";
  const pairs: [string, string][] = [
    ["InitiatorName", `iqn.2026-11.io.scst-user.bench:initiator${number}`],
    ["TargetName", job.target],
    ["SessionType", "Normal"],
    ["HeaderDigest", digest],
    ["DataDigest", digest],
    ...Object.entries(OFFERS),
  ];
  const keys = new Map<string, string>();
  let expStatSn = 0;
  // A target that still has something to say leaves T out of its answer.
  for (let data = encodeText(pairs); ; data = new Uint8Array(0)) {
    const header = LoginRequest.encode({
      opcode: Opcode.loginRequest,
      immediate: true,
      transit: true,
      currentStage: 1,
      nextStage: 3,
      isid: new Uint8Array([0x80, 0, 0, 0, 0, number]),
      cmdSn,
      expStatSn,
      dataSegmentLength: data.length,
    });
    const pdu = Buffer.alloc(BHS_LENGTH + padded(data.length));
    pdu.set(header);
    pdu.set(data, BHS_LENGTH);
    const answer = await exchange(pdu);
    const { status, transit, statSn, maxCmdSn } = LoginResponse.view(answer.header);
    if (status !== 0) throw new Error(`login refused with status ${status.toString(16)}`);
    for (const [key, value] of decodeText(answer.data, { keyCountMax: KEY_COUNT_MAX })) {
      keys.set(key, value);
    }
    expStatSn = statSn + 1;
    if (transit) return { ...agreed(job, keys, digest), expStatSn, maxCmdSn };
  }
}

function agreed({ length, write }: Job, keys: ReadonlyMap<string, string>, digest: string) {
  for (const key of ["HeaderDigest", "DataDigest"]) {
    if (keys.get(key) !== digest) throw new Error(`${key} is ${keys.get(key)}, not ${digest}`);
  }
  const number = (key: string, otherwise: number) => Number(keys.get(key) ?? otherwise);
  const segmentLength = number("MaxRecvDataSegmentLength", SEGMENT_LENGTH);
  const firstBurst = Math.min(number("FirstBurstLength", FIRST_BURST_LENGTH), length);
  const allowed = write && keys.get("ImmediateData") === "Yes";
  const immediate = allowed ? Math.min(firstBurst, segmentLength) : 0;
  const unsolicited = write && keys.get("InitialR2T") === "No" ? firstBurst : immediate;
  return { segmentLength, immediate, unsolicited };
}
