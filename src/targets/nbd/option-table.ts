import { OptionType } from "../../protocol/nbd/index.ts";

/** What encryption there is, or has to be, when an option comes. */
export const TLS_SITUATIONS = ["off", "allowed", "required", "secured"] as const;
export type TlsSituation = (typeof TLS_SITUATIONS)[number];

/**
 * What becomes of an option: it is served, refused by the reply of that name, or the connection
 * ends.
 */
export type OptionStep = "serve" | "unsup" | "policy" | "invalid" | "tls required" | "end";

/** The options that there are, and "unknown" for all others. */
export const OPTIONS = [...Object.values(OptionType), "unknown"] as const;
type Option = (typeof OPTIONS)[number];

const anywhere = { off: "serve", allowed: "serve", required: "serve", secured: "serve" } as const;
const protectedOption = { ...anywhere, required: "tls required" } as const;
const unknownOption = {
  off: "unsup",
  allowed: "unsup",
  required: "tls required",
  secured: "unsup",
} as const;

/** proto.md, "TLS support": what the server's modes ask for. */
export const OPTION_TABLE = {
  // It can be refused in one way only.
  [OptionType.exportName]: { ...anywhere, required: "end" },
  [OptionType.abort]: anywhere,
  [OptionType.list]: protectedOption,
  [OptionType.startTls]: { ...anywhere, off: "policy", secured: "invalid" },
  [OptionType.info]: protectedOption,
  [OptionType.go]: protectedOption,
  [OptionType.structuredReply]: protectedOption,
  [OptionType.listMetaContext]: protectedOption,
  [OptionType.setMetaContext]: protectedOption,
  [OptionType.extendedHeaders]: protectedOption,
  unknown: unknownOption,
} as const satisfies Record<Option, Record<TlsSituation, OptionStep>>;

/** The table's row for the number of an option. */
export function optionRow(option: number): Readonly<Record<TlsSituation, OptionStep>> {
  return (
    (OPTION_TABLE as Record<number, Record<TlsSituation, OptionStep>>)[option] ?? unknownOption
  );
}

/** How far a handshake has come. */
export const HANDSHAKE_STATES = [
  "greeted",
  "options",
  "answering",
  "securing",
  "transmission",
  "over",
] as const;
export type HandshakeState = (typeof HANDSHAKE_STATES)[number];

/** Which states may follow one another; a device is asked, or TLS begins, between two options. */
export const HANDSHAKE_TRANSITIONS = {
  greeted: ["options", "over"],
  options: ["answering", "securing", "over"],
  answering: ["options", "transmission", "over"],
  securing: ["options", "over"],
  transmission: [],
  over: [],
} as const satisfies Record<HandshakeState, readonly HandshakeState[]>;
