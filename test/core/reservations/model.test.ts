/** Random commands over four nexuses, against a small model of the standard's tables. */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { ReservationOutcome } from "../../../src/core/reservations/outcome.ts";
import { MemoryStateStore } from "../../../src/core/reservations/state-store.ts";
import { findCommand } from "../../../src/protocol/scsi/index.ts";
import { NEXUSES, ReferenceModel, type Result, type Step } from "./reference-model.ts";
import { ID_A, ID_B, type NexusName, say, Stage, type TestNexus } from "./support.ts";

/** Some steps are skipped: who is not logged in asks for nothing. */
const RUNS = 1500;
const STEPS = 100;
const PERFORMED_MIN = 100_000;

const by = fc.constantFrom(...NEXUSES);
/** -1: the key that the nexus has, which is what sensible initiators give. */
const key = fc.oneof(
  { weight: 6, arbitrary: fc.constant(-1) },
  { weight: 1, arbitrary: fc.nat(3) },
);
const newKey = fc.nat(3);
const type = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(1, 3, 5, 6, 7, 8) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 4, 15) },
);
const scope = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat(15) },
);
const rarely = fc.nat(7).map((n) => n === 0);
const ports = fc.option(fc.subarray(["A", "B"] as const), { nil: undefined, freq: 2 });

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("REGISTER" as const, "REGISTER_AND_IGNORE_EXISTING_KEY" as const),
      by,
      key,
      newKey,
      all: rarely,
      ports: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, ports),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("RESERVE" as const, "RELEASE" as const),
      by,
      key,
      type,
      scope,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("CLEAR" as const), by, key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("PREEMPT" as const, "PREEMPT_AND_ABORT" as const),
      by,
      key,
      newKey,
      type,
      scope,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("REGISTER_AND_MOVE" as const),
      by,
      key,
      newKey,
      to: by,
      unreg: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("reserve", "release", "logout", "login"),
      by,
    }) as fc.Arbitrary<Step>,
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "reset" }) },
);

