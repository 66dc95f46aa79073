import { CommandFlag, CommandType, NbdError } from "../../../protocol/nbd/index.ts";
import type { Part } from "./part.ts";

/** A request under way on a connection. Connections keep a pool of them. */
export class Request {
  type: number = CommandType.read;
  flags = 0;
  cookieHigh = 0;
  cookieLow = 0;
  /** Its place among those under way. */
  index = 0;
  /** Bytes, as is `length`. */
  offset = 0;
  length = 0;
  /** Bytes that count against the connection's limit. */
  weight = 0;
  /** The first error of its parts; the others do not count. */
  error: NbdError = NbdError.none;
  /** What it was cut into, in the order of the medium. */
  readonly parts: Part[] = [];
  /** For how many of its bytes there are parts. */
  begun = 0;
  /** Parts that have not ended, and one more while the payload has not come. */
  open = 0;
  /** Its steps are being taken: what ends meanwhile is seen by the loop that takes them. */
  advancing = false;
  /** The question that precedes it was asked: where the medium has holes. */
  looked = false;
  /** The flush that follows it was begun. */
  flushed = false;

  get fua(): boolean {
    return (this.flags & CommandFlag.fua) !== 0;
  }

  get noHole(): boolean {
    return (this.flags & CommandFlag.noHole) !== 0;
  }

  get unfragmented(): boolean {
    return (this.flags & CommandFlag.df) !== 0;
  }

  get fast(): boolean {
    return (this.flags & CommandFlag.fastZero) !== 0;
  }

  get oneExtent(): boolean {
    return (this.flags & CommandFlag.reqOne) !== 0;
  }

  /** Bytes for which there are no parts yet. */
  get left(): number {
    return this.length - this.begun;
  }

  /** Makes it as new, for its next use; its parts have been dropped. */
  reset(): void {
    this.error = NbdError.none;
    this.begun = 0;
    this.open = 0;
    this.advancing = false;
    this.looked = false;
    this.flushed = false;
  }
}
