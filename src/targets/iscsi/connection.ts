import type { Core } from "../../core/core.ts";
import type { Log } from "../../core/log.ts";
import { LoginStatus } from "../../protocol/iscsi/index.ts";
import { Admission, type AdmissionServer } from "./admission.ts";
import type { Path } from "./auth/access.ts";
import { parseEndpoint } from "./auth/addresses.ts";
import { recordsOf } from "./discovery.ts";
import { IscsiCode, type LoginFailure, loginStatusName } from "./errors.ts";
import type { ExportedTarget } from "./exported-target.ts";
import { FullFeature, type RequestHandlers } from "./full-feature.ts";
import { KeepAlive } from "./keep-alive.ts";
import type { IscsiLimits } from "./limits.ts";
import { Link } from "./link.ts";
import type { Login } from "./login.ts";
import { LoginPhase } from "./login-phase.ts";
import { Negotiation, type Offers, parametersOf } from "./negotiation.ts";
import type { PortalAddress } from "./portal.ts";
import { requestHandlers } from "./requests.ts";
import { SequenceTimer } from "./sequence-timer.ts";
import type { IscsiSession, SessionConnection } from "./session.ts";
import type { Sessions } from "./sessions.ts";
import {
  type ConnectionStatistics,
  connectionStatistics,
  type ServerCounts,
} from "./statistics.ts";
import { announceDrop, requestLogout } from "./tasks/async-message.ts";
import type { Logout } from "./tasks/logout.ts";
import { sendPing } from "./tasks/nop.ts";
import type { Transport } from "../socket/transport.ts";

/** What all connections of a server have in common. */
export interface ConnectionServer extends AdmissionServer {
  readonly core: Core;
  readonly limits: IscsiLimits;
  readonly offers: Offers;
  readonly sessions: Sessions;
  readonly exports: Iterable<ExportedTarget>;
  readonly portals: Iterable<PortalAddress>;
  /** Milliseconds of silence after which the initiator is asked for a sign of life; 0: never. */
  readonly keepAliveMs: number;
  readonly counts: ServerCounts;
  /** Ends every session of a target. */
  coldReset(targetName: string): void;
  forget(connection: Connection): void;
}

/** Where a peer is whose address is not known. */
const NOWHERE = { host: "", port: 0 };

/** One TCP connection: a login, then the full feature phase, then the end. */
export class Connection implements SessionConnection {
  readonly limits: IscsiLimits;
  readonly link: Link;
  readonly #server: ConnectionServer;
  readonly #path: Path;
  readonly #targetPortalGroupTag: number;
  readonly #negotiation: Negotiation;
  #phase: FullFeature | undefined;
  #session: IscsiSession | undefined;
  #connectionId = 0;
  /** Its end was asked for: nothing of it is kept. */
  #loggedOut = false;
  #sequenceTimer: SequenceTimer | undefined;
  #keepAlive: KeepAlive | undefined;

  constructor(server: ConnectionServer, transport: Transport, targetPortalGroupTag: number) {
    const { core, limits } = server;
    this.#server = server;
    this.limits = limits;
    this.#path = {
      remote: parseEndpoint(transport.remoteAddress) ?? NOWHERE,
      local: parseEndpoint(transport.localAddress) ?? NOWHERE,
    };
    this.#targetPortalGroupTag = targetPortalGroupTag;
    this.#negotiation = new Negotiation(server.offers);
    const options = {
      core,
      limits,
      transport,
      log: this.log,
      heard: () => this.#keepAlive?.heard(),
      ended: () => {
        this.#keepAlive?.stop();
        this.#sequenceTimer?.stop();
      },
      closed: () => this.#closed(),
    };
    this.link = new Link(options, ({ writer }) => {
      const directory = new Admission(server, this.#path, targetPortalGroupTag);
      return new LoginPhase({ host: this, writer, negotiation: this.#negotiation, directory });
    });
    this.link.setTimer(limits.loginTimeMsMax, () => {
      this.fail(IscsiCode.loginTimeout, `no login within ${limits.loginTimeMsMax} ms`);
    });
  }

  /** Every line says whose connection it is about. */
  readonly log: Log = (entry) => {
    this.#server.core.log({
      ...entry,
      message: `${this.link.transport.remoteAddress}: ${entry.message}`,
    });
  };

  get connectionId(): number {
    return this.#connectionId;
  }

  get phase(): FullFeature | undefined {
    return this.#phase;
  }

  get statistics(): ConnectionStatistics {
    return connectionStatistics(this.#connectionId, this.link, this.#phase);
  }

  // The end.

  fail(code: IscsiCode, message: string): void {
    const { counts } = this.#server;
    if (code === IscsiCode.loginTimeout) counts.loginTimeouts++;
    if (code === IscsiCode.headerDigest) counts.headerDigestErrors++;
    if (code === IscsiCode.silent) counts.silentConnections++;
    this.link.fail(code, message);
  }

  supersede(code: IscsiCode, why: string): void {
    this.log({ level: "info", code, message: why });
    this.link.destroy();
  }

  #closed(): void {
    const session = this.#session;
    this.#server.counts.dataDigestErrors += this.#phase?.counts.dataDigestErrors ?? 0;
    const gone = () => this.#server.forget(this);
    if (session === undefined) gone();
    else this.#server.sessions.leave(session, this, !this.#loggedOut, gone);
  }

  coldReset(): void {
    const { targetName } = this.#session?.names ?? {};
    if (targetName === undefined) return;
    // Behind the function's response.
    this.#server.core.defer({ flush: () => this.#server.coldReset(targetName) });
  }

