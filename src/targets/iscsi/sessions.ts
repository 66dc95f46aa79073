import type { Session } from "../../core/session.ts";
import { iscsiTransportId } from "../../core/reservations/transport-id.ts";
import { LoginStatus } from "../../protocol/iscsi/index.ts";
import type { Path } from "./auth/access.ts";
import { IscsiCode, type LoginFailure, loginFailure } from "./errors.ts";
import type { ExportedTarget } from "./exported-target.ts";
import type { IscsiLimits } from "./limits.ts";
import { IscsiSession, type SessionConnection } from "./session.ts";

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
}

const TSIH_MAX = 0xffff;

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
  #lastTsih = 0;

  constructor(limits: IscsiLimits) {
    this.#limits = limits;
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
      opened(this.#join(request.tsih));
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

  /** A further connection for a session: there may be none. */
  #join(tsih: number): LoginFailure {
    return this.#byTsih.has(tsih)
      ? loginFailure(LoginStatus.tooManyConnections, "a session has one connection")
      : loginFailure(LoginStatus.sessionDoesNotExist, `there is no session with TSIH ${tsih}`);
  }

  #create(request: SessionRequest, key: string): IscsiSession | LoginFailure {
    if (this.#byTsih.size >= this.#countMax) {
      return loginFailure(LoginStatus.outOfResources, `${this.#countMax} sessions are open`);
    }
    const { target, initiatorName, isid, userName } = request;
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
    });
    if (core !== undefined) bySession.set(core, session);
    session.connections.set(request.connectionId, request.connection);
    this.#byTsih.set(session.tsih, session);
    if (target !== undefined) this.#byKey.set(key, session);
    return session;
  }

  #nextTsih(): number {
    do {
      this.#lastTsih = (this.#lastTsih % TSIH_MAX) + 1;
    } while (this.#byTsih.has(this.#lastTsih));
    return this.#lastTsih;
  }

  /** Ends a session: its commands are aborted, and who waits is told when they are gone. */
  close(session: IscsiSession, closed: () => void): void {
    session.whenGone.unshift(closed);
    if (session.closing) return;
    session.closing = true;
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
