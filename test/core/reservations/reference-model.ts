/**
 * The reservations of a logical unit by the tables of SPC-5 and SPC-2, as short as can be: a key
 * a nexus, sets of names, one rule after the other. It shares nothing with what it checks.
 */
import type { NexusName } from "./support.ts";

export const NEXUSES: readonly NexusName[] = ["A1", "A2", "B1", "B2"];

export type Step =
  | Register
  | Reserve
  | { readonly do: "CLEAR"; readonly by: NexusName; readonly key: number }
  | Preempt
  | Move
  | { readonly do: "reserve"; readonly by: NexusName }
  | { readonly do: "release"; readonly by: NexusName }
  | { readonly do: "logout"; readonly by: NexusName }
  | { readonly do: "login"; readonly by: NexusName }
  | { readonly do: "reset" };

interface Register {
  readonly do: "REGISTER" | "REGISTER_AND_IGNORE_EXISTING_KEY";
  readonly by: NexusName;
  readonly key: number;
  readonly newKey: number;
  readonly all: boolean;
  /** SPEC_I_PT: initiators; undefined: not set. */
  readonly ports: readonly ("A" | "B")[] | undefined;
}

interface Reserve {
  readonly do: "RESERVE" | "RELEASE";
  readonly by: NexusName;
  readonly key: number;
  readonly type: number;
  readonly scope: number;
}

interface Preempt {
  readonly do: "PREEMPT" | "PREEMPT_AND_ABORT";
  readonly by: NexusName;
  readonly key: number;
  readonly newKey: number;
  readonly type: number;
  readonly scope: number;
}

interface Move {
  readonly do: "REGISTER_AND_MOVE";
  readonly by: NexusName;
  readonly key: number;
  readonly newKey: number;
  readonly to: NexusName;
  readonly unreg: boolean;
}

export interface Result {
  readonly answer: string;
  /** Sorted: "A1 RESERVATIONS RELEASED". */
  readonly notices: readonly string[];
  readonly aborted: readonly string[];
}

const VALID = new Set([1, 3, 5, 6, 7, 8]);
const ALL = new Set([7, 8]);
const REGISTRANTS_ONLY = new Set([5, 6]);
const BAD_CDB = "5/24/00";
const BAD_LIST = "5/26/00";

export class ReferenceModel {
  keys = new Map<NexusName, number>();
  type = 0;
  holder: NexusName | "" = "";
  legacy: NexusName | "" = "";
  generation = 0;
  here = new Set<NexusName>(NEXUSES);
  #notices: string[] = [];
  #aborted: string[] = [];

  step(step: Step): Result {
    this.#notices = [];
    this.#aborted = [];
    const answer = this.#answer(step);
    const notices = this.#notices.filter((line) => this.here.has(line.slice(0, 2) as NexusName));
    const aborted = this.#aborted.filter((name) => this.here.has(name as NexusName));
    return { answer, notices: notices.toSorted(), aborted: aborted.toSorted() };
  }

  /** May `by` do a command that everybody may do under the reservation types given? */
  may(by: NexusName, command: "read" | "write" | "TEST UNIT READY"): boolean {
    if (command === "TEST UNIT READY") return true;
    if (this.legacy !== "" && this.legacy !== by) return false;
    if (this.type === 0 || this.holder === by) return true;
    if (this.type >= 5 && this.keys.has(by)) return true;
    return command === "read" && [1, 5, 7].includes(this.type);
  }

  isHolder(by: NexusName): boolean {
    return ALL.has(this.type) ? this.keys.has(by) : this.holder === by && this.type !== 0;
  }

