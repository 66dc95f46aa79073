import * as iscsiLogin from "./iscsi-login.ts";
import * as iscsiSession from "./iscsi-session.ts";
import * as nbdHandshake from "./nbd-handshake.ts";
import * as nbdTransmission from "./nbd-transmission.ts";

/** What a fuzzer calls, over and over, in one process. */
export interface FuzzTarget {
  /** Rejects where something is wrong. */
  readonly fuzz: (bytes: Uint8Array) => Promise<void>;
  /** Inputs to begin with. */
  readonly seeds: () => Uint8Array[];
}

/** By the name of their file. */
export const TARGETS: ReadonlyMap<string, FuzzTarget> = new Map(
  Object.entries({
    "iscsi-login": iscsiLogin,
    "iscsi-session": iscsiSession,
    "nbd-handshake": nbdHandshake,
    "nbd-transmission": nbdTransmission,
  }),
);
