import { SENSE, type SenseCondition } from "../../../protocol/scsi/index.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import type { BackgroundOperation } from "./background.ts";
import { ACTIVE, type PowerCondition, STOPPED } from "./power.ts";

/** What of the logical unit a command needs: a command of a lower one goes where a higher does. */
export const NEEDS = {
  /** Goes always. */
  NOTHING: 0,
  /** Nothing that changes the unit may go on: FORMAT UNIT, SANITIZE. */
  UNIT: 1,
  /** The medium is there, and may be used. */
  MEDIUM: 2,
} as const;

export type Needs = (typeof NEEDS)[keyof typeof NEEDS];

/**
 * Whether the medium can be used. As long as it simply can, commands pass with one look at
 * `simple`.
 */
export class Readiness {
  /** Nothing is in the way of any command. */
  simple = true;
  #present = true;
  #power: PowerCondition = ACTIVE;
  #background: BackgroundOperation | undefined;
  #sanitizeFailed = false;
  /** A failed SANITIZE may be given up (AUSE). */
  mayExitFailure = false;

  /** Removable media: whether there is one. */
  get mediumPresent(): boolean {
    return this.#present;
  }

  set mediumPresent(present: boolean) {
    this.#present = present;
    this.#update();
  }

  get power(): PowerCondition {
    return this.#power;
  }

  set power(condition: PowerCondition) {
    this.#power = condition;
    this.#update();
  }

  get background(): BackgroundOperation | undefined {
    return this.#background;
  }

  set background(operation: BackgroundOperation | undefined) {
    this.#background = operation;
    this.#update();
  }

  /** SBC-4, "Sanitize operations": what is on the medium is nobody's until it is sanitized. */
  get sanitizeFailed(): boolean {
    return this.#sanitizeFailed;
  }

  set sanitizeFailed(failed: boolean) {
    this.#sanitizeFailed = failed;
    this.#update();
  }

  #update(): void {
    this.simple =
      this.#present &&
      this.#power === ACTIVE &&
      this.#background === undefined &&
      !this.#sanitizeFailed;
  }

  /**
   * The refusal of a command, where it cannot have what it needs. One that gets the medium in a
   * lower power condition wakes the unit (SBC-4, "Power conditions"), unless it was `polling`.
   */
  refuse(needs: Needs, polling: boolean): Outcome | undefined {
    if (needs === NEEDS.NOTHING) return undefined;
    if (this.#background !== undefined) return this.#inProgress(this.#background);
    if (needs === NEEDS.UNIT) return undefined;
    if (!this.#present) return noMedium;
    if (this.#sanitizeFailed) return sanitizeFailed;
    if (this.#power === STOPPED) return stopped;
    if (!polling) this.power = ACTIVE;
    return undefined;
  }

  #inProgress({ condition, progress }: BackgroundOperation): Outcome {
    return checkCondition(condition, { progress });
  }

  /** The answer of REQUEST SENSE. */
  sense(): { condition: SenseCondition; progress?: number } {
    if (this.#background !== undefined) return this.#background;
    if (!this.#present) return { condition: SENSE.MEDIUM_NOT_PRESENT };
    if (this.#sanitizeFailed) return { condition: SENSE.SANITIZE_COMMAND_FAILED };
    return { condition: this.#power.sense };
  }
}

const noMedium = Object.freeze(checkCondition(SENSE.MEDIUM_NOT_PRESENT));
const stopped = Object.freeze(checkCondition(SENSE.INITIALIZING_COMMAND_REQUIRED));
const sanitizeFailed = Object.freeze(checkCondition(SENSE.SANITIZE_COMMAND_FAILED));
