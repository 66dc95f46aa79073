import { SENSE, type SenseCondition } from "../../../protocol/scsi/index.ts";

/** A power condition by what REQUEST SENSE says in it (SBC-4, "Power conditions"). */
export interface PowerCondition {
  readonly name: "active" | "idle" | "standby" | "stopped";
  readonly sense: SenseCondition;
}

const condition = (name: PowerCondition["name"], sense: SenseCondition): PowerCondition =>
  Object.freeze({ name, sense });

export const ACTIVE = condition("active", SENSE.NO_ADDITIONAL_SENSE_INFORMATION);
export const STOPPED = condition("stopped", SENSE.INITIALIZING_COMMAND_REQUIRED);

/** By POWER CONDITION MODIFIER: idle_a, idle_b, idle_c. */
const IDLE: readonly PowerCondition[] = [
  condition("idle", SENSE.IDLE_CONDITION_ACTIVATED_BY_COMMAND),
  condition("idle", SENSE.IDLE_B_CONDITION_ACTIVATED_BY_COMMAND),
  condition("idle", SENSE.IDLE_C_CONDITION_ACTIVATED_BY_COMMAND),
];
/** standby_z, standby_y. */
const STANDBY: readonly PowerCondition[] = [
  condition("standby", SENSE.STANDBY_CONDITION_ACTIVATED_BY_COMMAND),
  condition("standby", SENSE.STANDBY_Y_CONDITION_ACTIVATED_BY_COMMAND),
];

/** POWER CONDITION of START STOP UNIT. */
export const POWER_CONDITION = {
  START_VALID: 0x0,
  ACTIVE: 0x1,
  IDLE: 0x2,
  STANDBY: 0x3,
  LU_CONTROL: 0x7,
  FORCE_IDLE_0: 0xa,
  FORCE_STANDBY_0: 0xb,
} as const;

/**
 * Where START STOP UNIT leads. `"stay"`: LU_CONTROL, and the timers that FORCE_… would have run
 * out: there are none, so that the unit stays as it is. Undefined: there is no such code.
 */
export function powerConditionOf(
  code: number,
  modifier: number,
): PowerCondition | "stay" | undefined {
  switch (code) {
    case POWER_CONDITION.ACTIVE:
      return modifier === 0 ? ACTIVE : undefined;
    case POWER_CONDITION.IDLE:
      return IDLE[modifier];
    case POWER_CONDITION.STANDBY:
      return STANDBY[modifier];
    case POWER_CONDITION.LU_CONTROL:
      return modifier === 0 ? "stay" : undefined;
    case POWER_CONDITION.FORCE_IDLE_0:
      return modifier < IDLE.length ? "stay" : undefined;
    case POWER_CONDITION.FORCE_STANDBY_0:
      return modifier < STANDBY.length ? "stay" : undefined;
    default:
      return undefined;
  }
}
