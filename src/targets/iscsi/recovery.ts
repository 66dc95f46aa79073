import {
  BHS_LENGTH,
  Opcode,
  ScsiResponse,
  serialAdd,
  serialDifference,
} from "../../protocol/iscsi/index.ts";
import type { FullFeature } from "./full-feature.ts";
import type { PduTap } from "./pdu-writer.ts";
import type { DataInRun } from "./tasks/data-in-run.ts";

/** An answer with a StatSN that the initiator has not acknowledged. */
export interface KeptAnswer {
  readonly statSn: number;
  readonly header: Uint8Array;
  readonly segment: Uint8Array;
  /** The data-in before it; undefined where there are none, or there was no room. */
  run: DataInRun | undefined;
  /** There were data-in, and they are no longer here. */
  dataDropped: boolean;
}

const NO_BYTES = new Uint8Array(0);
const response = ScsiResponse.view();
const numbered = ScsiResponse.view();

/** Target Transfer Tags of Data-In are told from those of R2Ts by their highest bit. */
const DATA_IN_TAG = 0x8000_0000;
const DATA_IN_TAG_MASK = 0xffff;

/**
 * What a connection keeps for retransmission from ErrorRecoveryLevel 1 on: answers until ExpStatSN
 * passes them (RFC 7143, "Retransmission"). Over its limit it lets go of the oldest data.
 */
export class Recovery implements PduTap {
  readonly #lengthMax: number;
  readonly #answers: KeptAnswer[] = [];
  #length = 0;
  #awaited: number | undefined;
  #run: DataInRun | undefined;
  #dataDropped = false;
  #lastTag = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** Bytes that are kept. */
  get length(): number {
    return this.#length;
  }

  /** The next PDU that is written has this StatSN. */
  expect(statSn: number): void {
    this.#awaited = statSn;
  }

  /** A copy of data-in, to be sent from, or undefined where they are too much. */
  copy(data: Uint8Array, length: number): Uint8Array | undefined {
    if (length > this.#lengthMax) return undefined;
    // A Buffer's slice would be no copy.
    return new Uint8Array(data.subarray(0, length));
  }

  /** A tag that comes back in a DataACK. */
  nextTag(): number {
    this.#lastTag = (this.#lastTag + 1) & DATA_IN_TAG_MASK;
    return (DATA_IN_TAG | this.#lastTag) >>> 0;
  }

  /** The next status is that of these data. */
  attach(run: DataInRun | undefined): void {
    this.#run = run;
    this.#dataDropped = run === undefined;
  }

  written(
    bytes: Uint8Array,
    at: number,
    data: Uint8Array | undefined,
    offset: number,
    length: number,
  ): void {
    const statSn = this.#awaited;
    if (statSn === undefined) return;
    this.#awaited = undefined;
    const header = new Uint8Array(bytes.subarray(at, at + BHS_LENGTH));
    const segment =
      data === undefined ? NO_BYTES : new Uint8Array(data.subarray(offset, offset + length));
    this.#add({ statSn, header, segment, run: this.#run, dataDropped: this.#dataDropped });
    this.#run = undefined;
    this.#dataDropped = false;
  }

  #add(answer: KeptAnswer): void {
    this.#answers.push(answer);
    this.#length += lengthOf(answer);
    for (const one of this.#answers) {
      if (this.#length <= this.#lengthMax) return;
      this.#dropRun(one);
    }
    while (this.#length > this.#lengthMax) this.#forget();
  }

  #dropRun(answer: KeptAnswer): void {
    const { run } = answer;
    if (run === undefined) return;
    this.#length -= run.data.length;
    answer.run = undefined;
    answer.dataDropped = true;
  }

  #forget(): void {
    const oldest = this.#answers.shift();
    if (oldest !== undefined) this.#length -= lengthOf(oldest);
  }

  /** ExpStatSN of the initiator: it has all before. */
  acknowledge(expStatSn: number): void {
    for (;;) {
      const [oldest] = this.#answers;
      if (oldest === undefined || serialDifference(oldest.statSn, expStatSn) >= 0) return;
      this.#forget();
    }
  }

  /** Those from `first` on, all or `count` of them; undefined when one of them is not here. */
  statuses(first: number, count: number, next: number): readonly KeptAnswer[] | undefined {
    const end = count === 0 ? next : serialAdd(first, count);
    const wanted = this.#answers.filter(
      ({ statSn }) => serialDifference(statSn, first) >= 0 && serialDifference(statSn, end) < 0,
    );
    const complete = count === 0 ? serialDifference(next, first) : count;
    return wanted.length === complete ? wanted : undefined;
  }

  /** Everything that is here. */
  get answers(): readonly KeptAnswer[] {
    return this.#answers;
  }

  /** The SCSI Response of a task. */
  find(initiatorTaskTag: number): KeptAnswer | undefined {
    return this.#answers.findLast(({ header }) => {
      const pdu = response.at(0, header);
      return pdu.opcode === Opcode.scsiResponse && pdu.initiatorTaskTag === initiatorTaskTag;
    });
  }

  /** The data-in with that tag. */
  findRun(targetTransferTag: number): DataInRun | undefined {
    return this.#answers.find(({ run }) => run?.tag === targetTransferTag)?.run;
  }

  /** It goes on elsewhere. */
  take(answer: KeptAnswer): void {
    const index = this.#answers.indexOf(answer);
    if (index < 0) return;
    this.#answers.splice(index, 1);
    this.#length -= lengthOf(answer);
  }

  clear(): void {
    this.#answers.length = 0;
    this.#length = 0;
  }
}

function lengthOf({ header, segment, run }: KeptAnswer): number {
  return header.length + segment.length + (run?.data.length ?? 0);
}

/** Sends an answer once more: its StatSN is the one it had. */
export function sendAgain(phase: FullFeature, { header, segment }: KeptAnswer): void {
  writeAnswer(phase, header, segment);
}

/** Sends an answer over a connection that it was not meant for: with a StatSN of that one. */
export function sendAnew(phase: FullFeature, answer: KeptAnswer): void {
  // Most answers have no data: to attach none would say that they were dropped.
  if (answer.run !== undefined) phase.recovery?.attach(answer.run);
  const pdu = numbered.at(0, answer.header);
  phase.number(pdu, true);
  writeAnswer(phase, answer.header, answer.segment);
}

function writeAnswer(phase: FullFeature, header: Uint8Array, segment: Uint8Array): void {
  const { writer } = phase;
  const at = writer.begin();
  writer.bytes.set(header, at);
  const pdu = numbered.at(at, writer.bytes);
  const { window } = phase.session;
  pdu.expCmdSn = window.expCmdSn;
  pdu.maxCmdSn = window.maxCmdSn;
  if (segment.length > 0) writer.addData(segment, 0, segment.length, false);
  else writer.add();
}
