import {
  formatValue,
  IRRELEVANT,
  type Key,
  type KeyName,
  keyOf,
  type KeyValue,
  KEYS,
  LoginStatus,
  NOT_UNDERSTOOD,
  parseBoolean,
  parseNumber,
  REJECT,
} from "../../protocol/iscsi/index.ts";
import { type LoginFailure, loginFailure } from "./errors.ts";
import type { IscsiLimits } from "./limits.ts";

/** Where a key arrives. */
export type NegotiationPhase = "security" | "operational" | "fullFeature";

/** What to answer to one key: its value, or nothing; or the login is over. */
export type KeyAnswer =
  | { readonly answer: string | undefined; readonly failure?: undefined }
  | { readonly answer?: undefined; readonly failure: LoginFailure };

/** Our side's offers, by key. Keys that are only declared have none. */
export type Offers = { readonly [N in KeyName]?: KeyValue<N> | readonly string[] };

/** The offers that follow from `limits`. */
export function offersOf(limits: IscsiLimits): Offers {
  return {
    AuthMethod: ["None"],
    HeaderDigest: ["None", "CRC32C"],
    DataDigest: ["None", "CRC32C"],
    MaxConnections: limits.sessionConnectionCountMax,
    InitialR2T: false,
    ImmediateData: true,
    MaxBurstLength: limits.maxBurstLengthMax,
    FirstBurstLength: limits.firstBurstLengthMax,
    DefaultTime2Wait: 2,
    DefaultTime2Retain: limits.time2RetainSecondsMax,
    MaxOutstandingR2T: limits.outstandingR2tCountMax,
    DataPDUInOrder: true,
    DataSequenceInOrder: true,
    ErrorRecoveryLevel: limits.errorRecoveryLevelMax,
    TaskReporting: ["RFC3720"],
    iSCSIProtocolLevel: 1,
  };
}

const SILENT: KeyAnswer = { answer: undefined };
const REJECTED: KeyAnswer = { answer: REJECT };

/**
 * The values of a session's keys: the standard's defaults until both sides agree on others.
 * Pure: text in, text out.
 */
export class Negotiation {
  #offers: Offers;
  readonly #values = new Map<KeyName, number | boolean | string>();
  /** Keys seen in this negotiation, to tell a repetition. */
  readonly #seen = new Set<string>();
  /** The session is there already, and so are the values of its keys. */
  #following = false;

  constructor(offers: Offers) {
    this.#offers = offers;
  }

  /** What we offer depends on who has come. */
  offer(offers: Offers): void {
    this.#offers = { ...this.#offers, ...offers };
  }

  /** For a further connection of a session: only the connection's own keys are open. */
  follow(): void {
    this.#following = true;
  }

  /** The agreed or declared value, or the default. */
  value<N extends KeyName>(name: N): KeyValue<N> {
    const value = this.#values.get(name);
    if (value !== undefined) return value as KeyValue<N>;
    const key: Key = KEYS[name];
    return (key.kind === "obsolete" ? "" : key.default) as KeyValue<N>;
  }

  /** Whether the peer has said anything of the key. */
  has(name: KeyName): boolean {
    return this.#seen.has(name);
  }

  /** A new exchange in the full feature phase: keys may be sent once more. */
  restart(): void {
    this.#seen.clear();
  }

  /** One key of the initiator. */
  receive(name: string, value: string, phase: NegotiationPhase): KeyAnswer {
    const key = keyOf(name);
    if (key === undefined) return { answer: NOT_UNDERSTOOD };
    // RFC 7143, "Text Mode Negotiation": a repeated declaration or offer ends the login.
    if (this.#seen.has(name)) {
      return failed(`${name} is there twice; a key may be negotiated once in a login`);
    }
    this.#seen.add(name);
    return this.#answer(name as KeyName, key, value, phase);
  }

  #answer(name: KeyName, key: Key, value: string, phase: NegotiationPhase): KeyAnswer {
    if (key.kind === "obsolete") return { answer: key.answer };
    if (key.senders === "target") return REJECTED;
    if (phase === "fullFeature" ? key.use === "IO" || key.use === "LO" : key.use === "FFPO") {
      return REJECTED;
    }
    if (this.#following && key.use === "LO") return REJECTED;
    // RFC 7143, "Security Negotiation": operational keys have their own stage, declarations both.
    if (key.security === true && phase !== "security") return REJECTED;
    if (this.#irrelevant(name, key)) return { answer: IRRELEVANT };
    switch (key.kind) {
      case "number":
        return this.#number(name, key, value);
      case "boolean":
        return this.#boolean(name, key, value);
      case "list":
        return this.#list(name, key, value);
      case "text":
        return this.#text(name, key, value);
    }
  }

  #irrelevant(name: KeyName, key: Key): boolean {
    if (key.irrelevantInDiscovery === true && this.value("SessionType") === "Discovery") {
      return true;
    }
    const unsolicited = !this.value("InitialR2T") || this.value("ImmediateData");
    return name === "FirstBurstLength" && !unsolicited;
  }

