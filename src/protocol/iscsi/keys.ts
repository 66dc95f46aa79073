/**
 * The login and text keys of RFC 7143, "Login/Text Operational Text Keys": a row a key.
 */

/**
 * When a key may be sent: `IO` only while the session begins, `LO` only by its leading
 * connection's login, `ALL` at any time, `FFPO` in the full feature phase only.
 */
export type KeyUse = "IO" | "LO" | "ALL" | "FFPO";

interface KeyRow {
  readonly use: KeyUse;
  /** Who may offer or declare it. */
  readonly senders: "initiator" | "target" | "both";
  /** One value for the session, or one for each connection. */
  readonly scope: "session" | "connection";
  /** RFC 7143: "Irrelevant when: SessionType=Discovery". */
  readonly irrelevantInDiscovery?: true;
  /** A negotiation step is the login's security stage, not its operational one. */
  readonly security?: true;
}

export interface NumberKey extends KeyRow {
  readonly kind: "number";
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** Absent: the key is declared, not negotiated. */
  readonly result?: "minimum" | "maximum";
}

export interface BooleanKey extends KeyRow {
  readonly kind: "boolean";
  readonly default: boolean;
  readonly result: "and" | "or";
}

/** The offer is a list in the order of preference; the answer is one of it. */
export interface ListKey extends KeyRow {
  readonly kind: "list";
  readonly values: readonly string[];
  readonly default: string;
  readonly result: "choice";
}

/** Declared text, not negotiated. */
export interface TextKey extends KeyRow {
  readonly kind: "text";
  /** Bytes. */
  readonly lengthMax: number;
  readonly values?: readonly string[];
  readonly default: string;
}

/** A key of RFC 3720 that RFC 7143 took away: there is one answer to it. */
export interface ObsoleteKey extends KeyRow {
  readonly kind: "obsolete";
  readonly answer: string;
}

export type Key = NumberKey | BooleanKey | ListKey | TextKey | ObsoleteKey;

const leading = { use: "LO", senders: "both", scope: "session" } as const;
const normalOnly = { ...leading, irrelevantInDiscovery: true } as const;
const digest = {
  kind: "list",
  use: "IO",
  senders: "both",
  scope: "connection",
  values: ["None", "CRC32C"],
  default: "None",
  result: "choice",
} as const;
const name = { kind: "text", lengthMax: 223, default: "" } as const;
const alias = { kind: "text", lengthMax: 255, default: "", scope: "session" } as const;
const obsolete = { ...leading, kind: "obsolete" } as const;

const LENGTH_24_MAX = 0xff_ffff;

