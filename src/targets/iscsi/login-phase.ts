import type { Log } from "../../core/log.ts";
import {
  encodeText,
  LoginRequest,
  LoginResponse,
  LoginStatus,
  Opcode,
  pduName,
  serialAdd,
  Stage,
} from "../../protocol/iscsi/index.ts";
import { IscsiCode, type LoginFailure, loginFailure } from "./errors.ts";
import type { IscsiLimits } from "./limits.ts";
import { Login, type LoginDirectory, type LoginFields, type LoginReply } from "./login.ts";
import type { Negotiation } from "./negotiation.ts";
import { type PduConsumer, Sink } from "./pdu-reader.ts";
import type { PduWriter } from "./pdu-writer.ts";
import type { IscsiSession } from "./session.ts";

/** What the login phase needs of its connection. */
export interface LoginHost {
  readonly limits: IscsiLimits;
  readonly log: Log;
  fail(code: IscsiCode, message: string): void;
  loginRefused(failure: LoginFailure): void;
  openSession(login: Login, opened: (result: IscsiSession | LoginFailure) => void): void;
  loggedIn(login: Login, session: IscsiSession, statSn: number): void;
}

/** StatSN of a connection's first answer. */
const FIRST_STAT_SN = 1;

const request = LoginRequest.view();
const response = LoginResponse.view();

/** The PDUs of a login. */
export class LoginPhase implements PduConsumer {
  readonly #host: LoginHost;
  readonly #writer: PduWriter;
  readonly #login: Login;
  #statSn = FIRST_STAT_SN;
  /** A request is being answered: RFC 7143 allows one at a time. */
  #busy = false;

  constructor(options: {
    host: LoginHost;
    writer: PduWriter;
    negotiation: Negotiation;
    directory: LoginDirectory;
  }) {
    this.#host = options.host;
    this.#writer = options.writer;
    this.#login = new Login(options.negotiation, options.host.limits, options.directory);
  }

  header(bytes: Uint8Array, at: number): Sink {
    const opcode = (bytes[at] as number) & 0x3f;
    if (opcode !== Opcode.loginRequest) {
      this.#outOfPlace(bytes, at, `${pduName(opcode)} during login`);
      return Sink.discard;
    }
    if (this.#busy) {
      this.#host.fail(IscsiCode.handshake, "a Login Request before the last one was answered");
      return Sink.discard;
    }
    return Sink.whole;
  }

  /** RFC 7143, "Login Phase": nothing but Login Requests until it is over. */
  #outOfPlace(bytes: Uint8Array, at: number, what: string): void {
    if (this.#login.first === undefined) {
      // Who begins with something else speaks another protocol.
      this.#host.fail(IscsiCode.handshake, what);
      return;
    }
    const fields = fieldsAt(bytes, at);
    this.#refuse(fields, loginFailure(LoginStatus.invalidDuringLogin, what));
  }

  data(): void {
    // Login Requests are taken whole.
  }

  end(bytes: Uint8Array, at: number, _ahsLength: number, data: Uint8Array): void {
    const fields = fieldsAt(bytes, at);
    const reply = this.#login.receive(fields, data);
    if (reply.failure !== undefined) this.#refuse(fields, reply.failure);
    else if (reply.complete) this.#open(fields, reply);
    else this.#answer(fields, reply, 0);
  }

  #open(fields: LoginFields, reply: LoginReply & { failure?: undefined }): void {
    this.#busy = true;
    this.#host.openSession(this.#login, (result) => {
      if ("status" in result) {
        this.#refuse(fields, result);
        return;
      }
      this.#answer(fields, reply, result.tsih);
      this.#host.loggedIn(this.#login, result, this.#statSn);
    });
  }

  badData(): void {
    // There are no digests during login.
  }

  lost(code: IscsiCode, message: string): void {
    this.#host.fail(code, message);
  }

  #answer(fields: LoginFields, reply: LoginReply & { failure?: undefined }, tsih: number): void {
    const pdu = this.#begin(fields, tsih);
    pdu.transit = reply.transit;
    pdu.continues = reply.continues;
    pdu.currentStage = fields.currentStage;
    if (reply.transit) pdu.nextStage = fields.nextStage;
    if (reply.text.length > 0) this.#writer.addData(reply.text, 0, reply.text.length, false);
    else this.#writer.add();
  }

  #refuse(fields: LoginFields, failure: LoginFailure): void {
    const pdu = this.#begin(fields, fields.tsih);
    pdu.currentStage = Math.min(fields.currentStage, Stage.operationalNegotiation);
    pdu.status = failure.status;
    const { targetAddress } = failure;
    if (targetAddress === undefined) {
      this.#writer.add();
    } else {
      const text = encodeText([["TargetAddress", targetAddress]]);
      this.#writer.addData(text, 0, text.length, false);
    }
    this.#host.loginRefused(failure);
  }

  #begin(fields: LoginFields, tsih: number): typeof response {
    const pdu = response.at(this.#writer.begin(), this.#writer.bytes);
    pdu.opcode = Opcode.loginResponse;
    for (let i = 0; i < 6; i++)
      pdu.isid[i] = Number.parseInt(fields.isid.slice(2 * i, 2 * i + 2), 16);
    pdu.tsih = tsih;
    pdu.initiatorTaskTag = fields.initiatorTaskTag;
    pdu.statSn = this.#statSn;
    this.#statSn = serialAdd(this.#statSn, 1);
    // The login itself is immediate and takes no CmdSN.
    pdu.expCmdSn = fields.cmdSn;
    pdu.maxCmdSn = serialAdd(fields.cmdSn, this.#host.limits.queueDepthMax - 1);
    return pdu;
  }
}

function fieldsAt(bytes: Uint8Array, at: number): LoginFields {
  const pdu = request.at(at, bytes);
  return {
    transit: pdu.transit,
    continues: pdu.continues,
    currentStage: pdu.currentStage,
    nextStage: pdu.nextStage,
    versionMin: pdu.versionMin,
    isid: Array.from(pdu.isid, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    tsih: pdu.tsih,
    connectionId: pdu.connectionId,
    initiatorTaskTag: pdu.initiatorTaskTag,
    cmdSn: pdu.cmdSn,
  };
}
