import { timingSafeEqual } from "node:crypto";
import { fitsPattern } from "../../../core/name-pattern.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { CHAP_DIGESTS, type ChapDigest, chapResponse, isAvailable } from "./chap-digest.ts";
import type { ChapDigestName } from "./chap-digest.ts";

/** A name and its secret. */
export interface ChapUser {
  readonly name: string;
  /** {@link CHAP_SECRET_LENGTH_MIN} to {@link CHAP_SECRET_LENGTH_MAX} bytes; a string is UTF-8. */
  readonly secret: string | Uint8Array;
  /** Patterns of the initiators that may be this user, as in `access`. Default: all. */
  readonly initiators?: readonly string[] | undefined;
}

/** Authentication by CHAP (RFC 7143, "Challenge Handshake Authentication Protocol (CHAP)"). */
export interface ChapOptions {
  /** Who may log in; at least one. */
  readonly users: readonly ChapUser[];
  /** How the target proves who it is to initiators that ask; without it they are refused. */
  readonly mutual?: ChapUser | undefined;
  /** What may be used. The initiator's order of preference decides. Default: all there are. */
  readonly digests?: readonly ChapDigestName[] | undefined;
}

/** RFC 7143, "CHAP Considerations": with less than 96 bits a login would need IPsec. */
export const CHAP_SECRET_LENGTH_MIN = 12;
export const CHAP_SECRET_LENGTH_MAX = 255;
const NAME_LENGTH_MAX = 255;

const encoder = new TextEncoder();

/** A user whose secret can be used and not be read: no log and no inspection shows it. */
export class ChapAccount {
  readonly name: string;
  readonly #secret: Uint8Array;
  readonly #initiators: readonly string[] | undefined;

  /** @throws UsageError CHAP_NAME, CHAP_SECRET_LENGTH, CHAP_INITIATORS */
  constructor({ name, secret, initiators }: ChapUser) {
    const nameLength = encoder.encode(name).length;
    if (nameLength === 0 || nameLength > NAME_LENGTH_MAX || name.includes("\0")) {
      throw new UsageError(
        "CHAP_NAME",
        `a CHAP name has 1 to ${NAME_LENGTH_MAX} bytes, none of them NUL`,
      );
    }
    if (initiators?.length === 0) {
      throw new UsageError(
        "CHAP_INITIATORS",
        `initiators of "${name}" is empty: nobody could be it`,
      );
    }
    this.name = name;
    this.#initiators = initiators;
    this.#secret = typeof secret === "string" ? encoder.encode(secret) : new Uint8Array(secret);
    const { length } = this.#secret;
    if (length < CHAP_SECRET_LENGTH_MIN || length > CHAP_SECRET_LENGTH_MAX) {
      throw new UsageError(
        "CHAP_SECRET_LENGTH",
        `the CHAP secret of "${name}" has ${length} bytes; ` +
          `it must have ${CHAP_SECRET_LENGTH_MIN} to ${CHAP_SECRET_LENGTH_MAX} (RFC 7143)`,
      );
    }
  }

  respond(digest: ChapDigest, identifier: number, challenge: Uint8Array): Uint8Array {
    return chapResponse(digest, identifier, this.#secret, challenge);
  }

  /** Whether an initiator of that name may be this user. */
  admits(initiatorName: string): boolean {
    const patterns = this.#initiators;
    return patterns?.some((pattern) => fitsPattern(initiatorName, pattern)) !== false;
  }

  sharesSecretWith(other: ChapAccount): boolean {
    return equalBytes(this.#secret, other.#secret);
  }
}

/** Whether both are the same; the time that takes tells nothing but their lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** {@link ChapOptions}, checked. */
export class ChapPolicy {
  readonly digests: readonly ChapDigest[];
  readonly mutual: ChapAccount | undefined;
  readonly #users = new Map<string, ChapAccount>();

  /** @throws UsageError CHAP_USERS, CHAP_DIGESTS, CHAP_SECRET_SHARED and those of an account */
  constructor({ users, mutual, digests }: ChapOptions) {
    for (const user of users) {
      if (this.#users.has(user.name)) {
        throw new UsageError("CHAP_USERS", `there are two CHAP users "${user.name}"`);
      }
      this.#users.set(user.name, new ChapAccount(user));
    }
    if (this.#users.size === 0) {
      throw new UsageError("CHAP_USERS", "CHAP needs a user: nobody could log in");
    }
    this.mutual = mutual === undefined ? undefined : new ChapAccount(mutual);
    this.#checkSecrets();
    this.digests = CHAP_DIGESTS.filter(
      (digest) => (digests?.includes(digest.name) ?? true) && isAvailable(digest),
    );
    const unknown = digests?.find((name) => !CHAP_DIGESTS.some((digest) => digest.name === name));
    if (this.digests.length === 0 || unknown !== undefined) {
      const all = CHAP_DIGESTS.filter(isAvailable).map(({ name }) => name);
      throw new UsageError(
        "CHAP_DIGESTS",
        `CHAP digests ${digests?.join(", ") ?? ""}: there are ${all.join(", ")}`,
      );
    }
  }

  /** Whoever knows a secret of both directions could answer the target with its own words. */
  #checkSecrets(): void {
    const { mutual } = this;
    if (mutual === undefined) return;
    for (const user of this.#users.values()) {
      if (!mutual.sharesSecretWith(user)) continue;
      throw new UsageError(
        "CHAP_SECRET_SHARED",
        `"${user.name}" and the target's own "${mutual.name}" have the same CHAP secret; ` +
          "each direction needs its own (RFC 7143)",
      );
    }
  }

  user(name: string): ChapAccount | undefined {
    return this.#users.get(name);
  }
}
