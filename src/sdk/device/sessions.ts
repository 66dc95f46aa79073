import { UsageError } from "../../protocol/errors.ts";
import type { ScstUserSess } from "../../protocol/scst/index.ts";
import type { DeviceSession } from "../handler.ts";

export type SessView = ReturnType<typeof ScstUserSess.view>;

/** The sessions of a device by the core's handles, without a bigint on the command path. */
export class Sessions {
  readonly #byHandle = new Map<bigint, DeviceSession>();
  #lastLow = 0;
  #lastHigh = 0;
  #last: DeviceSession | undefined;

  add(view: SessView): DeviceSession {
    const session = sessionOf(view);
    this.#byHandle.set(session.handle, session);
    return session;
  }

  find(low: number, high: number): DeviceSession | undefined {
    if (low === this.#lastLow && high === this.#lastHigh && this.#last !== undefined) {
      return this.#last;
    }
    const session = this.#byHandle.get((BigInt(high) << 32n) | BigInt(low));
    this.#lastLow = low;
    this.#lastHigh = high;
    this.#last = session;
    return session;
  }

  /** The session of a command: the core names no other. */
  get(low: number, high: number): DeviceSession {
    const session = this.find(low, high);
    if (session === undefined) {
      throw new UsageError("SESSION_UNKNOWN", `the core named a session that is not attached`);
    }
    return session;
  }

  /** These are all that there are now; who is still there stays the same object. */
  protected reset(views: ReadonlyMap<bigint, SessView>): void {
    for (const handle of this.#byHandle.keys()) if (!views.has(handle)) this.#remember(handle);
    for (const [handle, view] of views) {
      const session = sessionOf(view);
      const known = this.#byHandle.get(handle);
      if (known === undefined || !isSame(known, session)) this.#remember(handle, session);
    }
  }

  #remember(handle: bigint, session?: DeviceSession): void {
    if (session === undefined) this.#byHandle.delete(handle);
    else this.#byHandle.set(handle, session);
    this.#last = undefined;
  }

  remove(handle: bigint): DeviceSession | undefined {
    const session = this.#byHandle.get(handle);
    this.#byHandle.delete(handle);
    this.#last = undefined;
    return session;
  }
}

function sessionOf(view: SessView): DeviceSession {
  return {
    handle: view.sessH,
    lun: view.lun,
    readOnly: view.rdOnly !== 0,
    initiatorName: view.initiatorName,
    targetName: view.targetName,
    transportVersion: view.scsiTransportVersion,
  };
}

/** The core may give a handle again once its session has gone. */
function isSame(a: DeviceSession, b: DeviceSession): boolean {
  return a.lun === b.lun && a.initiatorName === b.initiatorName && a.targetName === b.targetName;
}
