/**
 * An iSCSI initiator that streams: one connection, tape commands in order, so many at a time. It
 * copies data once, and takes what each target offers: immediate data, or R2T.
 */
import { connect, type Socket } from "node:net";
import { once } from "node:events";

import {
  BHS_LENGTH,
  DataOut,
  decodeText,
  encodeText,
  LoginRequest,
  Opcode,
  padded,
  ScsiCommand,
} from "../../src/protocol/iscsi/index.ts";
import { packLun, parseSense } from "../../src/protocol/scsi/index.ts";
import { SCST_LUN_ADDR_METHOD_PERIPHERAL } from "../../src/protocol/scst/index.ts";

const SEGMENT_LENGTH = 262_144;
const OFFERS = [
  ["InitiatorName", "iqn.2026-01.org.example:bench"],
  ["HeaderDigest", "None"],
  ["DataDigest", "None"],
  ["InitialR2T", "No"],
  ["ImmediateData", "Yes"],
  ["FirstBurstLength", String(SEGMENT_LENGTH)],
  ["MaxBurstLength", "1048576"],
  ["MaxRecvDataSegmentLength", String(SEGMENT_LENGTH)],
] as const;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** How a command ended: data-in is in the buffer that it was given. */
export interface Ended {
  readonly status: number;
  /** `"0/0/1"`, where there is sense data. */
  readonly sense: string;
  readonly length: number;
}

interface UnderWay {
  readonly resolve: (ended: Ended) => void;
  readonly dataOut: Uint8Array;
  readonly into: Uint8Array;
  length: number;
}

export class TapeInitiator {
  readonly #socket: Socket;
  readonly #lun = new Uint8Array(8);
  readonly #underWay = new Map<number, UnderWay>();
  readonly #header = Buffer.alloc(BHS_LENGTH);
  #headerFilled = 0;
  /** What is left of the data segment, padding included, and where it goes. */
  #left = 0;
  #into: Uint8Array = NO_BYTES;
  #filled = 0;
  #cmdSn = 1;
  #tag = 1;
  #expStatSn = 0;
  #loggedIn: ((text: string) => void) | undefined;
  /** What the target takes. */
  #segmentLength = 8192;
  #immediateLength = 0;

  private constructor(socket: Socket, lun: number) {
    this.#socket = socket;
    packLun(lun, SCST_LUN_ADDR_METHOD_PERIPHERAL, this.#lun);
  }

  /** Logs in to the target of `iscsi://HOST:PORT/IQN/LUN`. */
  static async open(url: string): Promise<TapeInitiator> {
    const [, host, port, iqn, lun] = /^iscsi:\/\/([^:]+):(\d+)\/(.+)\/(\d+)$/.exec(url) ?? [];
    const route: { initiator?: TapeInitiator } = {};
    const socket = connect({
      host: host ?? "",
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(SEGMENT_LENGTH),
        callback: (length, buffer) => {
          if (route.initiator !== undefined) route.initiator.#receive(buffer.subarray(0, length));
          return true;
        },
      },
    });
    await once(socket, "connect");
    const initiator = new TapeInitiator(socket, Number(lun));
    route.initiator = initiator;
    await initiator.#login(iqn ?? "");
    return initiator;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** TEST UNIT READY until no unit attention is left. */
  async ready(): Promise<void> {
    for (;;) {
      const { status, sense } = await this.execute([0, 0, 0, 0, 0, 0]);
      if (status === 0) return;
      if (!sense.startsWith("6/")) throw new Error(`TEST UNIT READY: ${sense}`);
    }
  }

  /** @throws Error where it does not end with GOOD */
  async good(cdb: readonly number[], dataOut = NO_BYTES, into = NO_BYTES): Promise<Ended> {
    const ended = await this.execute(cdb, dataOut, into);
    if (ended.status === 0) return ended;
    throw new Error(`${cdb.join(" ")}: status ${ended.status}, sense ${ended.sense}`);
  }

  execute(cdb: readonly number[], dataOut = NO_BYTES, into = NO_BYTES): Promise<Ended> {
    const tag = this.#tag++;
    const immediate = Math.min(dataOut.length, this.#immediateLength);
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      final: true,
      read: into.length > 0,
      write: dataOut.length > 0,
      taskAttribute: 1,
      lun: this.#lun,
      initiatorTaskTag: tag,
      expectedDataTransferLength: Math.max(dataOut.length, into.length),
      cmdSn: this.#cmdSn++,
      expStatSn: this.#expStatSn,
      dataSegmentLength: immediate,
      cdb: Uint8Array.from(cdb),
    });
    return new Promise((resolve) => {
      this.#underWay.set(tag, { resolve, dataOut, into, length: 0 });
      this.#socket.cork();
      this.#socket.write(header);
      this.#writeSegment(dataOut.subarray(0, immediate));
      this.#socket.uncork();
    });
  }

