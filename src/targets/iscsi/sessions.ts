import { iscsiTransportId } from "../../core/reservations/transport-id.ts";
import type { Session } from "../../core/session.ts";
import type { Target } from "../../core/target.ts";
import { LoginStatus } from "../../protocol/iscsi/index.ts";
import { IscsiCode, type LoginFailure, loginFailure } from "./errors.ts";

/** What a login brings to the opening of a session. */
export interface SessionRequest {
  readonly initiatorName: string;
  /** Six bytes in hex. */
  readonly isid: string;
  /** The TSIH of the request: 0 asks for a new session. */
  readonly tsih: number;
  /** Undefined for discovery. */
  readonly target: Target | undefined;
  /** Ends the session's connection: another login takes it over, or the administrator ends it. */
  readonly supersede: (code: IscsiCode) => void;
}

/** An iSCSI session: an I_T nexus of the core, or a discovery session without one. */
export interface OpenSession {
  readonly tsih: number;
  readonly core: Session | undefined;
  readonly key: string;
  readonly supersede: (code: IscsiCode) => void;
  /** Told when nothing of the session is left. */
  readonly whenGone: (() => void)[];
  closing: boolean;
}

const TSIH_MAX = 0xffff;

/** Whose connection a session of the core is. */
const bySession = new WeakMap<Session, OpenSession>();

/** Ends the connection of a session that the administrator closes. */
export function closeConnectionOf(session: Session): void {
  bySession.get(session)?.supersede(IscsiCode.forced);
}

/** All sessions of a server. */
export class Sessions {
  readonly #countMax: number;
  readonly #byTsih = new Map<number, OpenSession>();
  readonly #byKey = new Map<string, OpenSession>();
  #lastTsih = 0;

  constructor(countMax: number) {
    this.#countMax = Math.min(countMax, TSIH_MAX);
  }

  get count(): number {
    return this.#byTsih.size;
  }

  /**
   * Opens a session. One with the same initiator, ISID and target is ended first (RFC 7143,
   * "Session Reinstatement"), so `opened` may be called later.
   */
  open(request: SessionRequest, opened: (result: OpenSession | LoginFailure) => void): void {
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
    before.supersede(IscsiCode.reinstated);
  }

  /** A further connection for a session: there may be none. */
  #join(tsih: number): LoginFailure {
    return this.#byTsih.has(tsih)
      ? loginFailure(LoginStatus.tooManyConnections, "a session has one connection")
      : loginFailure(LoginStatus.sessionDoesNotExist, `there is no session with TSIH ${tsih}`);
  }

  #create(request: SessionRequest, key: string): OpenSession | LoginFailure {
    if (this.#byTsih.size >= this.#countMax) {
      return loginFailure(LoginStatus.outOfResources, `${this.#countMax} sessions are open`);
    }
    const { target, initiatorName, supersede } = request;
    // The name as it was sent: the session's may have a number behind it.
    const transportId = iscsiTransportId(initiatorName, Buffer.from(request.isid, "hex"));
    const core = target?.openSession({ initiatorName, transportId });
    const tsih = this.#nextTsih();
    const session: OpenSession = { tsih, core, key, supersede, whenGone: [], closing: false };
    this.#byTsih.set(tsih, session);
    if (core !== undefined) bySession.set(core, session);
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
  close(session: OpenSession, closed: () => void): void {
    session.whenGone.unshift(closed);
    if (session.closing) return;
    session.closing = true;
    if (session.core === undefined) this.#forget(session);
    else session.core.close(() => this.#forget(session));
  }

  #forget(session: OpenSession): void {
    this.#byTsih.delete(session.tsih);
    if (this.#byKey.get(session.key) === session) this.#byKey.delete(session.key);
    for (const gone of session.whenGone.splice(0)) gone();
  }
}

/** An initiator port is a name and an ISID; the session is between it and a target. */
function keyOf({ initiatorName, isid, target }: SessionRequest): string {
  return `${initiatorName.toLowerCase()},i,0x${isid},t,${target?.name ?? ""}`;
}