  /**
   * For the server, which is closing: asks the initiator to log out. Commands are served until it
   * does; one that takes too long is told of the end, and dropped.
   */
  shutDown(): void {
    const phase = this.#phase;
    const { link } = this;
    if (link.ending) return;
    if (phase === undefined) {
      link.finish();
      return;
    }
    const { core } = this.#server;
    const { drainTimeMsMax } = this.limits;
    this.#keepAlive?.stop();
    core.enter();
    requestLogout(phase, Math.ceil(drainTimeMsMax / 1000));
    core.leave();
    link.setTimer(drainTimeMsMax, () => {
      core.enter();
      announceDrop(phase, this.#connectionId);
      this.fail(IscsiCode.closed, "the initiator was asked to log out and has not");
      core.leave();
    });
  }

  // Login.

  /** The login was refused: its answer is the last that is sent. */
  loginRefused(failure: LoginFailure): void {
    const { counts } = this.#server;
    counts.loginsRefused++;
    if (failure.status === LoginStatus.authenticationFailure) counts.authenticationFailures++;
    this.log({
      level: "warning",
      code: IscsiCode.loginRefused,
      message: `login refused, ${loginStatusName(failure.status)}: ${failure.message}`,
    });
    this.link.finish();
  }

  /**
   * All is negotiated. `opened` is told of the session, perhaps later: one that is there already
   * has to end first.
   */
  openSession(login: Login, opened: (result: IscsiSession | LoginFailure) => void): void {
    const { first, initiatorName, target, userName } = login;
    if (first === undefined) return;
    const { isid, tsih, connectionId, cmdSn } = first;
    this.#connectionId = connectionId;
    const request = {
      initiatorName,
      isid,
      tsih,
      connectionId,
      cmdSn,
      userName,
      target,
      path: this.#path,
      targetPortalGroupTag: this.#targetPortalGroupTag,
      connection: this,
      negotiation: this.#negotiation,
    };
    let waiting = true;
    this.#server.sessions.open(request, (result) => {
      const late = !waiting;
      waiting = false;
      if (this.link.ending) {
        if ("tsih" in result) this.#server.sessions.leave(result, this, false, () => undefined);
        return;
      }
      if ("tsih" in result) this.#session = result;
      opened(result);
      if (late) this.link.drained();
    });
    if (waiting) {
      waiting = false;
      this.link.pause();
    }
  }

  /** The last answer of the login is written. */
  loggedIn(login: Login, session: IscsiSession, statSn: number): void {
    const { link } = this;
    link.cancelTimer();
    const parameters = parametersOf(this.#negotiation, session.leading);
    const phase = new FullFeature({
      host: this,
      writer: link.writer,
      parameters,
      handlers: this.#handlers(login),
      session,
      statSn,
    });
    this.#phase = phase;
    link.reader.consumer = phase;
    link.reader.dataSegmentLengthMax = this.limits.dataSegmentLengthMax;
    for (const end of [link.reader, link.writer]) {
      end.headerDigest = parameters.headerDigest;
      end.dataDigest = parameters.dataDigest;
    }
    this.#server.counts.logins++;
    const where = login.target === undefined ? "for discovery" : `to ${login.target.name}`;
    const as = login.userName === undefined ? "" : ` as user "${login.userName}"`;
    this.log({
      level: "info",
      code: IscsiCode.loggedIn,
      message: `${login.initiatorName} logged in ${where}${as}`,
    });
    if (this.#server.keepAliveMs > 0) this.#keepAlive = this.#watch(phase);
    if (phase.recovery !== undefined) this.#sequenceTimer = this.#watchSequences(phase);
  }

  #watchSequences(phase: FullFeature): SequenceTimer {
    const { core } = this.#server;
    return new SequenceTimer({
      clock: core.clock,
      intervalMs: this.limits.sequenceTimeMsMax,
      phase,
      batch: (work) => {
        core.enter();
        work();
        core.leave();
      },
    });
  }

  #handlers(login: Login): RequestHandlers {
    const server = this.#server;
    const { initiatorName } = login;
    const path = this.#path;
    const targetPortalGroupTag = this.#targetPortalGroupTag;
    return requestHandlers({
      core: server.core,
      connectionId: this.#connectionId,
      text: {
        negotiation: this.#negotiation,
        targetName: login.target?.name,
        records: (name) => {
          const { exports: targets, portals } = server;
          return recordsOf({ targets, portals, initiatorName, path, targetPortalGroupTag }, name);
        },
      },
      stopReading: () => this.link.reader.stop(),
      loggedOut: (logout) => this.#logOut(logout),
      removeConnection: ({ connectionId, recovery }, gone) => {
        const session = this.#session;
        return (
          session !== undefined && server.sessions.remove(session, connectionId, recovery, gone)
        );
      },
    });
  }

  #logOut({ session, recovery }: Logout): void {
    this.log({ level: "info", code: IscsiCode.loggedOut, message: "logged out" });
    this.#loggedOut = !recovery;
    this.link.finish();
    if (session) this.#session?.end(IscsiCode.loggedOut, "the session is logged out");
  }

  #watch(phase: FullFeature): KeepAlive {
    const { core, keepAliveMs } = this.#server;
    return new KeepAlive({
      clock: core.clock,
      intervalMs: keepAliveMs,
      queuedLength: () => this.link.transport.queuedLength,
      ping: () => {
        core.enter();
        sendPing(phase);
        core.leave();
      },
      dead: () => {
        this.fail(IscsiCode.silent, `no sign of life within ${2 * keepAliveMs} ms`);
      },
    });
  }
}
