import { ProtocolError } from "../../protocol/errors.ts";
import {
  decodeText,
  encodeText,
  LOGIN_DATA_SEGMENT_LENGTH_MAX,
  LoginStatus,
  type TextPair,
} from "../../protocol/iscsi/index.ts";
import type { Admission, Admitted } from "./admission.ts";
import { CHAP_KEYS, ChapExchange, type ChapKey, type RandomSource } from "./auth/chap-exchange.ts";
import { joined } from "./bytes.ts";
import { type LoginFailure, loginFailure } from "./errors.ts";
import type { IscsiLimits } from "./limits.ts";
import { LOGIN_TABLE, loginEvent, type LoginState, type LoginStep } from "./login-table.ts";
import type { Negotiation, NegotiationPhase } from "./negotiation.ts";

/** The fields of a Login Request that matter here. */
export interface LoginFields {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
  readonly versionMin: number;
  /** Six bytes, in hex. */
  readonly isid: string;
  readonly tsih: number;
  readonly connectionId: number;
  readonly initiatorTaskTag: number;
  readonly cmdSn: number;
}

/** What to answer to a Login Request. */
export type LoginReply =
  | {
      readonly failure?: undefined;
      readonly transit: boolean;
      /** There is more text: the initiator asks for it. */
      readonly continues: boolean;
      readonly text: Uint8Array;
      /** The login is complete: a session is to be opened before the answer leaves. */
      readonly complete: boolean;
    }
  | { readonly failure: LoginFailure };

/** Who gets in. */
export type LoginDirectory = Pick<
  Admission,
  "admit" | "lockedOut" | "proved" | "targetPortalGroupTag"
>;

const NO_TEXT = new Uint8Array(0);
/** The only protocol version there is. */
const VERSION = 0;

/** These say what the other keys mean, wherever in a text they stand. */
const FIRST_KEYS = ["SessionType", "InitiatorName", "TargetName"];

/** What other keys may be depends on it. */
const LEVEL_KEY = "ErrorRecoveryLevel";

/** One login: requests in, answers out. Pure; the time it may take is its connection's care. */
export class Login {
  readonly #negotiation: Negotiation;
  readonly #limits: IscsiLimits;
  readonly #directory: LoginDirectory;
  readonly #random: RandomSource | undefined;
  #state: LoginState | "full feature" = "authenticated";
  #first: LoginFields | undefined;
  #roundCount = 0;
  #text: Uint8Array = NO_TEXT;
  #unsent: Uint8Array = NO_TEXT;
  #admitted: Admitted | undefined;
  #chap: ChapExchange | undefined;
  #declared = false;
  #lengthDeclared = false;

  constructor(
    negotiation: Negotiation,
    limits: IscsiLimits,
    directory: LoginDirectory,
    random?: RandomSource,
  ) {
    this.#negotiation = negotiation;
    this.#limits = limits;
    this.#directory = directory;
    this.#random = random;
  }

  /** The first request: ISID, CID and CmdSN are those of the whole login. */
  get first(): LoginFields | undefined {
    return this.#first;
  }

  get initiatorName(): string {
    return this.#negotiation.value("InitiatorName");
  }

  get discovery(): boolean {
    return this.#negotiation.value("SessionType") === "Discovery";
  }

  /** Where it goes; undefined for discovery. */
  get target(): Admitted["target"] {
    return this.#admitted?.target;
  }

  /** The CHAP user that it was, if it was one. */
  get userName(): string | undefined {
    return this.#chap?.done === true ? this.#chap.userName : undefined;
  }

