import {
  LogoutReason,
  SnackType,
  TaskManagementFunction,
  TaskManagementResponseCode as Code,
} from "../../../../src/protocol/iscsi/index.ts";
import type { ReceivedPdu } from "./initiator.ts";
import { SocketConnection } from "./socket-initiator.ts";

const BLOCK = 512;
/** Bytes of one Data-Out. */
const STEP = 1024;
const SEGMENT_LENGTH = 1024;
const MAX_BURST_LENGTH = 4096;
const FIRST_BURST_LENGTH = 2048;
const NOBODY_ANSWERS_MS = 10_000;
/** Far more than lost PDUs and cuts explain: something stands still. */
const ROUND_COUNT_MAX = 400;
/** Task tags of what is no job: those from here on. */
const OTHER_TAGS = 0x8000_0000;

/** How the network treats what goes over it. Each is one in so many; 0 is never. */
export interface Faults {
  readonly lostOut: number;
  readonly damagedOut: number;
  readonly lostIn: number;
  /** A connection is cut, each round. */
  readonly cut: number;
}

export interface InitiatorOptions {
  readonly port: number;
  readonly connectionCount: number;
  readonly level: 1 | 2;
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
  readonly faults: Faults;
  /** A round is over: what was sent before has been seen, and time may go by. */
  readonly roundOver: () => void;
  /** A random number below `below`. */
  readonly pick: (below: number) => number;
}

interface Job {
  readonly tag: number;
  readonly cmdSn: number;
  readonly lba: number;
  /** What is written, or undefined for a read. */
  readonly source: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly got: Set<number>;
  r2tSeen: number;
  by: Line;
  status: number | undefined;
  expDataSn: number;
}

/** One connection, with its StatSN. */
interface Line {
  readonly connectionId: number;
  readonly socket: SocketConnection;
  /** Statuses that have come and are not acknowledged, with the job of each. */
  readonly early: Map<number, Job | undefined>;
  answered: Map<number, ReceivedPdu>;
}

/**
 * An initiator of ErrorRecoveryLevel 1 or 2 with several connections over a network that loses,
 * damages and cuts. It needs no clock: a ping tells that what came before it was seen.
 */
export class RecoveringInitiator {
  readonly #options: InitiatorOptions;
  readonly #lines: Line[] = [];
  readonly #jobs = new Map<number, Job>();
  #cmdSn = 1;
  #expCmdSn = 1;
  #tag = 1;
  #otherTag = OTHER_TAGS;
  #lastConnectionId = -1;
  #tsih = 0;
  /** What has gone wrong so far, by kind. */
  readonly counts = { lostOut: 0, damagedOut: 0, lostIn: 0, cuts: 0, reassigned: 0, retried: 0 };

  constructor(options: InitiatorOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    for (let i = 0; i < this.#options.connectionCount; i++) {
      this.#lines.push(await this.#connect(this.#freshId()));
    }
    const [first] = this.#lines;
    if (first === undefined) return;
    // The unit attention of a new nexus.
    const job = this.#job(0, new Uint8Array(0), undefined, first);
    this.#send(first, first.socket.initiator.command([0], this.#numbers(job)));
    await this.#finish();
  }

