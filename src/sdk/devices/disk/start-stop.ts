import { SENSE, StartStopUnit } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { ACTIVE, POWER_CONDITION, powerConditionOf, STOPPED } from "./power.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { flush } from "./synchronize-cache.ts";

/**
 * START STOP UNIT. A disk with a fixed medium has the power conditions of SBC-4 but no timers. A
 * removable one has none: it becomes not ready by ejecting the medium, and only by that.
 */
export function startStopUnit(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const cdb = StartStopUnit.view(command.cdb);
  const { powerCondition, powerConditionModifier, start, loej, noFlush, immed } = cdb;
  if (unit.removal.removable) {
    // START and LOEJ count with START_VALID only.
    if (powerCondition !== POWER_CONDITION.START_VALID) return good;
    if (loej) return start ? load(unit) : eject(unit, command, noFlush);
    return start || noFlush ? good : flush(unit, command, immed);
  }
  if (powerCondition !== POWER_CONDITION.START_VALID) {
    const condition = powerConditionOf(powerCondition, powerConditionModifier);
    if (condition === undefined) return invalidFieldInCdb(4, 7);
    return condition === "stay" ? good : change(unit, command, condition, noFlush, immed);
  }
  if (loej) return invalidFieldInCdb(4, 1);
  return change(unit, command, start ? ACTIVE : STOPPED, noFlush, immed);
}

/** What is in the cache goes to the medium before it stops, or stands by. */
function change(
  unit: LogicalUnit,
  command: ScsiCommand,
  condition: typeof ACTIVE,
  noFlush: boolean,
  immediate: boolean,
): MaybePromise<Outcome> {
  const { name } = condition;
  unit.readiness.power = condition;
  if (name === "active" || name === "idle" || noFlush || unit.readOnly) return good;
  return flush(unit, command, immediate);
}

function load(unit: LogicalUnit): Outcome {
  if (unit.removal.prevented) return removalPrevented;
  unit.readiness.mediumPresent = true;
  return good;
}

/** The medium goes when all that was written is on it. */
function eject(unit: LogicalUnit, command: ScsiCommand, noFlush: boolean): MaybePromise<Outcome> {
  if (unit.removal.prevented) return removalPrevented;
  const gone = (outcome: Outcome): Outcome => {
    if (outcome === good) unit.readiness.mediumPresent = false;
    return outcome;
  };
  if (noFlush || unit.readOnly || !unit.readiness.mediumPresent) return gone(good);
  const flushed = flush(unit, command, false);
  return flushed instanceof Promise ? flushed.then(gone) : gone(flushed);
}

const removalPrevented = Object.freeze(checkCondition(SENSE.MEDIUM_REMOVAL_PREVENTED));
