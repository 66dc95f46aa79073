import { LoginStatus, Stage } from "../../protocol/iscsi/index.ts";

/** How far a login has come. */
export const LOGIN_STATES = [
  "unauthenticated",
  "authenticating",
  "authenticated",
  "operational",
] as const;
export type LoginState = (typeof LOGIN_STATES)[number];

/** What a Login Request asks for: its stage, and where it wants to go. */
export const LOGIN_EVENTS = [
  "security",
  "security to operational",
  "security to full feature",
  "operational",
  "operational to full feature",
  "impossible",
] as const;
export type LoginEvent = (typeof LOGIN_EVENTS)[number];

/** What follows: another state, with or without T in the answer, or the end. */
export type LoginStep =
  | { readonly next: LoginState | "full feature"; readonly transit: boolean }
  | { readonly refuse: LoginStatus };

const refuse = { refuse: LoginStatus.initiatorError } as const;
const unauthorized = { refuse: LoginStatus.authenticationFailure } as const;
const stay = (next: LoginState) => ({ next, transit: false }) as const;
const go = (next: LoginState | "full feature") => ({ next, transit: true }) as const;

/**
 * RFC 7143, "Login Phase". A login is unauthenticated while the target demands an authentication
 * method and none is chosen, and authenticating while the chosen one has not come to its good
 * end; where none is demanded it begins authenticated. Keys are read before a row is looked up.
 */
export const LOGIN_TABLE = {
  unauthenticated: {
    security: stay("unauthenticated"),
    "security to operational": unauthorized,
    "security to full feature": unauthorized,
    operational: unauthorized,
    "operational to full feature": unauthorized,
    impossible: refuse,
  },
  authenticating: {
    security: stay("authenticating"),
    // The initiator is ready to go on, the target is not: the answer has no T.
    "security to operational": stay("authenticating"),
    "security to full feature": stay("authenticating"),
    operational: unauthorized,
    "operational to full feature": unauthorized,
    impossible: refuse,
  },
  authenticated: {
    security: stay("authenticated"),
    "security to operational": go("operational"),
    "security to full feature": go("full feature"),
    operational: stay("operational"),
    "operational to full feature": go("full feature"),
    impossible: refuse,
  },
  operational: {
    security: refuse,
    "security to operational": refuse,
    "security to full feature": refuse,
    operational: stay("operational"),
    "operational to full feature": go("full feature"),
    impossible: refuse,
  },
} as const satisfies Record<LoginState, Record<LoginEvent, LoginStep>>;

/** The event that the stage fields of a Login Request make. */
export function loginEvent(request: {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
}): LoginEvent {
  const { transit, continues, currentStage, nextStage } = request;
  if (transit && continues) return "impossible";
  if (currentStage === Stage.securityNegotiation) {
    if (!transit) return "security";
    if (nextStage === Stage.operationalNegotiation) return "security to operational";
    if (nextStage === Stage.fullFeaturePhase) return "security to full feature";
  } else if (currentStage === Stage.operationalNegotiation) {
    if (!transit) return "operational";
    if (nextStage === Stage.fullFeaturePhase) return "operational to full feature";
  }
  return "impossible";
}