const flagsOf = (cdb: readonly number[]) => findCommand(Uint8Array.from(cdb), 0)?.flags ?? 0;
const COMMANDS = {
  read: flagsOf([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
  write: flagsOf([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
  "TEST UNIT READY": flagsOf([0, 0, 0, 0, 0, 0]),
} as const;

const seen = new Map<string, number>();
let count = 0;

test(`${PERFORMED_MIN} random steps`, { timeout: 120_000 }, () => {
  const run = fc.array(steps, { minLength: STEPS, maxLength: STEPS, size: "max" });
  fc.assert(
    fc.property(run, (all) => {
      const model = new ReferenceModel();
      const store = new MemoryStateStore();
      const stage = new Stage({ store, targetPorts: () => [1, 2] });
      for (const [index, each] of all.entries()) {
        const step = withOwnKey(each, model);
        if (!possible(step, model)) continue;
        const label = `${index}: ${JSON.stringify(step)}`;
        const expected = model.step(step);
        const result = perform(stage, step);
        if (!sameResult(result, expected)) expect(result, `step ${label}`).toEqual(expected);
        compare(stage, model, label);
        const what = `${step.do} ${expected.answer}`;
        count++;
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
    }),
    { numRuns: RUNS },
  );
  expect(count).toBeGreaterThanOrEqual(PERFORMED_MIN);
});

/** A test that never got to the interesting cases would prove nothing. */
afterAll(() => {
  const actions =
    "REGISTER RESERVE RELEASE CLEAR PREEMPT PREEMPT_AND_ABORT REGISTER_AND_MOVE " +
    "REGISTER_AND_IGNORE_EXISTING_KEY reserve release";
  const refusals = ["RELEASE 5/26/04", "PREEMPT 5/26/00", "REGISTER_AND_MOVE CONFLICT"];
  const interesting = actions.split(" ").map((action) => `${action} GOOD`);
  for (const what of [...interesting, ...refusals, "reserve CONFLICT", "REGISTER 5/26/00"]) {
    expect(seen.get(what) ?? 0, `how often: ${what}`).toBeGreaterThan(100);
  }
});

function withOwnKey(step: Step, model: ReferenceModel): Step {
  if (!("key" in step) || step.key >= 0) return step;
  return { ...step, key: model.keys.get(step.by) ?? 0 };
}

function possible(step: Step, model: ReferenceModel): boolean {
  if (step.do === "reset") return true;
  return (step.do === "login") !== model.here.has(step.by);
}

function perform(stage: Stage, step: Step): Result {
  const { reservations, nexuses } = stage;
  if (step.do === "reset") {
    reservations.reset();
    return resultOf(stage, undefined);
  }
  switch (step.do) {
    case "logout":
      reservations.detach(nexuses[step.by]);
      return resultOf(stage, undefined);
    case "login":
      reservations.attach(nexuses[step.by]);
      return resultOf(stage, undefined);
    case "reserve":
      return resultOf(stage, stage.reserve(step.by));
    case "release":
      return resultOf(stage, stage.release(step.by));
    case "REGISTER_AND_MOVE": {
      const ids = [step.to.startsWith("A") ? ID_A : ID_B];
      const target = Number(step.to[1]);
      const { key: reservationKey, newKey: next, unreg } = step;
      const out = { action: step.do, key: reservationKey, newKey: next, ids, target, unreg };
      return resultOf(stage, stage.out(step.by, { ...out, aptpl: true }));
    }
    case "REGISTER":
    case "REGISTER_AND_IGNORE_EXISTING_KEY": {
      const ids = step.ports?.map((port) => (port === "A" ? ID_A : ID_B));
      const { key: reservationKey, newKey: next, all: allTgPt } = step;
      const out = { action: step.do, key: reservationKey, newKey: next, allTgPt, aptpl: true };
      return resultOf(stage, stage.out(step.by, ids === undefined ? out : { ...out, ids }));
    }
    default: {
      const { do: action, by: from, ...more } = step;
      return resultOf(stage, stage.out(from, { action, ...more }));
    }
  }
}

function resultOf({ nexuses }: Stage, outcome: ReservationOutcome | undefined): Result {
  const notices = Object.values(nexuses).flatMap(({ name, unitAttentions }) =>
    unitAttentions.splice(0).map((condition) => `${name} ${condition.name}`),
  );
  const aborted = (outcome?.abort ?? []).map((nexus) => (nexus as TestNexus).name);
  // The model knows nothing of field pointers.
  const answer = outcome === undefined ? "" : (say(outcome).split(" ")[0] as string);
  return { answer, notices: notices.toSorted(), aborted: aborted.toSorted() };
}

function sameResult(a: Result, b: Result): boolean {
  return (
    a.answer === b.answer &&
    a.notices.join() === b.notices.join() &&
    a.aborted.join() === b.aborted.join()
  );
}

function compare(stage: Stage, model: ReferenceModel, label: string): void {
  const keys = NEXUSES.filter((name) => model.keys.has(name)).map(
    (name) => `${name}:${model.keys.get(name)}`,
  );
  const held = model.type === 0 ? "" : ` | type ${model.type} by ${model.holder || "all"}`;
  const [registered = "", ...rest] = stage.picture.split(" |");
  const picture = [registered.split(" ").toSorted().join(" "), ...rest].join(" |");
  const expected = `${keys.join(" ")}${held} | gen ${model.generation}`;
  if (picture !== expected) expect(picture, `step ${label}`).toBe(expected);
  for (const name of NEXUSES) compareAccess(stage, model, name, label);
}

function compareAccess(stage: Stage, model: ReferenceModel, name: NexusName, label: string): void {
  if (!model.here.has(name)) return;
  const { reservations, nexuses } = stage;
  for (const [command, flags] of Object.entries(COMMANDS)) {
    const conflict = reservations.active && reservations.check(nexuses[name], flags);
    const may = model.may(name, command as keyof typeof COMMANDS);
    if (conflict === may) expect(!conflict, `${name} may ${command} after step ${label}`).toBe(may);
  }
}
