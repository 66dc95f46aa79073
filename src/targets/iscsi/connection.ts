import type { Timer } from "../../core/clock.ts";
import type { Core } from "../../core/core.ts";
import type { Log } from "../../core/log.ts";
import type { Target } from "../../core/target.ts";
import {
  LOGIN_DATA_SEGMENT_LENGTH_MAX,
  LogoutResponseCode,
  Opcode,
} from "../../protocol/iscsi/index.ts";
import { answerText } from "./discovery.ts";
import { IscsiCode, type LoginFailure, loginStatusName } from "./errors.ts";
import { FullFeature, type RequestHandlers } from "./full-feature.ts";
import type { IscsiLimits } from "./limits.ts";
import type { Login } from "./login.ts";
import { LoginPhase } from "./login-phase.ts";
import { Negotiation, type Offers, parametersOf } from "./negotiation.ts";
import { PduReader } from "./pdu-reader.ts";
import { PduWriter } from "./pdu-writer.ts";
import type { OpenSession, Sessions } from "./sessions.ts";
import { answerLogout, type Logout, receiveLogout } from "./tasks/logout.ts";
import { receiveNopOut, sendPing } from "./tasks/nop.ts";
import { receiveTaskManagement } from "./tasks/task-management.ts";
import { TextExchange } from "./tasks/text-request.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** What all connections of a server have in common. */
export interface ConnectionServer {
  readonly core: Core;
  readonly limits: IscsiLimits;
  readonly offers: Offers;
  readonly sessions: Sessions;
  readonly targetPortalGroupTag: number;
  /** Milliseconds of silence after which the initiator is asked for a sign of life; 0: never. */
  readonly keepAliveMs: number;
  findTarget(name: string): Target | undefined;
  targetNames(): Iterable<string>;
  forget(connection: Connection): void;
}

/** One TCP connection: a login, then the full feature phase, then the end. */
export class Connection implements TransportEvents {
  readonly limits: IscsiLimits;
  readonly #server: ConnectionServer;
  readonly #transport: Transport;
  readonly #reader: PduReader;
  readonly #writer: PduWriter;
  readonly #negotiation: Negotiation;
  #phase: FullFeature | undefined;
  #session: OpenSession | undefined;
  #timer: Timer | undefined;
  /** Nothing more is read or answered. */
  #ending = false;
  #closed = false;
  #paused = false;
  /** Something has come since the timer last looked. */
  #alive = false;
  #pinged = false;
  #whenDrained: (() => void) | undefined;