  /** One Login Request with its text. */
  receive(fields: LoginFields, data: Uint8Array): LoginReply {
    const failure = this.#check(fields, data);
    if (failure !== undefined) return { failure };
    if (this.#unsent.length > 0) return this.#send(fields);
    this.#text = joined(this.#text, data);
    if (!fields.continues) return this.#negotiate(fields);
    // RFC 7143, "Login Response": the rest is asked for by an answer without text.
    const step = this.#step(fields);
    if ("refuse" in step) return { failure: refusal(step.refuse, fields) };
    return { transit: false, continues: false, text: NO_TEXT, complete: false };
  }

  #check(fields: LoginFields, data: Uint8Array): LoginFailure | undefined {
    this.#roundCount++;
    if (this.#roundCount > this.#limits.loginRoundCountMax) {
      return wrong(`more than ${this.#limits.loginRoundCountMax} Login Requests`);
    }
    if (this.#text.length + data.length > this.#limits.textLengthMax) {
      return wrong(`text of more than ${this.#limits.textLengthMax} bytes`);
    }
    if (this.#unsent.length > 0 && (data.length > 0 || fields.continues)) {
      return wrong("text in the middle of an answer");
    }
    if (fields.versionMin > VERSION) {
      return loginFailure(LoginStatus.unsupportedVersion, `Version-min ${fields.versionMin}`);
    }
    if (this.#first === undefined && fields.tsih !== 0) this.#negotiation.follow();
    const first = (this.#first ??= fields);
    for (const name of ["isid", "tsih", "connectionId", "initiatorTaskTag", "cmdSn"] as const) {
      if (fields[name] !== first[name]) {
        return wrong(`${name} was ${first[name]} and is ${fields[name]}: it may not change`);
      }
    }
    return undefined;
  }

  #step(fields: LoginFields): LoginStep {
    if (this.#state === "full feature") return { refuse: LoginStatus.initiatorError };
    return LOGIN_TABLE[this.#state][loginEvent(fields)];
  }

  #negotiate(fields: LoginFields): LoginReply {
    const phase: NegotiationPhase = fields.currentStage === 0 ? "security" : "operational";
    const answers: TextPair[] = [];
    const failure = this.#readText(phase, answers);
    if (failure !== undefined) return { failure };
    const step = this.#step(fields);
    if ("refuse" in step) return { failure: refusal(step.refuse, fields) };
    this.#declare(phase, answers);
    this.#unsent = encodeText(answers);
    return this.#send(fields);
  }

  /** As much of the answer as one PDU takes. The login goes on when all of it is sent. */
  #send(fields: LoginFields): LoginReply {
    const step = this.#step(fields);
    if ("refuse" in step) return { failure: refusal(step.refuse, fields) };
    const text = this.#unsent.subarray(0, LOGIN_DATA_SEGMENT_LENGTH_MAX);
    this.#unsent = this.#unsent.subarray(text.length);
    const continues = this.#unsent.length > 0;
    if (continues) return { transit: false, continues, text, complete: false };
    this.#state = step.next;
    const complete = step.next === "full feature";
    return { transit: step.transit, continues, text, complete };
  }

  #readText(phase: NegotiationPhase, answers: TextPair[]): LoginFailure | undefined {
    let pairs: TextPair[];
    try {
      pairs = decodeText(this.#text, this.#limits);
    } catch (error) {
      if (error instanceof ProtocolError) return wrong(error.message);
      throw error;
    }
    this.#text = NO_TEXT;
    const isFirst = ([key]: TextPair) => FIRST_KEYS.includes(key);
    const isChap = ([key]: TextPair) => CHAP_KEYS.some((name) => name === key);
    const others = pairs.filter((pair) => !isFirst(pair) && !isChap(pair));
    others.sort((a, b) => Number(b[0] === LEVEL_KEY) - Number(a[0] === LEVEL_KEY));
    const late = this.#admitted === undefined ? undefined : pairs.find(isFirst);
    if (late !== undefined) return wrong(`${late[0]} belongs to the first text of a login`);
    return (
      this.#readKeys(pairs.filter(isFirst), phase, answers) ??
      this.#identify() ??
      this.#readKeys(others, phase, answers) ??
      this.#readChap(pairs.filter(isChap), phase, answers)
    );
  }

  #readKeys(
    pairs: readonly TextPair[],
    phase: NegotiationPhase,
    answers: TextPair[],
  ): LoginFailure | undefined {
    for (const [key, value] of pairs) {
      const { answer, failure } = this.#negotiation.receive(key, value, phase);
      if (failure !== undefined) return failure;
      if (answer !== undefined) answers.push([key, answer]);
    }
    return undefined;
  }

  /** The first text says who wants to go where. */
  #identify(): LoginFailure | undefined {
    if (this.#admitted !== undefined) return undefined;
    const { initiatorName, discovery } = this;
    // iSCSI names do not differ in case (RFC 7143, "iSCSI Names").
    const targetName = this.#negotiation.value("TargetName").toLowerCase();
    if (initiatorName === "" || (targetName === "" && !discovery)) {
      const missing = initiatorName === "" ? "InitiatorName" : "TargetName";
      return loginFailure(LoginStatus.missingParameter, `${missing} is missing`);
    }
    const result = this.#directory.admit({
      initiatorName,
      targetName: discovery ? undefined : targetName,
    });
    if ("status" in result) return result;
    this.#admitted = result;
    if (result.chap === undefined) return undefined;
    this.#state = "unauthenticated";
    this.#negotiation.offer({ AuthMethod: ["CHAP"] });
    return undefined;
  }

  #readChap(
    pairs: readonly TextPair[],
    phase: NegotiationPhase,
    answers: TextPair[],
  ): LoginFailure | undefined {
    const policy = this.#admitted?.chap;
    if (this.#chap === undefined && this.#negotiation.value("AuthMethod") === "CHAP") {
      if (policy === undefined) return wrong("CHAP is not asked for");
      this.#chap = new ChapExchange(policy, this.#random, this.initiatorName);
      this.#state = "authenticating";
    }
    if (pairs.length === 0) return undefined;
    const chap = this.#chap;
    if (chap === undefined || phase !== "security")
      return wrong("CHAP keys where CHAP is not used");
    const keys = new Map(pairs as readonly (readonly [ChapKey, string])[]);
    if (keys.size !== pairs.length) return wrong("a CHAP key is there twice");
    const out = this.#directory.lockedOut();
    if (out !== undefined) return out;
    const reply = chap.receive(keys);
    if (chap.done) this.#state = "authenticated";
    if (reply.failure === undefined) {
      answers.push(...reply.answers);
      if (chap.done) this.#directory.proved(true);
    } else if (reply.failure.status === LoginStatus.authenticationFailure) {
      this.#directory.proved(false);
    }
    return reply.failure;
  }

  /** What the target says of itself, once each. */
  #declare(phase: NegotiationPhase, answers: TextPair[]): void {
    const target = this.#admitted?.target;
    if (!this.#declared && target !== undefined) {
      if (target.alias !== undefined) answers.unshift(["TargetAlias", target.alias]);
      answers.unshift(["TargetPortalGroupTag", String(this.#directory.targetPortalGroupTag)]);
    }
    this.#declared = true;
    if (phase === "operational" && !this.#lengthDeclared) {
      this.#lengthDeclared = true;
      answers.push(["MaxRecvDataSegmentLength", String(this.#limits.dataSegmentLengthMax)]);
    }
  }
}

function wrong(message: string): LoginFailure {
  return loginFailure(LoginStatus.initiatorError, message);
}

function refusal(status: LoginStatus, fields: LoginFields): LoginFailure {
  const { currentStage, nextStage, transit, continues } = fields;
  return loginFailure(
    status,
    `stage ${currentStage} to ${nextStage} (T=${Number(transit)}, C=${Number(continues)}) ` +
      "can't be asked for here",
  );
}
