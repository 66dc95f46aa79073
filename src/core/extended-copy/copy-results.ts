/** What RECEIVE COPY RESULTS can ask about: copies by session and list identifier. */
import type { Clock } from "../clock.ts";
import type { Session } from "../session.ts";

/** SCST's number: so long the results of a copy are kept for nobody. */
const KEPT_MS = 5000;

/** One EXTENDED COPY command, under way or done. */
export class CopyRecord {
  /** Segments begun, the one being copied included. */
  segmentsProcessed = 0;
  writtenBytes = 0;
  /** Undefined while it is under way. */
  outcome: { readonly status: number; readonly sense: Uint8Array } | undefined;
  /** By the clock, once it is done. */
  keptUntil = 0;
}

/** Those of a session; they go with it. */
export class CopyResults {
  static readonly #ofSessions = new WeakMap<Session, CopyResults>();

  readonly #clock: Clock;
  readonly #records = new Map<number, CopyRecord>();
  /** Copies under way, those without a list identifier included. */
  running = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  static of(session: Session): CopyResults {
    let results = CopyResults.#ofSessions.get(session);
    if (results === undefined) {
      results = new CopyResults(session.core.clock);
      CopyResults.#ofSessions.set(session, results);
    }
    return results;
  }

  find(listIdentifier: number): CopyRecord | undefined {
    this.#forgetOld();
    return this.#records.get(listIdentifier);
  }

  add(listIdentifier: number, record: CopyRecord): void {
    this.#records.set(listIdentifier, record);
  }

  /** The copy is done: its results are held for a while. */
  keep(record: CopyRecord, outcome: NonNullable<CopyRecord["outcome"]>): void {
    record.outcome = outcome;
    record.keptUntil = this.#clock.now() + KEPT_MS;
  }

  forget(listIdentifier: number): void {
    this.#records.delete(listIdentifier);
  }

  #forgetOld(): void {
    const now = this.#clock.now();
    for (const [listIdentifier, { outcome, keptUntil }] of this.#records) {
      if (outcome !== undefined && keptUntil <= now) this.#records.delete(listIdentifier);
    }
  }
}
