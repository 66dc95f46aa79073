import type { Clock } from "../../core/clock.ts";
import type { Session } from "../../core/session.ts";
import { iscsiTransportId } from "../../core/reservations/transport-id.ts";
import { LoginStatus } from "../../protocol/iscsi/index.ts";
import type { Path } from "./auth/access.ts";
import { IscsiCode, type LoginFailure, loginFailure } from "./errors.ts";
import type { ExportedTarget } from "./exported-target.ts";
import type { FullFeature } from "./full-feature.ts";
import type { IscsiLimits } from "./limits.ts";
import type { Negotiation } from "./negotiation.ts";
import { IscsiSession, type LostConnection, type SessionConnection } from "./session.ts";

/** What a login brings to the opening of a session. */
export interface SessionRequest {
  readonly initiatorName: string;
  /** Six bytes in hex. */
  readonly isid: string;
  /** The TSIH of the request: 0 asks for a new session. */
  readonly tsih: number;
  readonly connectionId: number;
  readonly cmdSn: number;
  readonly userName: string | undefined;
  /** Undefined for discovery. */
  readonly target: ExportedTarget | undefined;
  readonly path: Path;
  readonly targetPortalGroupTag: number;
  readonly connection: SessionConnection;
  readonly negotiation: Negotiation;
}

const TSIH_MAX = 0xffff;

const NOTHING = () => undefined;

/** Whose connections a session of the core has. */
const bySession = new WeakMap<Session, IscsiSession>();

/** Ends the connections of a session that the administrator closes. */
export function closeConnectionsOf(session: Session): void {
  const { initiatorName } = session;
  bySession.get(session)?.supersede(IscsiCode.forced, `${initiatorName} is closed by force`);
}

/** All sessions of a server. */
export class Sessions {
  readonly #limits: IscsiLimits;
  readonly #countMax: number;
  readonly #byTsih = new Map<number, IscsiSession>();
  readonly #byKey = new Map<string, IscsiSession>();
  readonly #clock: Clock;
  #lastTsih = 0;
  #closing = false;

  constructor(limits: IscsiLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#countMax = Math.min(limits.sessionCountMax, TSIH_MAX);
  }

  get count(): number {
    return this.#byTsih.size;
  }

  [Symbol.iterator](): Iterator<IscsiSession> {
    return this.#byTsih.values();
  }

  /**
   * Opens a session. One with the same initiator, ISID and target is ended first (RFC 7143,
   * "Session Reinstatement"), so `opened` may be called later.
   */
  open(request: SessionRequest, opened: (result: IscsiSession | LoginFailure) => void): void {
    if (request.tsih !== 0) {
      this.#join(request, opened);
      return;
    }
    const key = keyOf(request);
    const before = request.target === undefined ? undefined : this.#byKey.get(key);
    if (before === undefined) {
      opened(this.#create(request, key));
      return;
    }
    before.whenGone.push(() => this.open(request, opened));
    before.supersede(IscsiCode.reinstated, `${request.initiatorName} logged in anew`);
  }

  /** A further connection for a session, or one in the place of another with the same CID. */
  #join(request: SessionRequest, opened: (result: IscsiSession | LoginFailure) => void): void {
    const { tsih, connectionId, connection } = request;
    const session = this.#byTsih.get(tsih);
    if (session === undefined || session.key !== keyOf(request) || !this.#isOpen(session)) {
      const why = `there is no session with TSIH ${tsih} for ${request.initiatorName}`;
      opened(loginFailure(LoginStatus.sessionDoesNotExist, why));
      return;
    }
    if (session.names.userName !== request.userName) {
      const why = "the session is that of another user";
      opened(loginFailure(LoginStatus.authorizationFailure, why));
      return;
    }
    const before = session.connections.get(connectionId);
    const countMax = session.leading.value("MaxConnections");
    if (before === undefined && session.connections.size >= countMax) {
      const why = `the session may have ${countMax} connections`;
      opened(loginFailure(LoginStatus.tooManyConnections, why));
      return;
    }
    if (before === undefined) {
      session.connections.set(connectionId, connection);
      opened(session);
      return;
    }
    // RFC 7143, "Connection Reinstatement": an implicit logout, for recovery where there is any.
    session.connections.set(connectionId, connection);
    this.#part(session, before, true, () => opened(session));
    before.supersede(IscsiCode.reinstated, `connection ${connectionId} logged in anew`);
  }