  #writeSegment(data: Uint8Array): void {
    if (data.length === 0) return;
    this.#socket.write(data);
    const padding = padded(data.length) - data.length;
    if (padding > 0) this.#socket.write(new Uint8Array(padding));
  }

  async #login(iqn: string): Promise<void> {
    const pairs = [...OFFERS, ["TargetName", iqn], ["SessionType", "Normal"]] as const;
    const data = encodeText(pairs);
    const header = LoginRequest.encode({
      opcode: Opcode.loginRequest,
      immediate: true,
      transit: true,
      currentStage: 1,
      nextStage: 3,
      isid: Uint8Array.of(0x40, 0, 0, 2, 0, 0),
      initiatorTaskTag: 0x100,
      cmdSn: this.#cmdSn,
      dataSegmentLength: data.length,
    });
    const answered = new Promise<string>((resolve) => {
      this.#loggedIn = resolve;
    });
    this.#socket.write(header);
    this.#writeSegment(data);
    const answers = new Map(decodeText(Buffer.from(await answered, "latin1"), { keyCountMax: 99 }));
    const number = (key: string, otherwise: number) => Number(answers.get(key) ?? otherwise);
    this.#segmentLength = Math.min(number("MaxRecvDataSegmentLength", 8192), SEGMENT_LENGTH);
    const firstBurst = number("FirstBurstLength", 65_536);
    if (answers.get("ImmediateData") !== "No") {
      this.#immediateLength = Math.min(this.#segmentLength, firstBurst);
    }
  }

  #receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#headerFilled < BHS_LENGTH) {
        const part = bytes.subarray(at, at + BHS_LENGTH - this.#headerFilled);
        this.#header.set(part, this.#headerFilled);
        this.#headerFilled += part.length;
        at += part.length;
        if (this.#headerFilled < BHS_LENGTH) return;
        this.#begin();
      } else {
        const part = bytes.subarray(at, at + this.#left);
        const room = this.#into.length - this.#filled;
        this.#into.set(part.length > room ? part.subarray(0, room) : part, this.#filled);
        this.#filled += Math.min(part.length, room);
        this.#left -= part.length;
        at += part.length;
      }
      if (this.#left === 0) this.#end();
    }
  }

  /** A header is there: where does its data go? */
  #begin(): void {
    const header = this.#header;
    const length = header.readUIntBE(5, 3);
    this.#left = padded(length);
    this.#filled = 0;
    if (((header[0] as number) & 0x3f) === Opcode.dataIn) {
      const command = this.#commandOf();
      const offset = header.readUInt32BE(40);
      this.#into = command.into.subarray(offset, offset + length);
      command.length = Math.max(command.length, offset + length);
    } else {
      this.#into = length === 0 ? NO_BYTES : new Uint8Array(length);
    }
  }

  #commandOf(): UnderWay {
    const command = this.#underWay.get(this.#header.readUInt32BE(16));
    if (command === undefined) throw new Error("the target answered a command that was not sent");
    return command;
  }

  #end(): void {
    const header = this.#header;
    this.#headerFilled = 0;
    const opcode = (header[0] as number) & 0x3f;
    switch (opcode) {
      case Opcode.loginResponse: {
        const status = header.readUInt16BE(36);
        if (status !== 0) throw new Error(`the login was answered with ${status}`);
        this.#expStatSn = header.readUInt32BE(24) + 1;
        this.#loggedIn?.(Buffer.from(this.#into).toString("latin1"));
        return;
      }
      case Opcode.readyToTransfer:
        this.#sendData(this.#commandOf());
        return;
      case Opcode.dataIn:
        if (((header[1] as number) & 0x01) !== 0) this.#finish(header[3] as number, "");
        return;
      case Opcode.scsiResponse: {
        const sense = this.#into.length < 2 ? "" : senseText(this.#into.subarray(2));
        this.#finish(header[3] as number, sense);
        return;
      }
      case Opcode.nopIn:
        return;
      default:
        throw new Error(`the target sent opcode ${opcode}`);
    }
  }

  #finish(status: number, sense: string): void {
    const command = this.#commandOf();
    this.#expStatSn = this.#header.readUInt32BE(24) + 1;
    this.#underWay.delete(this.#header.readUInt32BE(16));
    command.resolve({ status, sense, length: command.length });
  }

  /** What an R2T asks for, in segments as long as the target takes them. */
  #sendData({ dataOut }: UnderWay): void {
    const header = this.#header;
    const initiatorTaskTag = header.readUInt32BE(16);
    const targetTransferTag = header.readUInt32BE(20);
    const begin = header.readUInt32BE(40);
    const end = begin + header.readUInt32BE(44);
    const first = DataOut.encode({
      opcode: Opcode.dataOut,
      lun: this.#lun,
      initiatorTaskTag,
      targetTransferTag,
      expStatSn: this.#expStatSn,
    });
    const count = Math.ceil((end - begin) / this.#segmentLength);
    const headers = Buffer.alloc(count * BHS_LENGTH);
    this.#socket.cork();
    for (let dataSn = 0; dataSn < count; dataSn++) {
      const at = begin + dataSn * this.#segmentLength;
      const data = dataOut.subarray(at, Math.min(end, at + this.#segmentLength));
      // A target with short segments is not to wait for the encoding of each header.
      const pdu = headers.subarray(dataSn * BHS_LENGTH, (dataSn + 1) * BHS_LENGTH);
      pdu.set(first);
      pdu[1] = dataSn === count - 1 ? 0x80 : 0;
      pdu.writeUIntBE(data.length, 5, 3);
      pdu.writeUInt32BE(dataSn, 36);
      pdu.writeUInt32BE(at, 40);
      this.#socket.write(pdu);
      this.#writeSegment(data);
    }
    this.#socket.uncork();
  }
}

function senseText(sense: Uint8Array): string {
  const { key, asc, ascq } = parseSense(sense);
  return `${key}/${asc}/${ascq}`;
}
