/** Whatever changes in whatever order: sessions have the LUNs of their group in the end. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Nexus } from "../../../src/core/index.ts";
import { UsageError } from "../../../src/protocol/errors.ts";
import { type Initiator, NOTHING_LEFT, type Sent } from "../../support/bench.ts";
import { lunsOf, Rig, textOf } from "./rig.ts";

const NAMES = ["alice", "bob"];
const PATTERNS = ["alice", "bob", "*", "!bob", "a*"];
const DEVICES = ["a", "b", "c"];
const LUN_COUNT = 4;

const step = fc.record({
  act: fc.constantFrom(
    ...(["add name", "remove name", "move name", "add LUN", "replace LUN", "remove LUN"] as const),
    ...(["clear", "send", "send", "get", "get", "serve", "refuse", "login", "logout"] as const),
  ),
  group: fc.constantFrom("g", "h", "default"),
  pattern: fc.constantFrom(...PATTERNS),
  device: fc.constantFrom(...DEVICES),
  lun: fc.nat(LUN_COUNT - 1),
  which: fc.nat(1),
  readOnly: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Walk {
  readonly rig = new Rig();
  readonly sent: Sent[] = [];
  readonly initiators: Initiator[] = NAMES.map((name) => this.rig.login(name));

  /** What may not be done at the moment is refused, and changes nothing. */
  try(each: Step): void {
    try {
      this.#take(each);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }

  #take({ act, group, pattern, device, lun, which, readOnly }: Step): void {
    const { g, h, target } = this.rig;
    const [from, to] = group === "g" ? [g, h] : [h, g];
    const luns = group === "default" ? target.defaultGroup : from;
    const initiator = this.initiators[which]!;
    switch (act) {
      case "add name":
        return from.addInitiator(pattern);
      case "remove name":
        return from.removeInitiator(pattern);
      case "move name":
        return from.moveInitiator(pattern, to);
      case "add LUN":
        return luns.addLun(lun, device, { readOnly });
      case "replace LUN":
        return luns.replaceLun(lun, device, { readOnly });
      case "remove LUN":
        return luns.removeLun(lun);
      case "clear":
        return luns.clear();
      case "send":
        if (!initiator.session.closing) this.sent.push(initiator.testUnitReady(lun));
        return undefined;
      case "get":
        return void this.rig.disks[lun % DEVICES.length]!.get();
      case "serve":
        return void this.rig.serve();
      case "refuse":
        return this.rig.bench.clock.advance(5000);
      case "login":
        if (initiator.session.closing) this.initiators[which] = this.rig.login(NAMES[which]!);
        return undefined;
      case "logout":
        return void initiator.close();
      default:
        return act satisfies never;
    }
  }
}

test("random walks", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const walk = new Walk();
      const { rig } = walk;
      let refused = false;
      for (const each of steps) {
        walk.try(each);
        refused ||= each.act === "refuse";
      }
      rig.serve();
      expect(walk.sent.filter(({ response }) => response === undefined)).toEqual([]);
      expect(rig.bench.leftOver).toEqual(NOTHING_LEFT);
      for (const { session } of walk.initiators) {
        if (session.closing) continue;
        // A handler that did not answer in time is not behind its LUN.
        if (!refused)
          expect(lunsOf(session)).toBe(textOf(rig.target.lunsFor(session.initiatorName)));
        expect(session.group).toBe(rig.target.groupFor(session.initiatorName));
      }
      const open = [...rig.target.sessions];
      expect(open.every(({ closing }) => !closing)).toBe(true);
      const nexuses: Nexus[] = [];
      for (const session of open) nexuses.push(...session.nexuses.values());
      for (const { name, attached, program } of rig.disks) {
        const handles = nexuses.filter(({ device }) => device.name === name).map((n) => n.handle);
        expect(new Set(handles)).toEqual(
          new Set([...program.device.device!.nexuses].map((n) => n.handle)),
        );
        if (!refused) expect(attached).toEqual(new Set(handles));
      }
    }),
    { numRuns: 200 },
  );
});
