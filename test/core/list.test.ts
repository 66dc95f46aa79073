import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Linked, List } from "../../src/core/list.ts";

class Item implements Linked<Item> {
  readonly name: number;
  previous: Item | undefined = undefined;
  next: Item | undefined = undefined;
  list: List<Item> | undefined = undefined;

  constructor(name: number) {
    this.name = name;
  }
}

function names(list: List<Item>): number[] {
  const found: number[] = [];
  for (let item = list.first; item !== undefined; item = item.next) found.push(item.name);
  return found;
}

function backwards(list: List<Item>): number[] {
  const found: number[] = [];
  for (let item = list.last; item !== undefined; item = item.previous) found.push(item.name);
  return found;
}

describe("a list does what an array does", () => {
  test("whatever is added, taken and removed", () => {
    const step = fc.record({
      act: fc.constantFrom("last", "first", "take", "remove"),
      at: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
        const list = new List<Item>();
        const model: Item[] = [];
        for (const [name, { act, at }] of steps.entries()) {
          const chosen = model[at];
          if (act === "last" || act === "first") {
            const item = new Item(name);
            if (act === "last") {
              list.addLast(item);
              model.push(item);
            } else {
              list.addFirst(item);
              model.unshift(item);
            }
          } else if (act === "take") {
            expect(list.takeFirst()).toBe(model.shift());
          } else if (chosen !== undefined) {
            list.remove(chosen);
            model.splice(at, 1);
            expect([chosen.list, chosen.next, chosen.previous]).toEqual([
              undefined,
              undefined,
              undefined,
            ]);
          }
          const expected = model.map((item) => item.name);
          expect(names(list)).toEqual(expected);
          expect(backwards(list)).toEqual(expected.reverse());
          expect(list.length).toBe(model.length);
          expect(model.every((item) => item.list === list)).toBe(true);
        }
      }),
    );
  });
});
