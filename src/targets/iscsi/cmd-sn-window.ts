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

  constructor(expCmdSn: number, depth: number) {
    this.expCmdSn = expCmdSn;
    this.#depth = depth;
  }

  get maxCmdSn(): number {
    return serialAdd(this.expCmdSn, this.#depth - this.outstanding - 1);
  }

  /** Classifies a non-immediate request; an `inOrder` one is taken and counts as outstanding. */
  arrive(cmdSn: number): Arrival {
    const ahead = serialDifference(cmdSn, this.expCmdSn);
    if (ahead < 0 || ahead >= this.#depth - this.outstanding) return Arrival.ignored;
    if (ahead > 0) return Arrival.early;
    this.expCmdSn = serialAdd(this.expCmdSn, 1);
    this.outstanding++;
    return Arrival.inOrder;
  }

  /** A request that had arrived in order is over. */
  over(): void {
    this.outstanding--;
  }
}
