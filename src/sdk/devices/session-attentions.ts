import type { SenseCondition } from "../../protocol/scsi/index.ts";
import type { DeviceSession } from "../handler.ts";

/** How many different conditions wait for one nexus; the youngest are dropped. */
const ATTENTIONS_MAX = 8;

/**
 * Unit attentions that a handler establishes itself, for each I_T nexus: scst_user has no call
 * for it, so that the handler answers its next command with them (SAM-6, "Unit attention
 * conditions"). Each is told once to each nexus.
 */
export class SessionAttentions {
  readonly #sessions = new Map<DeviceSession, SenseCondition[]>();

  attach(session: DeviceSession): void {
    this.#sessions.set(session, []);
  }

  detach(session: DeviceSession): void {
    this.#sessions.delete(session);
  }

  /** Establishes a condition for every nexus but `except`. One that waits already is not doubled. */
  establish(condition: SenseCondition, except?: DeviceSession): void {
    for (const [session, waiting] of this.#sessions) {
      if (session === except || waiting.includes(condition)) continue;
      if (waiting.length < ATTENTIONS_MAX) waiting.push(condition);
    }
  }

  /** The oldest condition of a nexus, which is told with it. */
  take(session: DeviceSession): SenseCondition | undefined {
    return this.#sessions.get(session)?.shift();
  }
}
