import { ProtocolError } from "../../protocol/errors.ts";
import { decodeText, encodeText, LoginStatus, type TextPair } from "../../protocol/iscsi/index.ts";
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
      readonly text: Uint8Array;
      /** The login is complete: a session is to be opened before the answer leaves. */
      readonly complete: boolean;
    }
  | { readonly failure: LoginFailure };

/** What a login asks of the server. */
export interface LoginDirectory {
  hasTarget(name: string): boolean;
  readonly targetPortalGroupTag: number;
}

const NO_TEXT = new Uint8Array(0);
/** The only protocol version there is. */
const VERSION = 0;

/** One login: requests in, answers out. Pure; the time it may take is its connection's care. */
export class Login {
  readonly #negotiation: Negotiation;
  readonly #limits: IscsiLimits;
  readonly #directory: LoginDirectory;
  #state: LoginState | "full feature" = "authenticated";
  #first: LoginFields | undefined;
  #roundCount = 0;
  #text: Uint8Array = NO_TEXT;
  #identified = false;
  #tagDeclared = false;
  #lengthDeclared = false;

  constructor(negotiation: Negotiation, limits: IscsiLimits, directory: LoginDirectory) {
    this.#negotiation = negotiation;
    this.#limits = limits;
    this.#directory = directory;
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

  /** iSCSI names do not differ in case (RFC 7143, "iSCSI Names"). */
  get targetName(): string {
    return this.#negotiation.value("TargetName").toLowerCase();
  }

  /** One Login Request with its text. */
  receive(fields: LoginFields, data: Uint8Array): LoginReply {
    const failure = this.#check(fields, data);
    if (failure !== undefined) return { failure };
    this.#text = joined(this.#text, data);
    if (fields.continues) {
      // RFC 7143, "Login Response": the rest is asked for by an answer without text.
      const step = this.#step(fields);
      if ("refuse" in step) return { failure: refusal(step.refuse, fields) };
      return { transit: false, text: NO_TEXT, complete: false };
    }
    return this.#negotiate(fields);
  }

  #check(fields: LoginFields, data: Uint8Array): LoginFailure | undefined {
    this.#roundCount++;
    if (this.#roundCount > this.#limits.loginRoundCountMax) {
      return wrong(`more than ${this.#limits.loginRoundCountMax} Login Requests`);
    }
    if (this.#text.length + data.length > this.#limits.textLengthMax) {
      return wrong(`text of more than ${this.#limits.textLengthMax} bytes`);
    }
    if (fields.versionMin > VERSION) {
      return loginFailure(LoginStatus.unsupportedVersion, `Version-min ${fields.versionMin}`);
    }
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
    const failure = this.#readKeys(phase, answers) ?? this.#identify();
    if (failure !== undefined) return { failure };
    const step = this.#step(fields);
    if ("refuse" in step) return { failure: refusal(step.refuse, fields) };
    this.#state = step.next;
    this.#declare(phase, answers);
    return {
      transit: step.transit,
      text: encodeText(answers),
      complete: step.next === "full feature",
    };
  }

  #readKeys(phase: NegotiationPhase, answers: TextPair[]): LoginFailure | undefined {
    let pairs: TextPair[];
    try {
      pairs = decodeText(this.#text, this.#limits);
    } catch (error) {
      if (error instanceof ProtocolError) return wrong(error.message);
      throw error;
    }
    this.#text = NO_TEXT;
    // What kind of session it is says which other keys mean something.
    const session = pairs.filter(([key]) => key === "SessionType");
    const others = pairs.filter(([key]) => key !== "SessionType");
    for (const [key, value] of [...session, ...others]) {
      const { answer, failure } = this.#negotiation.receive(key, value, phase);
      if (failure !== undefined) return failure;
      if (answer !== undefined) answers.push([key, answer]);
    }
    return undefined;
  }

  /** The first text says who wants to go where. */
  #identify(): LoginFailure | undefined {
    if (this.#identified) return undefined;
    this.#identified = true;
    if (this.initiatorName === "") {
      return loginFailure(LoginStatus.missingParameter, "InitiatorName is missing");
    }
    if (this.discovery) return undefined;
    if (this.targetName === "") {
      return loginFailure(LoginStatus.missingParameter, "TargetName is missing");
    }
    if (!this.#directory.hasTarget(this.targetName)) {
      return loginFailure(LoginStatus.notFound, `there is no target ${this.targetName}`);
    }
    return undefined;
  }

  /** What the target says of itself, once each. */
  #declare(phase: NegotiationPhase, answers: TextPair[]): void {
    if (!this.#tagDeclared && !this.discovery) {
      answers.unshift(["TargetPortalGroupTag", String(this.#directory.targetPortalGroupTag)]);
    }
    this.#tagDeclared = true;
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
