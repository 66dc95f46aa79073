import { UsageError } from "../../protocol/errors.ts";
import type { ScstUserSess } from "../../protocol/scst/index.ts";
import type { DeviceSession } from "../handler.ts";

type SessView = ReturnType<typeof ScstUserSess.view>;

/** The sessions of a device by the core's handles, without a bigint on the command path. */
export class Sessions {
  readonly #byHandle = new Map<bigint, DeviceSession>();
  #lastLow = 0;
  #lastHigh = 0;
  #last: DeviceSession | undefined;

  add(view: SessView): DeviceSession {
    const session: DeviceSession = {
      handle: view.sessH,
      lun: view.lun,
      readOnly: view.rdOnly !== 0,
      initiatorName: view.initiatorName,
      targetName: view.targetName,
      transportVersion: view.scsiTransportVersion,
    };
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

  remove(handle: bigint): DeviceSession | undefined {
    const session = this.#byHandle.get(handle);
    this.#byHandle.delete(handle);
    this.#last = undefined;
    return session;
  }
}
