import { UsageError } from "../protocol/errors.ts";
import { AccessGroup } from "./access-group.ts";
import { fitsPattern } from "./name-pattern.ts";
import { INITIATOR_NAME_LENGTH_MAX } from "./session.ts";

/** How many patterns a group may have. */
export const INITIATORS_PER_GROUP_MAX = 4096;

/**
 * Initiators, by their names, that have LUNs of their own at a target. A change moves the
 * sessions that it concerns at once: LUNs that differ are replaced, commands under way come to
 * their end, and initiators are told by REPORTED LUNS DATA HAS CHANGED.
 */
export class InitiatorGroup extends AccessGroup {
  readonly #patterns = new Set<string>();

  /** The patterns, as they were added. */
  get initiators(): ReadonlySet<string> {
    return this.#patterns;
  }

  /** Whether an initiator of this name belongs here, if to no group before. */
  fits(initiatorName: string): boolean {
    for (const pattern of this.#patterns) if (fitsPattern(initiatorName, pattern)) return true;
    return false;
  }

  /**
   * @param pattern a name; `*` is any characters, `?` is one, the first `!` negates the rest, and
   *   upper and lower case are the same
   * @throws UsageError INITIATOR_NAME_LENGTH, INITIATOR_TAKEN, INITIATORS_MAX, GROUP_REMOVED
   */
  addInitiator(pattern: string): void {
    this.#enter(pattern);
    this.#reassign([pattern]);
  }

  /** @throws UsageError INITIATOR_UNKNOWN, GROUP_REMOVED */
  removeInitiator(pattern: string): void {
    this.#delete(pattern);
    this.#reassign([pattern]);
  }

  /**
   * Moves a pattern to another group of the target. Sessions go there without being anywhere in
   * between.
   *
   * @throws UsageError INITIATOR_UNKNOWN, INITIATOR_TAKEN, INITIATORS_MAX, GROUP_OTHER_TARGET,
   *   GROUP_REMOVED
   */
  moveInitiator(pattern: string, group: InitiatorGroup): void {
    if (group.target !== this.target) {
      throw new UsageError(
        "GROUP_OTHER_TARGET",
        `group "${group.name}" is one of ${group.target.name}, not of ${this.target.name}`,
      );
    }
    this.#checkHas(pattern);
    group.#enter(pattern);
    this.#delete(pattern);
    this.#reassign([pattern]);
  }

  /** Takes all patterns away. */
  clearInitiators(): void {
    this.checkThere();
    const patterns = [...this.#patterns];
    this.#patterns.clear();
    this.#reassign(patterns);
  }

  #enter(pattern: string): void {
    this.checkThere();
    if (pattern.length === 0 || pattern.length > INITIATOR_NAME_LENGTH_MAX) {
      throw new UsageError(
        "INITIATOR_NAME_LENGTH",
        `a pattern has 1 to ${INITIATOR_NAME_LENGTH_MAX} characters, not ${pattern.length}`,
      );
    }
    if (this.#patterns.has(pattern)) {
      throw new UsageError("INITIATOR_TAKEN", `group "${this.name}" has "${pattern}" already`);
    }
    if (this.#patterns.size >= INITIATORS_PER_GROUP_MAX) {
      throw new UsageError(
        "INITIATORS_MAX",
        `group "${this.name}" has ${INITIATORS_PER_GROUP_MAX} initiators already`,
      );
    }
    this.#patterns.add(pattern);
  }

  #delete(pattern: string): void {
    this.#checkHas(pattern);
    this.#patterns.delete(pattern);
  }

  #checkHas(pattern: string): void {
    this.checkThere();
    if (!this.#patterns.has(pattern)) {
      throw new UsageError("INITIATOR_UNKNOWN", `group "${this.name}" has no "${pattern}"`);
    }
  }

  /** Only whom one of the changed patterns fits may belong elsewhere now. */
  #reassign(patterns: readonly string[]): void {
    this.target.reassign(({ initiatorName }) =>
      patterns.some((pattern) => fitsPattern(initiatorName, pattern)),
    );
  }
}
