import { serialAdd, serialDifference } from "../../protocol/iscsi/index.ts";

/** What to do with a request by its CmdSN. */
export const Arrival = {
  /** It is the next one. */
  inOrder: 0,
  /** One before it is still to come. */
  early: 1,
  /** Outside the window, or there already: ignored without an answer. */
  ignored: 2,
} as const;
export type Arrival = (typeof Arrival)[keyof typeof Arrival];

/**
 * ExpCmdSN and MaxCmdSN of a session (RFC 7143, "Command Numbering and Acknowledging").
 *
 * MaxCmdSN moves on when a request is over, not when it arrives, so that an initiator never has
 * more than `depth` requests under way.
 */
export class CmdSnWindow {
  expCmdSn: number;
  readonly #depth: number;
  /** Requests that have arrived in order and are not over. */
  outstanding = 0;
  /** Numbers whose requests were aborted before they came. */
  readonly #skipped = new Set<number>();

  constructor(expCmdSn: number, depth: number) {
    this.expCmdSn = expCmdSn;
    this.#depth = depth;
  }

  get maxCmdSn(): number {
    return serialAdd(this.expCmdSn, this.#depth - this.outstanding - 1);
  }

  /** Classifies a non-immediate request. */
  classify(cmdSn: number): Arrival {
    const ahead = serialDifference(cmdSn, this.expCmdSn);
    if (ahead < 0 || ahead >= this.#depth - this.outstanding) return Arrival.ignored;
    if (this.#skipped.size > 0 && this.#skipped.has(cmdSn)) return Arrival.ignored;
    return ahead > 0 ? Arrival.early : Arrival.inOrder;
  }

  /** The same; an `inOrder` one is taken and counts as outstanding. */
  arrive(cmdSn: number): Arrival {
    const arrival = this.classify(cmdSn);
    if (arrival !== Arrival.inOrder) return arrival;
    this.expCmdSn = serialAdd(this.expCmdSn, 1);
    this.outstanding++;
    if (this.#skipped.size > 0) this.#passSkipped();
    return Arrival.inOrder;
  }

  /** Whether a request of this number may still come, before that of `before`. */
  isAwaited(cmdSn: number, before: number): boolean {
    const ahead = serialDifference(cmdSn, this.expCmdSn);
    return ahead >= 0 && ahead < this.#depth && serialDifference(cmdSn, before) < 0;
  }

  /** The request of this number, which {@link isAwaited}, counts as received. */
  skip(cmdSn: number): void {
    this.#skipped.add(cmdSn);
    this.#passSkipped();
  }

  #passSkipped(): void {
    while (this.#skipped.delete(this.expCmdSn)) this.expCmdSn = serialAdd(this.expCmdSn, 1);
  }

  /** A request that had arrived in order is over. */
  over(): void {
    this.outstanding--;
  }
}
