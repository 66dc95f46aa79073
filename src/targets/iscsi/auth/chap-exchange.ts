import { randomBytes } from "node:crypto";
import {
  CHAP_VALUE_LENGTH_MAX,
  formatBinary,
  LoginStatus,
  parseBinary,
  parseNumber,
  type TextPair,
} from "../../../protocol/iscsi/index.ts";
import { type LoginFailure, loginFailure } from "../errors.ts";
import { ChapAccount, type ChapPolicy, equalBytes } from "./chap-account.ts";
import type { ChapDigest } from "./chap-digest.ts";

/** The keys of an exchange, in the order of its steps. */
export const CHAP_KEYS = ["CHAP_A", "CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"] as const;
export type ChapKey = (typeof CHAP_KEYS)[number];
export type ChapKeys = ReadonlyMap<ChapKey, string>;

export type ChapReply =
  | { readonly answers: readonly TextPair[]; readonly failure?: undefined }
  | { readonly failure: LoginFailure };

/** Where bytes that nobody can foresee come from. */
export type RandomSource = (length: number) => Uint8Array;

/** What comes next of the initiator: its algorithms, its response, nothing more. */
const Step = { algorithms: 0, response: 1, done: 2 } as const;

/** Which keys each step has to have, and may have besides. */
const KEYS_OF_STEP: readonly { must: readonly ChapKey[]; may: readonly ChapKey[] }[] = [
  { must: ["CHAP_A"], may: [] },
  { must: ["CHAP_N", "CHAP_R"], may: ["CHAP_I", "CHAP_C"] },
  { must: [], may: [] },
];

const NO_BYTES = new Uint8Array(0);
const IDENTIFIER_MAX = 255;
/** Takes the place of a user that is not there, so that the answer takes as long. */
const NOBODY = new ChapAccount({ name: "nobody", secret: randomBytes(16) });

/** The target's side of one CHAP exchange. A challenge is used once. */
export class ChapExchange {
  readonly #policy: ChapPolicy;
  readonly #random: RandomSource;
  readonly #initiatorName: string;
  #step: number = Step.algorithms;
  #digest: ChapDigest | undefined;
  #identifier = 0;
  #challenge: Uint8Array = NO_BYTES;
  #userName = "";

  /** @param initiatorName who asks: a user may be tied to some initiators */
  constructor(policy: ChapPolicy, random: RandomSource = randomBytes, initiatorName = "") {
    this.#policy = policy;
    this.#random = random;
    this.#initiatorName = initiatorName;
  }

  /** The initiator has proved who it is. */
  get done(): boolean {
    return this.#step === Step.done;
  }

  /** Who has. */
  get userName(): string {
    return this.#userName;
  }

  /** The CHAP keys of one Login Request's text. */
  receive(keys: ChapKeys): ChapReply {
    const { must, may } = KEYS_OF_STEP[this.#step] as (typeof KEYS_OF_STEP)[number];
    for (const key of keys.keys()) {
      if (!must.includes(key) && !may.includes(key)) return wrong(`${key} is out of its turn`);
    }
    if (keys.size === 0) return { answers: [] };
    const missing = must.find((key) => !keys.has(key));
    if (missing !== undefined || keys.has("CHAP_I") !== keys.has("CHAP_C")) {
      const what = missing ?? "one of CHAP_I and CHAP_C";
      return { failure: loginFailure(LoginStatus.missingParameter, `${what} is missing`) };
    }
    return this.#step === Step.algorithms ? this.#challengeFor(keys) : this.#check(keys);
  }

  #challengeFor(keys: ChapKeys): ChapReply {
    const offered = (keys.get("CHAP_A") ?? "").split(",").map(parseNumber);
    const { digests } = this.#policy;
    const algorithm = offered.find((number) =>
      digests.some((digest) => digest.algorithm === number),
    );
    const digest = digests.find((one) => one.algorithm === algorithm);
    if (digest === undefined) {
      const ours = digests.map(({ name, algorithm: number }) => `${number} (${name})`).join(", ");
      return denied(`CHAP_A: this target takes ${ours}`);
    }
    this.#digest = digest;
    this.#identifier = this.#random(1)[0] as number;
    // RFC 1994, "Challenge": as long as the digest, or it would be the weaker part.
    this.#challenge = this.#random(digest.length);
    this.#step = Step.response;
    return {
      answers: [
        ["CHAP_A", String(digest.algorithm)],
        ["CHAP_I", String(this.#identifier)],
        ["CHAP_C", formatBinary(this.#challenge)],
      ],
    };
  }

  #check(keys: ChapKeys): ChapReply {
    const digest = this.#digest as ChapDigest;
    const challenge = this.#challenge;
    const identifier = this.#identifier;
    this.#challenge = NO_BYTES;
    const name = keys.get("CHAP_N") ?? "";
    const response = parseBinary(keys.get("CHAP_R") ?? "", CHAP_VALUE_LENGTH_MAX);
    if (response === undefined) return wrong("CHAP_R is no binary value of 1 to 1024 bytes");
    const user = this.#policy.user(name);
    const expected = (user ?? NOBODY).respond(digest, identifier, challenge);
    const { mutual } = this.#policy;
    // RFC 7143, "CHAP Considerations": the target's own answer to its own challenge.
    const ours = mutual?.respond(digest, identifier, challenge);
    const reflected = ours !== undefined && equalBytes(ours, response);
    const admitted = user?.admits(this.#initiatorName) === true;
    if (!equalBytes(expected, response) || !admitted || reflected) {
      return denied(`CHAP of user ${JSON.stringify(name.slice(0, 64))} failed`);
    }
    const reply = this.#prove(keys, digest, challenge);
    if (reply.failure === undefined) {
      this.#step = Step.done;
      this.#userName = name;
    }
    return reply;
  }

  /** Mutual CHAP: the target's own response, where the initiator asks for one. */
  #prove(keys: ChapKeys, digest: ChapDigest, ourChallenge: Uint8Array): ChapReply {
    const text = keys.get("CHAP_C");
    if (text === undefined) return { answers: [] };
    const identifier = parseNumber(keys.get("CHAP_I") ?? "");
    const challenge = parseBinary(text, CHAP_VALUE_LENGTH_MAX);
    if (identifier === undefined || identifier > IDENTIFIER_MAX || challenge === undefined) {
      return wrong("CHAP_I is a number up to 255 and CHAP_C a binary value of 1 to 1024 bytes");
    }
    const { mutual } = this.#policy;
    if (mutual === undefined) return denied("the initiator asks for mutual CHAP: there is none");
    if (equalBytes(challenge, ourChallenge)) return denied("our challenge has come back as theirs");
    return {
      answers: [
        ["CHAP_N", mutual.name],
        ["CHAP_R", formatBinary(mutual.respond(digest, identifier, challenge))],
      ],
    };
  }
}

function wrong(message: string): ChapReply {
  return { failure: loginFailure(LoginStatus.initiatorError, message) };
}

function denied(message: string): ChapReply {
  return { failure: loginFailure(LoginStatus.authenticationFailure, message) };
}
