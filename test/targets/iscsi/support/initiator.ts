import { Core } from "../../../../src/core/core.ts";
import type { LogEntry } from "../../../../src/core/log.ts";
import {
  BasicHeaderSegment,
  BHS_LENGTH,
  crc32c,
  DataOut,
  decodeText,
  digestAt,
  encodeText,
  LoginRequest,
  LogoutRequest,
  NopOut,
  Opcode,
  padded,
  PDU_OF_OPCODE,
  putDigest,
  RESERVED_TAG,
  ScsiCommand,
  SnackRequest,
  TaskManagementRequest,
  TextRequest,
} from "../../../../src/protocol/iscsi/index.ts";
import type { Layout } from "../../../../src/protocol/layout/index.ts";
import type { IscsiLimits } from "../../../../src/targets/iscsi/limits.ts";
import type { IscsiExport } from "../../../../src/targets/iscsi/exported-target.ts";
import { IscsiServer, type IscsiServerOptions } from "../../../../src/targets/iscsi/server.ts";
import type { TransportEvents } from "../../../../src/targets/socket/transport.ts";
import { FakeTransport } from "./fake-transport.ts";
import { RamDevice } from "./ram-device.ts";

export const TARGET = "iqn.2026-01.org.example:disk";
export const INITIATOR = "iqn.2026-01.org.example:initiator";

/** A PDU that came from the target. */
export interface ReceivedPdu {
  readonly name: string;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
  /** The header's fields by the name of its layout. */
  readonly fields: Readonly<Record<string, number | boolean | Uint8Array>>;
}

const NO_BYTES = new Uint8Array(0);

type Values = Readonly<Record<string, unknown>>;

/** Takes connections: a server. */
interface Acceptor {
  accept(transport: FakeTransport): TransportEvents | undefined;
}

/** A core, a server and a disk, with a clock that stands still until it is told to move. */
export class TestServer {
  readonly log: LogEntry[] = [];
  readonly core: Core;
  readonly disk = new RamDevice("disk");
  readonly server: IscsiServer;
  #now = 0;
  readonly #timers: { at: number; callback: () => void }[] = [];