  #number(name: KeyName, key: Key & { kind: "number" }, text: string): KeyAnswer {
    const value = parseNumber(text);
    const valid = value !== undefined && value >= key.min && value <= key.max;
    if (key.result === undefined) {
      // There is no answer to a declaration, so a wrong one can only end the login.
      if (!valid) return failed(`${name}=${text}: it must be ${key.min} to ${key.max}`);
      this.#values.set(name, value);
      return SILENT;
    }
    if (!valid) return REJECTED;
    const ours = this.#ours(name);
    let result = key.result === "minimum" ? Math.min(value, ours) : Math.max(value, ours);
    // RFC 7143, "FirstBurstLength": it must not exceed MaxBurstLength.
    if (name === "FirstBurstLength") result = Math.min(result, this.value("MaxBurstLength"));
    return this.#settle(name, result);
  }

  /** What we offer of a number that depends on others. */
  #ours(name: KeyName): number {
    const level = this.value("ErrorRecoveryLevel");
    // Nothing is kept of what would not be recovered.
    if (name === "DefaultTime2Retain" && level < 2) return 0;
    // RFC 7143, "DataSequenceInOrder": with Yes, recovery allows for one R2T at a time.
    if (name === "MaxOutstandingR2T" && level > 0) return 1;
    if (name === "ErrorRecoveryLevel" && this.value("SessionType") === "Discovery") return 0;
    return this.#offers[name] as number;
  }

  #boolean(name: KeyName, key: Key & { kind: "boolean" }, text: string): KeyAnswer {
    const value = parseBoolean(text);
    if (value === undefined) return REJECTED;
    const ours = this.#offers[name] as boolean;
    return this.#settle(name, key.result === "and" ? value && ours : value || ours);
  }

  #list(name: KeyName, key: Key & { kind: "list" }, text: string): KeyAnswer {
    const ours = this.#offers[name] as readonly string[];
    const choice = text.split(",").find((value) => ours.includes(value));
    if (choice !== undefined) return this.#settle(name, choice);
    if (key.security !== true) return REJECTED;
    return {
      failure: loginFailure(
        LoginStatus.authenticationFailure,
        `${name}=${text}: this target takes ${ours.join(", ")}`,
      ),
    };
  }

  #text(name: KeyName, key: Key & { kind: "text" }, value: string): KeyAnswer {
    if (value.length > key.lengthMax || key.values?.includes(value) === false) {
      return failed(`${name}=${value.slice(0, key.lengthMax)}: not a value of this key`);
    }
    this.#values.set(name, value);
    return SILENT;
  }

  #settle(name: KeyName, value: number | boolean | string): KeyAnswer {
    this.#values.set(name, value);
    return { answer: formatValue(value) };
  }
}

function failed(message: string): KeyAnswer {
  return { failure: loginFailure(LoginStatus.initiatorError, message) };
}

/** The values that the full feature phase works with. */
export interface SessionParameters {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
  /** Bytes that the initiator takes in one PDU. */
  readonly sendDataSegmentLengthMax: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly outstandingR2tCountMax: number;
  readonly time2Wait: number;
  readonly time2Retain: number;
  readonly connectionCountMax: number;
  readonly errorRecoveryLevel: number;
}

/**
 * @param negotiation the connection's own
 * @param leading that of the session's first connection, which rules the session's keys
 */
export function parametersOf(negotiation: Negotiation, leading: Negotiation): SessionParameters {
  const maxBurstLength = leading.value("MaxBurstLength");
  const errorRecoveryLevel = leading.value("ErrorRecoveryLevel");
  return {
    headerDigest: negotiation.value("HeaderDigest") === "CRC32C",
    dataDigest: negotiation.value("DataDigest") === "CRC32C",
    initialR2t: leading.value("InitialR2T"),
    immediateData: leading.value("ImmediateData"),
    sendDataSegmentLengthMax: negotiation.value("MaxRecvDataSegmentLength"),
    maxBurstLength,
    firstBurstLength: Math.min(leading.value("FirstBurstLength"), maxBurstLength),
    outstandingR2tCountMax: errorRecoveryLevel > 0 ? 1 : leading.value("MaxOutstandingR2T"),
    time2Wait: leading.value("DefaultTime2Wait"),
    time2Retain: leading.value("DefaultTime2Retain"),
    connectionCountMax: leading.value("MaxConnections"),
    errorRecoveryLevel,
  };
}
