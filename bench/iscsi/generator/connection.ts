import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  BHS_LENGTH,
  crc32c,
  DataIn,
  DataOut,
  DIGEST_LENGTH,
  Opcode,
  putDigest,
  ReadyToTransfer,
  RESERVED_TAG,
  ScsiCommand,
  serialDifference,
} from "../../../src/protocol/iscsi/index.ts";
import type { Job } from "./job.ts";
import { type Agreement, type Answer, logIn } from "./login.ts";
import { PduStream } from "./pdu-stream.ts";

const READ_LENGTH = 1024 * 1024;
const BLOCK = 512;
const READ_10 = 0x28;
const WRITE_10 = 0x2a;
/** What is written, everywhere: so each length has one digest. */
const FILL = 0x5a;
/** Up to so many bytes are copied behind their header; more are sent from where they are. */
const COPIED_MAX = 16_384;

const request = ScsiCommand.view();
const dataIn = DataIn.view();
const r2t = ReadyToTransfer.view();
const LBA_OFFSET = ScsiCommand.offsetOf("cdb") + 2;

/** One session of one connection, with as many commands under way as the job wants. */
export class Connection {
  readonly #job: Job;
  readonly #socket: Socket;
  readonly #lun: Uint8Array;
  readonly #data: Uint8Array;
  readonly #digests = new Map<number, Uint8Array>();
  /** A command with what does not change; its immediate data behind it where they are copied. */
  #template = new Uint8Array(0);
  #agreement: Agreement = {
    segmentLength: 0,
    immediate: 0,
    unsolicited: 0,
    expStatSn: 0,
    maxCmdSn: 0,
  };
  #cmdSn = 1;
  #maxCmdSn = 0;
  #expStatSn = 0;
  #underWay = 0;
  #place: number;
  #state: "login" | "running" | "stopping" = "login";
  #answered: (answer: Answer) => void = () => undefined;
  #idle: () => void = () => undefined;
  /** Those that are over. */
  commandCount = 0;

  private constructor(job: Job, socket: Socket, number: number) {
    this.#job = job;
    this.#socket = socket;
    this.#lun = new Uint8Array([0, job.lun, 0, 0, 0, 0, 0, 0]);
    this.#data = new Uint8Array(job.length).fill(FILL);
    this.#place = number;
  }

  static async open(job: Job, number: number): Promise<Connection> {
    const { host, port } = job;
    const buffer = new Uint8Array(READ_LENGTH);
    const callback = (length: number) => {
      stream.receive(buffer, length);
      connection.#fill();
      return true;
    };
    const socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
    await once(socket, "connect");
    const connection = new Connection(job, socket, number);
    const stream = new PduStream((header, data) => connection.#take(header, data));
    socket.once("close", () => {
      if (connection.#state !== "stopping") throw new Error("the target closed a connection");
    });
    await connection.#prepare(stream, number);
    return connection;
  }

  async #prepare(stream: PduStream, number: number): Promise<void> {
    const job = this.#job;
    this.#agreement = await logIn(job, number, this.#cmdSn, (pdu) => this.#exchange(pdu));
    this.#expStatSn = this.#agreement.expStatSn;
    stream.digests = job.digests;
    // TEST UNIT READY takes the unit attention of a new nexus.
    const testUnitReady = this.#command(new Uint8Array(16), {}, 0);
    this.#number(testUnitReady);
    await this.#exchange(testUnitReady);
    stream.keepsData = false;
    const { immediate, unsolicited } = this.#agreement;
    const cdb = new Uint8Array(16);
    const blocks = job.length / BLOCK;
    cdb.set([job.write ? WRITE_10 : READ_10, 0, 0, 0, 0, 0, 0, blocks >> 8, blocks & 0xff]);
    const values = {
      read: !job.write,
      write: job.write,
      final: unsolicited === immediate,
      expectedDataTransferLength: job.length,
    };
    const copied = immediate <= COPIED_MAX ? this.#segment(immediate) : [];
    this.#template = Buffer.concat([this.#command(cdb, values, immediate), ...copied]);
  }

  #exchange(pdu: Uint8Array): Promise<Answer> {
    this.#socket.write(pdu);
    return new Promise((resolve) => (this.#answered = resolve));
  }

  /** The header of a command, with room for its digest. */
  #command(cdb: Uint8Array, values: Readonly<Record<string, unknown>>, dataLength: number) {
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      final: true,
      taskAttribute: 1,
      lun: this.#lun,
      dataSegmentLength: dataLength,
      cdb,
      ...values,
    });
    return Buffer.concat([header], BHS_LENGTH + (this.#job.digests ? DIGEST_LENGTH : 0));
  }

  start(): void {
    this.#state = "running";
    this.#fill();
  }

  /** Begins no more; resolves when what is under way is over. */
  async stop(): Promise<void> {
    this.#state = "stopping";
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#socket.destroy();
  }

  /** As many commands as there is room for, at once. */
  #fill(): void {
    if (this.#state !== "running") return;
    const window = serialDifference(this.#maxCmdSn, this.#cmdSn) + 1;
    const room = Math.min(this.#job.depth - this.#underWay, window);
    if (room <= 0) return;
    this.#underWay += room;
    const { immediate, unsolicited } = this.#agreement;
    const { length } = this.#template;
    const bytes = Buffer.allocUnsafe(room * length);
    const whole = immediate <= COPIED_MAX && unsolicited === immediate;
    this.#socket.cork();
    for (let at = 0; at < bytes.length; at += length) {
      bytes.set(this.#template, at);
      const pdu = bytes.subarray(at, at + length);
      pdu.writeUInt32BE(this.#nextLba(), LBA_OFFSET);
      const tag = this.#number(pdu);
      if (whole) continue;
      this.#socket.write(pdu);
      if (immediate > COPIED_MAX) this.#writeSegment(immediate);
      this.#sendData(tag, RESERVED_TAG, immediate, unsolicited);
    }
    if (whole) this.#socket.write(bytes);
    this.#socket.uncork();
  }

  /** Any place of the disk, by a generator of random numbers modulo 2^32. */
  #nextLba(): number {
    const { length, diskLength } = this.#job;
    this.#place = (Math.imul(this.#place, 1_664_525) + 1_013_904_223) >>> 0;
    return ((this.#place >>> 8) % (diskLength / length)) * (length / BLOCK);
  }

  /** Numbers a command; its tag. */
  #number(bytes: Uint8Array): number {
    const pdu = request.at(0, bytes);
    const tag = this.#cmdSn;
    pdu.initiatorTaskTag = tag;
    pdu.cmdSn = tag;
    pdu.expStatSn = this.#expStatSn;
    this.#cmdSn = (tag + 1) >>> 0;
    if (this.#job.digests) putDigest(bytes, BHS_LENGTH, crc32c(bytes, 0, BHS_LENGTH));
    return tag;
  }

  /** What goes on the wire for `length` bytes of data. */
  #segment(length: number): Uint8Array[] {
    if (length === 0) return [];
    const data = this.#data.subarray(0, length);
    if (!this.#job.digests) return [data];
    let digest = this.#digests.get(length);
    if (digest === undefined) {
      digest = digestOf(data);
      this.#digests.set(length, digest);
    }
    return [data, digest];
  }

  #writeSegment(length: number): void {
    for (const piece of this.#segment(length)) this.#socket.write(piece);
  }

  #sendData(tag: number, targetTransferTag: number, from: number, to: number): void {
    const { segmentLength } = this.#agreement;
    let dataSn = 0;
    for (let at = from; at < to; at += segmentLength) {
      const length = Math.min(segmentLength, to - at);
      const header = DataOut.encode({
        opcode: Opcode.dataOut,
        final: at + length === to,
        initiatorTaskTag: tag,
        targetTransferTag,
        // RFC 7143, "Target Transfer Tag": solicited data say for which logical unit they are.
        ...(targetTransferTag === RESERVED_TAG ? {} : { lun: this.#lun }),
        expStatSn: this.#expStatSn,
        dataSn: dataSn++,
        bufferOffset: at,
        dataSegmentLength: length,
      });
      this.#socket.write(header);
      if (this.#job.digests) this.#socket.write(digestOf(header));
      this.#writeSegment(length);
    }
  }

  #take(header: Uint8Array, data: Uint8Array): void {
    const opcode = (header[0] as number) & 0x3f;
    const pdu = dataIn.at(0, header);
    this.#maxCmdSn = pdu.maxCmdSn;
    if (opcode === Opcode.readyToTransfer) {
      const { initiatorTaskTag, targetTransferTag, bufferOffset: from } = r2t.at(0, header);
      this.#socket.cork();
      const to = from + r2t.desiredDataTransferLength;
      this.#sendData(initiatorTaskTag, targetTransferTag, from, to);
      this.#socket.uncork();
      return;
    }
    if (opcode === Opcode.dataIn && !pdu.statusPresent) return;
    this.#expStatSn = (pdu.statSn + 1) >>> 0;
    if (this.#state === "login") {
      this.#answered({ header: header.slice(0, BHS_LENGTH), data });
      return;
    }
    if (opcode !== Opcode.dataIn && opcode !== Opcode.scsiResponse) {
      throw new Error(`the target sent opcode ${opcode}`);
    }
    if (pdu.status !== 0) throw new Error(`a command ended with status ${pdu.status}`);
    this.commandCount++;
    this.#underWay--;
    if (this.#state === "stopping" && this.#underWay === 0) this.#idle();
  }
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(DIGEST_LENGTH);
  putDigest(digest, 0, crc32c(bytes));
  return digest;
}