  #answer(step: Step): string {
    if (step.do === "reset") {
      this.legacy = "";
      return "";
    }
    const { by } = step;
    if (step.do === "logout") {
      this.here.delete(by);
      if (this.legacy === by) this.legacy = "";
      return "";
    }
    if (step.do === "login") {
      this.here.add(by);
      return "";
    }
    if (step.do === "reserve" || step.do === "release") {
      return this.#beforePersistent(step.do, by);
    }
    if (this.legacy !== "") return "CONFLICT";
    if (step.do === "REGISTER" || step.do === "REGISTER_AND_IGNORE_EXISTING_KEY") {
      return this.#register(step);
    }
    if (!this.keys.has(by) || this.keys.get(by) !== step.key) return "CONFLICT";
    switch (step.do) {
      case "CLEAR":
        for (const name of this.keys.keys()) this.#tell(name, by, "RESERVATIONS PREEMPTED");
        this.#unregister([...this.keys.keys()]);
        this.generation++;
        return "GOOD";
      case "RESERVE":
        return this.#reserve(step);
      case "RELEASE":
        return this.#release(step);
      case "REGISTER_AND_MOVE":
        return this.#move(step);
      case "PREEMPT":
      case "PREEMPT_AND_ABORT":
        return this.#preempt(step);
    }
  }

  #beforePersistent(what: "reserve" | "release", by: NexusName): string {
    if (this.keys.size > 0) {
      const exception = this.isHolder(by) || (this.type >= 5 && this.keys.has(by));
      return exception ? "GOOD" : "CONFLICT";
    }
    const another = this.legacy !== "" && this.legacy !== by;
    if (what === "reserve" && another) return "CONFLICT";
    if (!another) this.legacy = what === "reserve" ? by : "";
    return "GOOD";
  }

  #register(step: Register): string {
    const { by, key, newKey, all, ports } = step;
    const ignore = step.do !== "REGISTER";
    if (ports !== undefined && ignore) return BAD_LIST;
    const own = this.keys.get(by);
    if (!ignore && key !== (own ?? 0)) return "CONFLICT";
    if (own !== undefined && ports !== undefined) return BAD_LIST;
    const names = NEXUSES.filter((name) => (all ? name[0] === by[0] : name === by));
    const affected = names.filter((name) => ignore || (this.keys.get(name) ?? 0) === key);
    const others = NEXUSES.filter(
      (name) =>
        name[0] !== by[0] &&
        (all || name[1] === by[1]) &&
        newKey !== 0 &&
        ports?.includes(name[0] as "A" | "B") === true,
    );
    if (others.some((name) => this.keys.has(name))) return BAD_LIST;
    this.generation++;
    if (newKey !== 0) {
      for (const name of [...affected, ...others]) this.keys.set(name, newKey);
      return "GOOD";
    }
    const { type } = this;
    this.#unregister(affected);
    if (REGISTRANTS_ONLY.has(type) && this.type === 0) {
      for (const name of this.keys.keys()) this.#tell(name, by, "RESERVATIONS RELEASED");
    }
    return "GOOD";
  }

  #reserve({ by, type, scope }: Reserve): string {
    if (this.type !== 0 && !this.isHolder(by)) return "CONFLICT";
    if (scope !== 0 || !VALID.has(type)) return BAD_CDB;
    if (this.type !== 0) return this.type === type ? "GOOD" : "CONFLICT";
    this.#hold(type, by);
    return "GOOD";
  }

  #release({ by, type, scope }: Reserve): string {
    if (!this.isHolder(by)) return "GOOD";
    if (scope !== 0 || this.type !== type) return "5/26/04";
    this.#hold(0, by);
    if (type >= 5) {
      for (const name of this.keys.keys()) this.#tell(name, by, "RESERVATIONS RELEASED");
    }
    return "GOOD";
  }

  #preempt(step: Preempt): string {
    const { by, newKey, type, scope } = step;
    const aborts = step.do === "PREEMPT_AND_ABORT";
    const named = [...this.keys.keys()].filter((name) => this.keys.get(name) === newKey);
    const everybody = newKey === 0 && ALL.has(this.type);
    if (newKey === 0 && this.type !== 0 && !everybody) return BAD_LIST;
    if (named.length === 0 && !everybody) return "CONFLICT";
    const preempted = everybody ? [...this.keys.keys()] : named;
    const replaces = everybody || (this.holder !== "" && named.includes(this.holder));
    if (replaces && (scope !== 0 || !VALID.has(type))) return BAD_CDB;
    if (aborts) this.#aborted.push(...preempted);
    for (const name of preempted) this.#tell(name, by, "REGISTRATIONS PREEMPTED");
    this.generation++;
    if (!replaces) {
      this.#unregister(preempted);
      return "GOOD";
    }
    const before = this.type;
    this.#unregister(preempted.filter((name) => name !== by));
    this.#hold(type, by);
    if (before !== type) {
      for (const name of this.keys.keys()) this.#tell(name, by, "RESERVATIONS RELEASED");
    }
    return "GOOD";
  }

  #move({ by, newKey, to, unreg }: Move): string {
    if (this.type === 0) return BAD_CDB;
    if (ALL.has(this.type) || this.holder !== by) return "CONFLICT";
    if (newKey === 0 || to[0] === by[0]) return BAD_LIST;
    this.keys.set(to, newKey);
    this.holder = to;
    if (unreg) this.#unregister([by]);
    this.generation++;
    return "GOOD";
  }

  #hold(type: number, by: NexusName): void {
    this.type = type;
    this.holder = type === 0 || ALL.has(type) ? "" : by;
  }

  #unregister(names: readonly NexusName[]): void {
    for (const name of names) this.keys.delete(name);
    const gone = ALL.has(this.type) ? this.keys.size === 0 : !this.keys.has(this.holder as never);
    if (gone) this.#hold(0, "A1");
  }

  #tell(name: string, except: string, condition: string): void {
    if (name !== except) this.#notices.push(`${name} ${condition}`);
  }
}