  #freshId(): number {
    this.#lastConnectionId++;
    return this.#lastConnectionId;
  }

  async #connect(connectionId: number): Promise<Line> {
    const { port, level, initialR2t, immediateData, connectionCount } = this.#options;
    const socket = await SocketConnection.open(port);
    const { initiator } = socket;
    initiator.tsih = this.#tsih;
    initiator.connectionId = connectionId;
    initiator.cmdSn = this.#cmdSn;
    const own = {
      MaxRecvDataSegmentLength: String(SEGMENT_LENGTH),
      HeaderDigest: "CRC32C",
      DataDigest: "CRC32C",
    };
    const leading = {
      ErrorRecoveryLevel: String(level),
      // A new connection may come before the old one is logged out.
      MaxConnections: String(connectionCount + 1),
      InitialR2T: initialR2t ? "Yes" : "No",
      ImmediateData: immediateData ? "Yes" : "No",
      MaxBurstLength: String(MAX_BURST_LENGTH),
      FirstBurstLength: String(FIRST_BURST_LENGTH),
    };
    const before = initiator.transport.take();
    if (before.length > 0) throw new TypeError("bytes before the login");
    initiator.logIn(this.#tsih === 0 ? { ...own, ...leading } : own);
    let answers: ReceivedPdu[] = [];
    while (answers.length === 0 && !socket.closed) {
      await socket.wait(NOBODY_ANSWERS_MS);
      answers = initiator.receive();
    }
    const [answer] = answers;
    if (answer?.fields["status"] !== 0) {
      throw new TypeError(`login: ${String(answer?.fields["status"])}`);
    }
    initiator.headerDigest = true;
    initiator.dataDigest = true;
    this.#tsih = answer.fields["tsih"] as number;
    initiator.expStatSn = (answer.fields["statSn"] as number) + 1;
    return { connectionId, socket, early: new Map(), answered: new Map() };
  }

  #job(lba: number, data: Uint8Array, source: Uint8Array | undefined, by: Line): Job {
    const job: Job = {
      tag: this.#tag++,
      cmdSn: this.#cmdSn++,
      lba,
      source,
      data,
      got: new Set(),
      r2tSeen: 0,
      by,
      status: undefined,
      expDataSn: 0,
    };
    this.#jobs.set(job.tag, job);
    return job;
  }

  #numbers({ tag, cmdSn }: Job): { initiatorTaskTag: number; cmdSn: number } {
    return { initiatorTaskTag: tag, cmdSn };
  }

  #anyLine(): Line {
    return this.#lines[this.#options.pick(this.#lines.length)] as Line;
  }

  write(lba: number, source: Uint8Array): void {
    this.#begin(this.#job(lba, source, source, this.#anyLine()));
  }

  /** The data are there when {@link finish} is over. */
  read(lba: number, blocks: number): Uint8Array {
    const data = new Uint8Array(blocks * BLOCK);
    this.#begin(this.#job(lba, data, undefined, this.#anyLine()));
    return data;
  }

  #begin(job: Job): void {
    const { by, lba, source, data } = job;
    const { initiator } = by.socket;
    const blocks = data.length / BLOCK;
    if (source === undefined) {
      this.#send(by, initiator.read(lba, blocks, this.#numbers(job)));
      return;
    }
    const { immediateData, initialR2t } = this.#options;
    const immediate = immediateData ? Math.min(STEP, source.length) : 0;
    const unsolicited = initialR2t ? immediate : Math.min(FIRST_BURST_LENGTH, source.length);
    const values = { ...this.#numbers(job), final: unsolicited === immediate };
    this.#send(by, initiator.write(lba, blocks, values, source.subarray(0, immediate)));
    this.#sendData(job, source, immediate, unsolicited, undefined);
  }

  #sendData(job: Job, source: Uint8Array, from: number, to: number, ttt: unknown): void {
    const { initiator } = job.by.socket;
    let dataSn = 0;
    for (let at = from; at < to; at += STEP) {
      const end = Math.min(at + STEP, to);
      const values = {
        initiatorTaskTag: job.tag,
        bufferOffset: at,
        dataSn: dataSn++,
        final: end === to,
        ...(ttt === undefined ? {} : { targetTransferTag: ttt }),
      };
      this.#send(job.by, initiator.dataOut(values, source.subarray(at, end)));
    }
  }

  /** Sends a PDU, perhaps. */
  #send({ socket }: Line, pdu: Uint8Array): void {
    const { lostOut, damagedOut } = this.#options.faults;
    if (this.#happens(lostOut)) {
      this.counts.lostOut++;
      return;
    }
    const hasData = pdu[5] !== 0 || pdu[6] !== 0 || pdu[7] !== 0;
    if (hasData && this.#happens(damagedOut)) {
      this.counts.damagedOut++;
      const copy = Buffer.from(pdu);
      copy.writeUInt8(copy.readUInt8(copy.length - 5) ^ 0x10, copy.length - 5);
      socket.initiator.send(copy);
      return;
    }
    socket.initiator.send(pdu);
  }

  #happens(oneIn: number): boolean {
    return oneIn > 0 && this.#options.pick(oneIn) === 0;
  }

  /** Until every job has its status and its data. */
  async #finish(): Promise<void> {
    for (let round = 0; this.#jobs.size > 0; round++) {
      if (round > ROUND_COUNT_MAX) throw new TypeError(`no end of ${this.#jobs.size} tasks`);
      if (this.#options.level === 2) this.#cutSome();
      await Promise.all(this.#lines.map((line) => this.#ping(line)));
      this.#options.roundOver();
      for (const [index, line] of this.#lines.entries()) {
        if (line.socket.closed) await this.#recover(index, line);
      }
      for (const job of this.#jobs.values()) this.#ask(job);
      for (const line of this.#lines) this.#askStatuses(line);
    }
  }

  finish(): Promise<void> {
    return this.#finish();
  }

  #cutSome(): void {
    for (const { socket } of this.#lines) {
      if (!this.#happens(this.#options.faults.cut)) continue;
      this.counts.cuts++;
      socket.socket.destroy();
    }
  }

  /** What the target still has to be told of a job. */
  #ask(job: Job): void {
    const { by, tag, source } = job;
    const { initiator } = by.socket;
    if (by.socket.closed) return;
    if (job.cmdSn >= this.#expCmdSn) {
      this.counts.retried++;
      if (job.data.length === 0) this.#send(by, initiator.command([0], this.#numbers(job)));
      else this.#begin(job);
    } else if (job.status !== undefined) {
      let begRun = 0;
      while (job.got.has(begRun)) begRun++;
      const values = { initiatorTaskTag: tag, begRun, runLength: 1 };
      this.#send(by, initiator.snack(SnackType.dataOrR2t, values));
    } else if (source !== undefined) {
      const values = { initiatorTaskTag: tag, begRun: job.r2tSeen };
      this.#send(by, initiator.snack(SnackType.dataOrR2t, values));
    }
  }

  #askStatuses(line: Line): void {
    const { initiator } = line.socket;
    if (line.early.size === 0 || line.socket.closed) return;
    let begRun = initiator.expStatSn;
    while (line.early.has(begRun)) begRun++;
    const last = Math.max(...line.early.keys());
    if (begRun > last) return;
    let runLength = 1;
    while (!line.early.has(begRun + runLength)) runLength++;
    this.#send(line, initiator.snack(SnackType.status, { begRun, runLength }));
  }

  /** After it everything that was sent before has been seen. */
  async #ping(line: Line): Promise<void> {
    const { initiator } = line.socket;
    const tag = this.#otherTag++;
    initiator.send(initiator.nop({ immediate: true, initiatorTaskTag: tag, cmdSn: this.#cmdSn }));
    await this.#answerTo(line, tag);
  }

  /** The answer with that tag; undefined when the connection is gone. */
  async #answerTo(line: Line, tag: number): Promise<ReceivedPdu | undefined> {
    for (;;) {
      for (const pdu of line.socket.initiator.receive()) this.#take(line, pdu);
      const answer = line.answered.get(tag);
      line.answered.delete(tag);
      if (answer !== undefined || line.socket.closed) return answer;
      const before = Date.now();
      await line.socket.wait(NOBODY_ANSWERS_MS);
      if (Date.now() - before >= NOBODY_ANSWERS_MS) throw new TypeError("the target is silent");
    }
  }

  #take(line: Line, pdu: ReceivedPdu): void {
    const { name, fields } = pdu;
    const reliable = ["NOP-In", "Logout Response", "Task Management Function Response"];
    if (!reliable.includes(name) && this.#happens(this.#options.faults.lostIn)) {
      this.counts.lostIn++;
      return;
    }
    this.#expCmdSn = Math.max(this.#expCmdSn, fields["expCmdSn"] as number);
    const job = this.#jobs.get(fields["initiatorTaskTag"] as number);
    if (reliable.includes(name)) line.answered.set(fields["initiatorTaskTag"] as number, pdu);
    if (name === "SCSI Data-In") {
      if (job !== undefined) this.#takeData(line, job, pdu);
    } else if (name === "Ready To Transfer") {
      if (job !== undefined) this.#takeR2t(job, pdu);
    } else {
      this.#takeStatus(
        line,
        fields["statSn"] as number,
        name === "SCSI Response" ? job : undefined,
      );
      if (name === "SCSI Response" && job !== undefined) {
        job.status = fields["status"] as number;
        job.expDataSn = fields["expDataSn"] as number;
      }
    }
    if (job !== undefined) this.#settle(job);
    this.#acknowledge(line);
  }

  #takeData(line: Line, job: Job, { fields, data }: ReceivedPdu): void {
    const dataSn = fields["dataSn"] as number;
    job.data.set(data, fields["bufferOffset"] as number);
    job.got.add(dataSn);
    if (fields["acknowledge"] !== true) return;
    for (let i = 0; i < dataSn; i++) if (!job.got.has(i)) return;
    const { targetTransferTag, lun } = fields;
    const values = { targetTransferTag, lun, begRun: dataSn + 1 };
    this.#send(line, line.socket.initiator.snack(SnackType.dataAck, values));
  }

  #takeR2t(job: Job, { fields }: ReceivedPdu): void {
    const r2tSn = fields["r2tSn"] as number;
    if (job.source === undefined || r2tSn < job.r2tSeen) return;
    job.r2tSeen = r2tSn + 1;
    const from = fields["bufferOffset"] as number;
    const to = from + (fields["desiredDataTransferLength"] as number);
    this.#sendData(job, job.source, from, to, fields["targetTransferTag"]);
  }

  #takeStatus(line: Line, statSn: number, job: Job | undefined): void {
    if (statSn >= line.socket.initiator.expStatSn) line.early.set(statSn, job);
  }

  /** A status whose data are not all here stays unacknowledged: the target may free them. */
  #acknowledge({ early, socket: { initiator } }: Line): void {
    while (early.has(initiator.expStatSn)) {
      const job = early.get(initiator.expStatSn);
      if (job !== undefined && this.#jobs.has(job.tag)) return;
      early.delete(initiator.expStatSn);
      initiator.expStatSn++;
    }
  }

  #settle(job: Job): void {
    const { status, source, expDataSn, got } = job;
    if (status === undefined) return;
    if (job.data.length === 0) {
      this.#jobs.delete(job.tag);
      return;
    }
    if (status !== 0) throw new TypeError(`task ${job.tag} ended with status ${status}`);
    if (source !== undefined || got.size === expDataSn) this.#jobs.delete(job.tag);
  }

  /** A connection is gone: its tasks go on with a new one. */
  async #recover(index: number, before: Line): Promise<void> {
    const sameId = this.#options.pick(2) === 0;
    const line = await this.#connect(sameId ? before.connectionId : this.#freshId());
    this.#lines[index] = line;
    const { initiator } = line.socket;
    if (!sameId) {
      const reasonCode = LogoutReason.removeConnectionForRecovery;
      const { connectionId } = before;
      const initiatorTaskTag = this.#otherTag++;
      const cmdSn = this.#cmdSn;
      initiator.send(initiator.logout({ reasonCode, connectionId, initiatorTaskTag, cmdSn }));
      await this.#answerTo(line, initiatorTaskTag);
    }
    for (const job of this.#jobs.values()) {
      if (job.by === before) await this.#reassign(job, line);
    }
  }

  async #reassign(job: Job, line: Line): Promise<void> {
    const { initiator } = line.socket;
    const initiatorTaskTag = this.#otherTag++;
    const values = { referencedTaskTag: job.tag, initiatorTaskTag, cmdSn: this.#cmdSn };
    initiator.send(initiator.taskManagement(TaskManagementFunction.taskReassign, values));
    job.by = line;
    const answer = await this.#answerTo(line, initiatorTaskTag);
    const code = answer?.fields["response"];
    if (code === Code.functionComplete) {
      this.counts.reassigned++;
    } else if (code !== Code.taskDoesNotExist || job.cmdSn < this.#expCmdSn) {
      throw new TypeError(`task ${job.tag} can't be reassigned: ${String(code)}`);
    }
  }

  close(): void {
    for (const { socket } of this.#lines) socket.socket.destroy();
  }
}