  constructor(server: ConnectionServer, transport: Transport) {
    this.#server = server;
    this.limits = server.limits;
    this.#transport = transport;
    this.#negotiation = new Negotiation(server.offers);
    this.#writer = new PduWriter(transport, server.core);
    const { targetPortalGroupTag } = server;
    const login = new LoginPhase({
      host: this,
      writer: this.#writer,
      negotiation: this.#negotiation,
      directory: {
        targetPortalGroupTag,
        hasTarget: (name) => server.findTarget(name) !== undefined,
      },
    });
    this.#reader = new PduReader(login, LOGIN_DATA_SEGMENT_LENGTH_MAX);
    this.#timer = server.core.clock.after(this.limits.loginTimeMsMax, () => {
      this.fail(IscsiCode.loginTimeout, `no login within ${this.limits.loginTimeMsMax} ms`);
    });
  }

  /** Every line says whose connection it is about. */
  readonly log: Log = (entry) => {
    this.#server.core.log({
      ...entry,
      message: `${this.#transport.remoteAddress}: ${entry.message}`,
    });
  };

  // The socket.

  receive(bytes: Uint8Array, length: number): void {
    if (this.#ending) return;
    this.#alive = true;
    try {
      this.#process(bytes, length);
    } catch (cause) {
      // A fault of this program; the peer and the other connections must not suffer more of it.
      this.log({
        level: "error",
        code: IscsiCode.internal,
        message: "a PDU could not be processed",
        cause,
      });
      this.destroy();
    }
    if (this.#transport.queuedLength > this.limits.sendQueueLengthMax) this.#pause();
  }

  /** A batch: handlers run, and responses leave, when all PDUs of the chunk are submitted. */
  #process(bytes: Uint8Array, length: number): void {
    const { core } = this.#server;
    core.enter();
    try {
      this.#reader.receive(bytes, length);
    } finally {
      core.leave();
    }
  }

  drained(): void {
    if (!this.#paused || this.#ending) return;
    this.#paused = false;
    this.#transport.resume();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#transport.pause();
  }

  closed(cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#end();
    this.log({ level: "info", code: IscsiCode.closed, message: "connection closed", cause });
    const { core, sessions } = this.#server;
    core.enter();
    try {
      this.#writer.close();
      const session = this.#session;
      if (session === undefined) this.#server.forget(this);
      else sessions.close(session, () => this.#server.forget(this));
    } finally {
      core.leave();
    }
  }

  // The end.

  /** Reads no further; what is in the writer still leaves. */
  #end(): void {
    this.#ending = true;
    this.#reader.stop();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sends what there is to send, then closes; a peer that does not read is not waited for. */
  #finish(): void {
    if (this.#ending) return;
    this.#end();
    const { core } = this.#server;
    this.#timer = core.clock.after(this.limits.drainTimeMsMax, () => this.destroy());
    const transport = this.#transport;
    const writer = this.#writer;
    core.defer({
      flush() {
        writer.flush();
        writer.seal();
        transport.end();
      },
    });
  }

  /** Closes because of the peer. */
  fail(code: IscsiCode, message: string): void {
    if (this.#ending) return;
    this.log({ level: "warning", code, message });
    this.#finish();
  }

  /** Closes at once; what has not been sent is lost. */
  destroy(): void {
    this.#end();
    this.#writer.seal();
    this.#transport.destroy();
  }

  /** Takes no more requests, lets what is under way come to its end, closes; for the server. */
  shutDown(): void {
    if (this.#ending) return;
    if (this.#phase === undefined || this.#phase.tasks.size === 0) {
      this.#finish();
      return;
    }
    this.#reader.stop();
    this.#timer?.cancel();
    this.#timer = this.#server.core.clock.after(this.limits.drainTimeMsMax, () => this.destroy());
    this.#whenDrained = () => this.#finish();
  }

  /** No task is under way. */
  idle(): void {
    this.#whenDrained?.();
  }

  // Login.

  /** The login was refused: its answer is the last that is sent. */
  loginRefused(failure: LoginFailure): void {
    this.log({
      level: "warning",
      code: IscsiCode.loginRefused,
      message: `login refused, ${loginStatusName(failure.status)}: ${failure.message}`,
    });
    this.#finish();
  }

  /**
   * All is negotiated. `opened` is told of the session, perhaps later: one that is there already
   * has to end first.
   */
  openSession(login: Login, opened: (result: OpenSession | LoginFailure) => void): void {
    const { first } = login;
    if (first === undefined) return;
    const target = login.discovery ? undefined : this.#server.findTarget(login.targetName);
    let waiting = true;
    const { isid, tsih } = first;
    const { initiatorName } = login;
    const supersede = (code: IscsiCode) => {
      const why = code === IscsiCode.forced ? "is closed by force" : "logged in anew";
      this.log({ level: "info", code, message: `${initiatorName} ${why}` });
      this.destroy();
    };
    this.#server.sessions.open({ initiatorName, isid, tsih, target, supersede }, (result) => {
      const late = !waiting;
      waiting = false;
      if (this.#ending) {
        if ("tsih" in result) this.#server.sessions.close(result, () => undefined);
        return;
      }
      if ("tsih" in result) this.#session = result;
      opened(result);
      if (late) this.drained();
    });
    if (waiting) {
      waiting = false;
      this.#pause();
    }
  }

  /** The last answer of the login is written. */
  loggedIn(login: Login, session: OpenSession, cmdSn: number, statSn: number): void {
    this.#timer?.cancel();
    const parameters = parametersOf(this.#negotiation);
    const phase = new FullFeature({
      host: this,
      writer: this.#writer,
      parameters,
      handlers: this.#handlers(login),
      core: session.core,
      expCmdSn: cmdSn,
      statSn,
    });
    this.#phase = phase;
    this.#reader.consumer = phase;
    this.#reader.dataSegmentLengthMax = this.limits.dataSegmentLengthMax;
    this.#reader.headerDigest = parameters.headerDigest;
    this.#reader.dataDigest = parameters.dataDigest;
    this.#writer.headerDigest = parameters.headerDigest;
    this.#writer.dataDigest = parameters.dataDigest;
    const where = login.discovery ? "for discovery" : `to ${login.targetName}`;
    this.log({
      level: "info",
      code: IscsiCode.loggedIn,
      message: `${login.initiatorName} logged in ${where}`,
    });
    if (this.#server.keepAliveMs > 0) this.#watch(phase);
  }

  #handlers(login: Login): RequestHandlers {
    const server = this.#server;
    const context = {
      negotiation: this.#negotiation,
      targetName: login.discovery ? undefined : login.targetName,
      targetNames: () => server.targetNames(),
      targetAddress: `${this.#transport.localAddress},${server.targetPortalGroupTag}`,
    };
    const text = new TextExchange((pairs) => {
      const answer = answerText(context, pairs);
      if (this.#phase !== undefined) this.#phase.parameters = parametersOf(this.#negotiation);
      return answer;
    });
    const connectionId = login.first?.connectionId ?? 0;
    return {
      [Opcode.nopOut]: receiveNopOut,
      [Opcode.taskManagementRequest]: receiveTaskManagement,
      [Opcode.textRequest]: (phase, bytes, at, data) => text.receive(phase, bytes, at, data),
      [Opcode.logoutRequest]: (phase, bytes, at) => {
        const logout = receiveLogout(phase, bytes, at, connectionId);
        // Behind the responses of the commands that came in the same chunk.
        server.core.defer({ flush: () => this.#logOut(phase, logout) });
        if (logout.code === LogoutResponseCode.closed) this.#reader.stop();
      },
    };
  }

  #logOut(phase: FullFeature, logout: Logout): void {
    answerLogout(phase, logout);
    if (logout.code !== LogoutResponseCode.closed) return;
    this.log({ level: "info", code: IscsiCode.loggedOut, message: "logged out" });
    this.#finish();
  }

  /** Every so often: has anything come? If not, a ping; if still not, the end. */
  #watch(phase: FullFeature): void {
    this.#timer = this.#server.core.clock.after(this.#server.keepAliveMs, () => {
      if (this.#alive || this.#paused) {
        this.#alive = false;
        this.#pinged = false;
      } else if (this.#pinged) {
        this.fail(IscsiCode.closed, `no sign of life within ${2 * this.#server.keepAliveMs} ms`);
        return;
      } else {
        this.#pinged = true;
        this.#server.core.enter();
        sendPing(phase);
        this.#server.core.leave();
      }
      this.#watch(phase);
    });
  }
}
