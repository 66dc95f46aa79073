import { UsageError } from "../../protocol/errors.ts";
import type { ScstUserSess } from "../../protocol/scst/index.ts";
import type { DeviceSession } from "../handler.ts";

export type SessView = ReturnType<typeof ScstUserSess.view>;

/** A session, and the next one whose handle has the same low half. */
interface Entry {
  readonly high: number;
  readonly session: DeviceSession;
  readonly next: Entry | undefined;
}

const HALF = 0xffff_ffffn;

/** The sessions of a device by the core's handles, without a bigint on the command path. */
export class Sessions {
  readonly #byHandle = new Map<bigint, DeviceSession>();
  /** By the low half of the handle. */
  readonly #byLow = new Map<number, Entry>();
  #lastLow = 0;
  #lastHigh = 0;
  #last: DeviceSession | undefined;

  add(view: SessView): DeviceSession {
    const session = sessionOf(view);
    this.#remember(session.handle, session);
    return session;
  }

  find(low: number, high: number): DeviceSession | undefined {
    if (low === this.#lastLow && high === this.#lastHigh && this.#last !== undefined) {
      return this.#last;
    }
    let entry = this.#byLow.get(low);
    while (entry !== undefined && entry.high !== high) entry = entry.next;
    const session = entry?.session;
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
    const low = Number(handle & HALF);
    const high = Number((handle >> 32n) & HALF);
    const others = without(this.#byLow.get(low), high);
    const next = session === undefined ? others : { high, session, next: others };
    if (next === undefined) this.#byLow.delete(low);
    else this.#byLow.set(low, next);
  }

  remove(handle: bigint): DeviceSession | undefined {
    const session = this.#byHandle.get(handle);
    this.#remember(handle);
    return session;
  }
}

/** The chain without the entry of that high half. */
function without(entry: Entry | undefined, high: number): Entry | undefined {
  if (entry === undefined) return undefined;
  if (entry.high === high) return entry.next;
  return { ...entry, next: without(entry.next, high) };
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
