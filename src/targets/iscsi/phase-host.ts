import type { Log } from "../../core/log.ts";
import type { IscsiCode } from "./errors.ts";
import type { IscsiLimits } from "./limits.ts";

/** What the full feature phase needs of its connection. */
export interface PhaseHost {
  readonly limits: IscsiLimits;
  readonly log: Log;
  /** Closes the connection once what was sent has left. */
  fail(code: IscsiCode, message: string): void;
  /** A TARGET COLD RESET is answered: all connections to the target are to close. */
  coldReset(): void;
}
