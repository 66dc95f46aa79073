/** Asymmetric access states, and which commands each of them lets through (SPC-5, ALUA). */
import { SENSE, type SenseCondition } from "../../protocol/scsi/index.ts";

/** ASYMMETRIC ACCESS STATE, under SCST's names. There is no LBA-dependent one, as in SCST. */
export const ACCESS_STATE = {
  /** Active/optimized. */
  active: 0x0,
  /** Active/non-optimized: everything works, by the longer way. */
  nonoptimized: 0x1,
  standby: 0x2,
  unavailable: 0x3,
  offline: 0xe,
  transitioning: 0xf,
} as const;

export type AccessState = keyof typeof ACCESS_STATE;

/** T_SUP, O_SUP, U_SUP, S_SUP, AN_SUP and AO_SUP, as REPORT TARGET PORT GROUPS says them. */
export const SUPPORTED_STATES = {
  tSup: true,
  oSup: true,
  uSup: true,
  sSup: true,
  anSup: true,
  aoSup: true,
} as const;

const INQUIRY = 0x12;
const READ_CAPACITY_16 = serviceAction(0x9e, 0x10);
const REPORT_TARGET_PORT_GROUPS = serviceAction(0xa3, 0x0a);
const SET_TARGET_PORT_GROUPS = serviceAction(0xa4, 0x0a);

/** REQUEST SENSE, INQUIRY, READ CAPACITY(10) and (16), WRITE and READ BUFFER, REPORT LUNS. */
const TRANSITIONING = [
  0x03,
  INQUIRY,
  0x25,
  0x3b,
  0x3c,
  0xa0,
  READ_CAPACITY_16,
  REPORT_TARGET_PORT_GROUPS,
];

const UNAVAILABLE = [...TRANSITIONING, SET_TARGET_PORT_GROUPS];

/**
 * MODE SELECT and SENSE, RESERVE and RELEASE, RECEIVE and SEND DIAGNOSTIC, LOG SELECT and SENSE,
 * PERSISTENT RESERVE IN and OUT.
 */
const BESIDES = [
  0x15, 0x16, 0x17, 0x1a, 0x1c, 0x1d, 0x4c, 0x4d, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f,
];

const STANDBY = [...UNAVAILABLE, ...BESIDES];

/** What a command without leave ends with. */
interface Restriction {
  readonly allowed: ReadonlySet<number>;
  readonly sense: SenseCondition;
}

/** The commands are SCST's: SPC-5 asks for fewer of them. */
const RESTRICTIONS: Readonly<Record<AccessState, Restriction | undefined>> = {
  active: undefined,
  nonoptimized: undefined,
  standby: { allowed: new Set(STANDBY), sense: SENSE.TARGET_PORT_IN_STANDBY_STATE },
  unavailable: { allowed: new Set(UNAVAILABLE), sense: SENSE.TARGET_PORT_IN_UNAVAILABLE_STATE },
  offline: { allowed: new Set(UNAVAILABLE), sense: SENSE.TARGET_PORT_IN_UNAVAILABLE_STATE },
  transitioning: {
    allowed: new Set(TRANSITIONING),
    sense: SENSE.ASYMMETRIC_ACCESS_STATE_TRANSITION,
  },
};

/** Opcodes whose service action decides. */
const WITH_SERVICE_ACTION: ReadonlySet<number> = new Set([0x9e, 0xa3, 0xa4]);

function serviceAction(opcode: number, action: number): number {
  return ((action + 1) << 8) | opcode;
}

/** What a command gets in a state that does not let it through. */
export function refusedIn(state: AccessState, cdb: Uint8Array): SenseCondition | undefined {
  const restriction = RESTRICTIONS[state];
  if (restriction === undefined) return undefined;
  const opcode = cdb[0] as number;
  const key = WITH_SERVICE_ACTION.has(opcode)
    ? serviceAction(opcode, (cdb[1] as number) & 0x1f)
    : opcode;
  return restriction.allowed.has(key) ? undefined : restriction.sense;
}

/** What keeps blocks from being read and written in a state. */
export function mediumRefusedIn(state: AccessState): SenseCondition | undefined {
  return RESTRICTIONS[state]?.sense;
}