  #isOpen({ closing, ending }: IscsiSession): boolean {
    return !closing && !ending && !this.#closing;
  }

  #create(request: SessionRequest, key: string): IscsiSession | LoginFailure {
    if (this.#byTsih.size >= this.#countMax) {
      return loginFailure(LoginStatus.outOfResources, `${this.#countMax} sessions are open`);
    }
    const { target, initiatorName, isid, userName } = request;
    if (target !== undefined && this.#countOf(target) >= target.sessionCountMax) {
      const why = `${target.sessionCountMax} sessions of ${target.name} are open`;
      return loginFailure(LoginStatus.outOfResources, why);
    }
    if (target?.target.closing === true) {
      return loginFailure(LoginStatus.targetRemoved, `${target.name} is going away`);
    }
    // The name as it was sent: the session's may have a number behind it.
    const transportId = iscsiTransportId(initiatorName, Buffer.from(isid, "hex"));
    const core = target?.target.openSession({
      initiatorName: target.nameInGroups(initiatorName, request.path),
      transportId,
    });
    const session = new IscsiSession({
      tsih: this.#nextTsih(),
      key,
      names: { initiatorName, isid, targetName: target?.name, userName },
      core,
      expCmdSn: request.cmdSn,
      limits: this.#limits,
      leading: request.negotiation,
      deserted: (deserted) => this.close(deserted, NOTHING),
    });
    if (core !== undefined) bySession.set(core, session);
    session.connections.set(request.connectionId, request.connection);
    this.#byTsih.set(session.tsih, session);
    if (target !== undefined) this.#byKey.set(key, session);
    return session;
  }

  #countOf({ name }: ExportedTarget): number {
    let count = 0;
    for (const { names } of this.#byTsih.values()) if (names.targetName === name) count++;
    return count;
  }

  #nextTsih(): number {
    do {
      this.#lastTsih = (this.#lastTsih % TSIH_MAX) + 1;
    } while (this.#byTsih.has(this.#lastTsih));
    return this.#lastTsih;
  }

  /**
   * A connection of a session is over. Its tasks end with it, or wait for another connection when
   * it is `recoverable`. `gone` is called when nothing of it is left but what waits.
   */
  leave(
    session: IscsiSession,
    connection: SessionConnection,
    recoverable: boolean,
    gone: () => void,
  ): void {
    const { connectionId } = connection;
    // Another login may have taken its place.
    if (session.connections.get(connectionId) !== connection) {
      gone();
      return;
    }
    session.connections.delete(connectionId);
    this.#part(session, connection, recoverable, gone);
  }

  #part(
    session: IscsiSession,
    { connectionId, phase }: SessionConnection,
    recoverable: boolean,
    gone: () => void,
  ): void {
    const deserted = session.connections.size === 0;
    if (phase !== undefined && recoverable && this.#keeps(session, phase)) {
      this.#keep(session, connectionId, phase);
      gone();
    } else if (deserted && (session.lost.size === 0 || session.ending || this.#closing)) {
      this.close(session, gone);
    } else if (phase === undefined) {
      gone();
    } else {
      session.abortTasksOf(phase, gone);
    }
  }

  #keeps(session: IscsiSession, { parameters }: FullFeature): boolean {
    if (session.ending || session.closing || this.#closing) return false;
    return parameters.errorRecoveryLevel === 2 && parameters.time2Retain > 0;
  }

  /** RFC 7143, "Time2Retain": the tasks can be reassigned for so long. */
  #keep(session: IscsiSession, connectionId: number, phase: FullFeature): void {
    const { time2Wait, time2Retain } = phase.parameters;
    phase.connectionLost = true;
    session.held.drop(phase);
    const timer = this.#clock.after((time2Wait + time2Retain) * 1000, () => {
      this.#release(session, lost, NOTHING);
    });
    const lost: LostConnection = { connectionId, phase, timer };
    session.lost.add(lost);
  }

  /** The tasks of a lost connection are waited for no longer. */
  #release(session: IscsiSession, lost: LostConnection, gone: () => void): void {
    lost.timer.cancel();
    session.lost.delete(lost);
    lost.phase.recovery?.clear();
    if (session.connections.size === 0 && session.lost.size === 0) this.close(session, gone);
    else session.abortTasksOf(lost.phase, gone);
  }

  /**
   * A logout of another connection than the one that it came by.
   *
   * @returns whether there is one of that CID; then `gone` is called, perhaps later
   */
  remove(
    session: IscsiSession,
    connectionId: number,
    recoverable: boolean,
    gone: () => void,
  ): boolean {
    const open = session.connections.get(connectionId);
    const lost = [...session.lost].filter((one) => one.connectionId === connectionId);
    if (open === undefined && lost.length === 0) return false;
    if (open !== undefined) {
      this.leave(session, open, recoverable, gone);
      open.supersede(IscsiCode.loggedOut, `connection ${connectionId} is logged out`);
    }
    if (!recoverable) for (const one of lost) this.#release(session, one, NOTHING);
    if (open === undefined) gone();
    return true;
  }

  /** No session waits any longer for connections that are lost. */
  async shutDown(): Promise<void> {
    this.#closing = true;
    const deserted = [...this.#byTsih.values()].filter(({ connections }) => connections.size === 0);
    await Promise.all(
      deserted.map((session) => new Promise<void>((resolve) => this.close(session, resolve))),
    );
  }

  /** Ends a session: its commands are aborted, and who waits is told when they are gone. */
  close(session: IscsiSession, closed: () => void): void {
    session.whenGone.unshift(closed);
    if (session.closing) return;
    session.closing = true;
    for (const { timer } of session.lost) timer.cancel();
    session.lost.clear();
    if (session.core === undefined) this.#forget(session);
    else session.core.close(() => this.#forget(session));
  }

  #forget(session: IscsiSession): void {
    this.#byTsih.delete(session.tsih);
    if (this.#byKey.get(session.key) === session) this.#byKey.delete(session.key);
    for (const gone of session.whenGone.splice(0)) gone();
  }
}

/**
 * An initiator port is a name and an ISID, a target port a name and a portal group tag; the
 * session is between them (RFC 7143, "I_T Nexus").
 */
function keyOf({ initiatorName, isid, target, targetPortalGroupTag }: SessionRequest): string {
  const targetPort = `${target?.name ?? ""},t,${targetPortalGroupTag}`;
  return `${initiatorName.toLowerCase()},i,0x${isid} ${targetPort}`;
}
