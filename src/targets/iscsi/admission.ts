import { LoginStatus } from "../../protocol/iscsi/index.ts";
import type { Path } from "./auth/access.ts";
import type { ChapPolicy } from "./auth/chap-account.ts";
import type { Lockout } from "./auth/lockout.ts";
import { type LoginFailure, loginFailure } from "./errors.ts";
import type { ExportedTarget } from "./exported-target.ts";

/** What an initiator finds at the door. */
export interface Admitted {
  /** How it has to prove who it is; undefined: it need not. */
  readonly chap: ChapPolicy | undefined;
  /** Undefined for discovery. */
  readonly target: ExportedTarget | undefined;
}

/** Who says it is whom, and wants to go where. */
export interface LoginIdentity {
  readonly initiatorName: string;
  /** Undefined for discovery. */
  readonly targetName: string | undefined;
}

/** What admission asks of the server. */
export interface AdmissionServer {
  readonly discoveryChap: ChapPolicy | undefined;
  readonly lockout: Lockout;
  findTarget(name: string): ExportedTarget | undefined;
}

/** Lets initiators of one connection in, or not. */
export class Admission {
  readonly targetPortalGroupTag: number;
  readonly #server: AdmissionServer;
  readonly #path: Path;

  constructor(server: AdmissionServer, path: Path, targetPortalGroupTag: number) {
    this.#server = server;
    this.#path = path;
    this.targetPortalGroupTag = targetPortalGroupTag;
  }

  admit({ initiatorName, targetName }: LoginIdentity): Admitted | LoginFailure {
    const { discoveryChap } = this.#server;
    if (targetName === undefined) {
      return this.#unlessOut({ chap: discoveryChap, target: undefined });
    }
    const target = this.#server.findTarget(targetName);
    if (target === undefined) {
      return loginFailure(LoginStatus.notFound, `there is no target ${targetName}`);
    }
    const failure = target.refusal(initiatorName, this.#path) ?? target.moved();
    return failure ?? this.#unlessOut({ chap: target.chap, target });
  }

  #unlessOut(admitted: Admitted): Admitted | LoginFailure {
    return (admitted.chap === undefined ? undefined : this.lockedOut()) ?? admitted;
  }

  /** Asked again before each step, or logins side by side would be as many guesses. */
  lockedOut(): LoginFailure | undefined {
    const { host } = this.#path.remote;
    if (!this.#server.lockout.isOut(host)) return undefined;
    return loginFailure(
      LoginStatus.authenticationFailure,
      `too many logins from ${host} have failed: it has to wait`,
    );
  }

  /** CHAP has come to an end. */
  proved(success: boolean): void {
    const { host } = this.#path.remote;
    if (success) this.#server.lockout.succeeded(host);
    else this.#server.lockout.failed(host);
  }
}