  constructor(
    limits: Partial<IscsiLimits> = {},
    options: IscsiServerOptions & { readonly target?: Partial<IscsiExport> } = {},
  ) {
    this.core = new Core({
      log: (entry) => this.log.push(entry),
      clock: {
        now: () => this.#now,
        after: (delayMs, callback) => {
          const timer = { at: this.#now + delayMs, callback };
          this.#timers.push(timer);
          const cancel = () => {
            const index = this.#timers.indexOf(timer);
            if (index >= 0) this.#timers.splice(index, 1);
          };
          return { cancel };
        },
      },
    });
    this.core.addDevice(this.disk);
    const { target, ...server } = options;
    this.server = new IscsiServer(this.core, { ...server, limits });
    this.server.export({ iqn: TARGET, luns: [[0, this.disk]], ...target });
  }

  /** Lets time go by. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at);
      const [next] = this.#timers;
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.#now = next.at;
      next.callback();
    }
    this.#now = end;
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  get codes(): string[] {
    return this.log.map(({ code }) => code);
  }

  connect(transport?: FakeTransport): TestInitiator {
    return new TestInitiator(this, transport);
  }
}

/** The initiator's end of a connection, built from bytes. */
export class TestInitiator {
  readonly transport: FakeTransport;
  cmdSn = 1;
  itt = 1;
  /** Acknowledges statuses: those before it have come. */
  expStatSn = 0;
  connectionId = 0;
  tsih = 0;
  isid = new Uint8Array([0x40, 0, 0, 1, 0, 0]);
  headerDigest = false;
  dataDigest = false;
  chunkLength = Number.MAX_SAFE_INTEGER;
  readonly #server: { readonly server: Acceptor };
  #rest: Uint8Array = new Uint8Array(0);

  constructor(server: { readonly server: Acceptor }, transport = new FakeTransport()) {
    this.#server = server;
    this.transport = transport;
    this.transport.events = server.server.accept(this.transport);
    if (this.transport.events === undefined) this.transport.closed = true;
  }

  /** The bytes of a PDU. */
  pdu(
    layout: Layout,
    values: Values,
    data: Uint8Array = NO_BYTES,
    ahs: Uint8Array = NO_BYTES,
  ): Uint8Array {
    const header = layout.encode({
      ...("expStatSn" in layout.view(new Uint8Array(BHS_LENGTH))
        ? { expStatSn: this.expStatSn }
        : {}),
      ...values,
      dataSegmentLength: data.length,
      totalAhsLength: ahs.length / 4,
    });
    const parts: Uint8Array[] = [header, ahs];
    if (this.headerDigest) parts.push(digestOf(Buffer.concat(parts)));
    if (data.length > 0) {
      const body = new Uint8Array(padded(data.length));
      body.set(data);
      parts.push(body);
      if (this.dataDigest) parts.push(digestOf(body));
    }
    return Buffer.concat(parts);
  }

  send(...pdus: Uint8Array[]): void {
    this.transport.send(Buffer.concat(pdus), this.chunkLength);
  }

  login(values: Values, pairs: readonly (readonly [string, string])[]): Uint8Array {
    const data = encodeText(pairs);
    return this.pdu(LoginRequest, this.#loginValues(values), data);
  }

  #loginValues(values: Values): Values {
    return {
      opcode: Opcode.loginRequest,
      immediate: true,
      isid: this.isid,
      initiatorTaskTag: 0x100,
      cmdSn: this.cmdSn,
      connectionId: this.connectionId,
      tsih: this.tsih,
      ...values,
    };
  }

  loginBytes(values: Values, data: Uint8Array): Uint8Array {
    return this.pdu(LoginRequest, this.#loginValues(values), data);
  }

  /** Logs in, straight from operational negotiation; the answers are taken. */
  logIn(keys: Readonly<Record<string, string>> = {}): ReceivedPdu[] {
    const pairs: [string, string][] = [["InitiatorName", INITIATOR]];
    if (keys["SessionType"] !== "Discovery") pairs.push(["TargetName", TARGET]);
    pairs.push(...Object.entries(keys));
    this.send(this.login({ transit: true, currentStage: 1, nextStage: 3 }, pairs));
    const answers = this.receive();
    const [answer] = answers;
    if (answer?.fields["status"] === 0) {
      const text = new Map(decodeText(answer.data, { keyCountMax: 99 }));
      this.headerDigest = text.get("HeaderDigest") === "CRC32C";
      this.dataDigest = text.get("DataDigest") === "CRC32C";
      this.tsih = answer.fields["tsih"] as number;
    }
    return answers;
  }

  /** A further connection for the same session. */
  join(
    connectionId: number,
    keys: Readonly<Record<string, string>> = {},
  ): { other: TestInitiator; status: unknown } {
    const other = new TestInitiator(this.#server);
    other.isid = this.isid;
    other.tsih = this.tsih;
    other.connectionId = connectionId;
    other.cmdSn = this.cmdSn;
    other.itt = 0x1000 * (connectionId + 1);
    const [answer] = other.logIn(keys);
    return { other, status: answer?.fields["status"] };
  }

  snack(snackType: number, values: Values = {}): Uint8Array {
    const targetTransferTag = RESERVED_TAG;
    const initiatorTaskTag = RESERVED_TAG;
    const opcode = Opcode.snackRequest;
    const filled = { opcode, final: true, snackType, targetTransferTag, initiatorTaskTag };
    return this.pdu(SnackRequest, { ...filled, ...values });
  }

  /** A SCSI Command; CmdSN and task tag count up by themselves. */
  command(cdb: readonly number[], values: Values = {}, data?: Uint8Array, ahs?: Uint8Array) {
    const immediate = values["immediate"] === true;
    const filled = {
      opcode: Opcode.scsiCommand,
      final: true,
      taskAttribute: 1,
      initiatorTaskTag: this.itt++,
      cmdSn: immediate ? this.cmdSn : this.cmdSn++,
      cdb: new Uint8Array(cdb),
      ...values,
    };
    return this.pdu(ScsiCommand, filled, data, ahs);
  }

  read(lba: number, blocks: number, values: Values = {}): Uint8Array {
    const expectedDataTransferLength = blocks * 512;
    return this.command(cdb10(0x28, lba, blocks), {
      read: true,
      expectedDataTransferLength,
      ...values,
    });
  }

  write(lba: number, blocks: number, values: Values = {}, data?: Uint8Array): Uint8Array {
    const expectedDataTransferLength = blocks * 512;
    return this.command(
      cdb10(0x2a, lba, blocks),
      { write: true, expectedDataTransferLength, ...values },
      data,
    );
  }

  dataOut(values: Values, data: Uint8Array): Uint8Array {
    const targetTransferTag = RESERVED_TAG;
    return this.pdu(DataOut, { opcode: Opcode.dataOut, targetTransferTag, ...values }, data);
  }

  request(layout: Layout, opcode: number, values: Values, data?: Uint8Array): Uint8Array {
    const immediate = values["immediate"] === true;
    const cmdSn = immediate ? this.cmdSn : this.cmdSn++;
    const initiatorTaskTag = this.itt++;
    return this.pdu(layout, { opcode, final: true, cmdSn, initiatorTaskTag, ...values }, data);
  }

  nop(values: Values = {}, data?: Uint8Array): Uint8Array {
    const targetTransferTag = RESERVED_TAG;
    return this.request(NopOut, Opcode.nopOut, { targetTransferTag, ...values }, data);
  }

  text(pairs: readonly (readonly [string, string])[], values: Values = {}): Uint8Array {
    return this.textBytes(encodeText(pairs), values);
  }

  textBytes(data: Uint8Array, values: Values = {}): Uint8Array {
    const targetTransferTag = RESERVED_TAG;
    return this.request(TextRequest, Opcode.textRequest, { targetTransferTag, ...values }, data);
  }

  logout(values: Values = {}): Uint8Array {
    return this.request(LogoutRequest, Opcode.logoutRequest, { immediate: true, ...values });
  }

  taskManagement(taskManagementFunction: number, values: Values = {}): Uint8Array {
    return this.request(TaskManagementRequest, Opcode.taskManagementRequest, {
      immediate: true,
      taskManagementFunction,
      ...values,
    });
  }

  /** The PDUs that have come since the last call. */
  receive(): ReceivedPdu[] {
    let bytes: Uint8Array = Buffer.concat([this.#rest, this.transport.take()]);
    const pdus: ReceivedPdu[] = [];
    while (bytes.length >= BHS_LENGTH) {
      const length = this.#lengthOf(bytes);
      if (bytes.length < length) break;
      pdus.push(this.#parse(bytes.subarray(0, length)));
      bytes = bytes.subarray(length);
    }
    this.#rest = bytes;
    return pdus;
  }

  #isLogin(bytes: Uint8Array): boolean {
    return ((bytes[0] as number) & 0x3f) === Opcode.loginResponse;
  }

  #lengthOf(bytes: Uint8Array): number {
    const { dataSegmentLength } = BasicHeaderSegment.view(bytes);
    const plain = this.#isLogin(bytes);
    const header = BHS_LENGTH + (this.headerDigest && !plain ? 4 : 0);
    const tail = dataSegmentLength > 0 && this.dataDigest && !plain ? 4 : 0;
    return header + padded(dataSegmentLength) + tail;
  }

  #parse(bytes: Uint8Array): ReceivedPdu {
    const header = bytes.subarray(0, BHS_LENGTH);
    const opcode = (bytes[0] as number) & 0x3f;
    const layout = PDU_OF_OPCODE.get(opcode);
    if (layout === undefined) throw new TypeError(`the target sent opcode ${opcode}`);
    let at = BHS_LENGTH;
    if (this.headerDigest && !this.#isLogin(bytes)) {
      if (crc32c(header) !== digestAt(bytes, at)) throw new TypeError("wrong header digest");
      at += 4;
    }
    const view = layout.view(header);
    const length = view["dataSegmentLength"] as number;
    const data = bytes.subarray(at, at + length);
    if (this.dataDigest && length > 0 && !this.#isLogin(bytes)) {
      const end = at + padded(length);
      if (crc32c(bytes, at, end) !== digestAt(bytes, end)) throw new TypeError("wrong data digest");
    }
    const fields: Record<string, number | boolean | Uint8Array> = {};
    for (const { name } of layout.fields) fields[name] = view[name] as number;
    return { name: layout.name, header, data, fields };
  }
}

function cdb10(opcode: number, lba: number, blocks: number): number[] {
  return [
    opcode,
    0,
    (lba >>> 24) & 0xff,
    (lba >>> 16) & 0xff,
    (lba >>> 8) & 0xff,
    lba & 0xff,
    0,
    (blocks >>> 8) & 0xff,
    blocks & 0xff,
    0,
  ];
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(4);
  putDigest(digest, 0, crc32c(bytes));
  return digest;
}

/** `length` bytes that differ from block to block. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 9) * 31 + seed) & 0xff;
  return bytes;
}