export const KEYS = {
  AuthMethod: {
    kind: "list",
    use: "IO",
    senders: "both",
    scope: "connection",
    security: true,
    values: ["None", "CHAP", "KRB5", "SRP"],
    default: "None",
    result: "choice",
  },
  HeaderDigest: digest,
  DataDigest: digest,
  MaxConnections: {
    ...normalOnly,
    kind: "number",
    min: 1,
    max: 65_535,
    default: 1,
    result: "minimum",
  },
  SendTargets: {
    kind: "text",
    use: "FFPO",
    senders: "initiator",
    scope: "session",
    lengthMax: 223,
    default: "",
  },
  TargetName: { ...name, use: "IO", senders: "both", scope: "session" },
  InitiatorName: { ...name, use: "IO", senders: "initiator", scope: "session" },
  TargetAlias: { ...alias, use: "ALL", senders: "target" },
  InitiatorAlias: { ...alias, use: "ALL", senders: "initiator" },
  TargetAddress: {
    kind: "text",
    use: "ALL",
    senders: "target",
    scope: "session",
    lengthMax: 255,
    default: "",
  },
  TargetPortalGroupTag: {
    kind: "number",
    use: "IO",
    senders: "target",
    scope: "session",
    min: 0,
    max: 65_535,
    default: 1,
  },
  InitialR2T: { ...normalOnly, kind: "boolean", default: true, result: "or" },
  ImmediateData: { ...normalOnly, kind: "boolean", default: true, result: "and" },
  MaxRecvDataSegmentLength: {
    kind: "number",
    use: "ALL",
    senders: "both",
    scope: "connection",
    min: 512,
    max: LENGTH_24_MAX,
    default: 8192,
  },
  MaxBurstLength: {
    ...normalOnly,
    kind: "number",
    min: 512,
    max: LENGTH_24_MAX,
    default: 262_144,
    result: "minimum",
  },
  FirstBurstLength: {
    ...normalOnly,
    kind: "number",
    min: 512,
    max: LENGTH_24_MAX,
    default: 65_536,
    result: "minimum",
  },
  DefaultTime2Wait: {
    ...leading,
    kind: "number",
    min: 0,
    max: 3600,
    default: 2,
    result: "maximum",
  },
  DefaultTime2Retain: {
    ...leading,
    kind: "number",
    min: 0,
    max: 3600,
    default: 20,
    result: "minimum",
  },
  MaxOutstandingR2T: {
    ...normalOnly,
    kind: "number",
    min: 1,
    max: 65_535,
    default: 1,
    result: "minimum",
  },
  DataPDUInOrder: { ...normalOnly, kind: "boolean", default: true, result: "or" },
  DataSequenceInOrder: { ...normalOnly, kind: "boolean", default: true, result: "or" },
  ErrorRecoveryLevel: {
    ...leading,
    kind: "number",
    min: 0,
    max: 2,
    default: 0,
    result: "minimum",
  },
  SessionType: {
    kind: "text",
    use: "LO",
    senders: "initiator",
    scope: "session",
    lengthMax: 9,
    values: ["Discovery", "Normal"],
    default: "Normal",
  },
  TaskReporting: {
    ...normalOnly,
    kind: "list",
    values: ["RFC3720", "ResponseFence", "FastAbort"],
    default: "RFC3720",
    result: "choice",
  },
  iSCSIProtocolLevel: {
    ...normalOnly,
    kind: "number",
    min: 0,
    max: 31,
    default: 1,
    result: "minimum",
  },
  // RFC 7143, "Obsoleted Keys": never NotUnderstood. "No" is allowed for the first two, and
  // older initiators take it better than Reject.
  IFMarker: { ...obsolete, answer: "No" },
  OFMarker: { ...obsolete, answer: "No" },
  IFMarkInt: { ...obsolete, answer: "Reject" },
  OFMarkInt: { ...obsolete, answer: "Reject" },
} as const satisfies Record<string, Key>;

export type KeyName = keyof typeof KEYS;

type ValueOfKind<K> = K extends { kind: "number" }
  ? number
  : K extends { kind: "boolean" }
    ? boolean
    : string;

/** What a key's value is in TypeScript. */
export type KeyValue<N extends KeyName> = ValueOfKind<(typeof KEYS)[N]>;

/** The standard's answers that are no values. */
export const NOT_UNDERSTOOD = "NotUnderstood";
export const REJECT = "Reject";
export const IRRELEVANT = "Irrelevant";

/** The row of a key; undefined for one that is not of the standard. */
export function keyOf(keyName: string): Key | undefined {
  return Object.hasOwn(KEYS, keyName) ? KEYS[keyName as KeyName] : undefined;
}

const NUMBER = /^(?:0|[1-9][0-9]{0,15}|0[xX][0-9a-fA-F]{1,13})$/;

/** A decimal or hexadecimal constant (RFC 7143, "Text Format"), or undefined. */
export function parseNumber(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}

/** A boolean value, or undefined. */
export function parseBoolean(text: string): boolean | undefined {
  if (text === "Yes") return true;
  return text === "No" ? false : undefined;
}

/** A value as it stands in text. */
export function formatValue(value: number | boolean | string): string {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return String(value);
}
