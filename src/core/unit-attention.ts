import type { SenseCondition } from "../protocol/scsi/index.ts";

/** How many different unit attentions may wait at one I_T_L nexus. */
export const UNIT_ATTENTIONS_MAX = 64;

/**
 * The unit attentions that wait for one initiator at one logical unit, first come first served
 * (SAM-6, "Unit attention conditions"). The same condition waits once.
 */
export class UnitAttentionQueue {
  readonly #waiting: SenseCondition[] = [];

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  /** The next one, which stays. */
  peek(): SenseCondition | undefined {
    return this.#waiting[0];
  }

  /** The next one, which is then delivered. */
  take(): SenseCondition | undefined {
    return this.#waiting.shift();
  }

  add(condition: SenseCondition): void {
    if (this.#waiting.includes(condition) || this.#waiting.length >= UNIT_ATTENTIONS_MAX) return;
    this.#waiting.push(condition);
  }

  /** Puts one before the others: a nexus loss, or one whose delivery failed. */
  addFirst(condition: SenseCondition): void {
    this.remove(condition);
    this.#waiting.unshift(condition);
  }

  remove(condition: SenseCondition): void {
    const index = this.#waiting.indexOf(condition);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}
