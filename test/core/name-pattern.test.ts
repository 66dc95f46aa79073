import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitsPattern } from "../../src/core/name-pattern.ts";

const IQN = "iqn.2026-01.example:host7";

describe("patterns", () => {
  test.each([
    // The whole name, in whatever case.
    [IQN, IQN, true],
    [IQN, "IQN.2026-01.Example:HOST7", true],
    ["IQN.2026-01.EXAMPLE:HOST7", IQN, true],
    [IQN, "iqn.2026-01.example:host", false],
    [IQN, "iqn.2026-01.example:host77", false],
    ["host", "", false],
    // `*` is any characters, none of them too.
    [IQN, "*", true],
    [IQN, "**", true],
    [IQN, "iqn.*", true],
    [IQN, "*:host7", true],
    [IQN, "iqn.*:host*", true],
    [IQN, "iqn.2026-01.example:host7*", true],
    [IQN, "*:host", false],
    [IQN, "*example*host*9", false],
    ["aab", "*ab", true],
    ["abab", "a*ab", true],
    ["aba", "ab*ba", false],
    // `?` is one.
    [IQN, "iqn.2026-01.example:host?", true],
    [IQN, "iqn.????-??.example:host7", true],
    [IQN, "iqn.2026-01.example:host7?", false],
    ["ab", "*?b", true],
    ["b", "*?b", false],
    // `!` first: all others.
    [IQN, `!${IQN}`, false],
    ["iqn.2026-01.example:host8", `!${IQN}`, true],
    [IQN, "!*:host8", true],
    [IQN, "!iqn.*", false],
    [IQN, "!", true],
    [IQN, "!*", false],
    // `!` further on negates the rest of the name, of which there has to be something.
    ["host8", "host!7", true],
    ["host7", "host!7", false],
    ["host77", "host!7", true],
    ["host", "host!7", false],
    ["guest8", "host!7", false],
    ["host-old", "host!*old", false],
    ["host-new", "host!*old", true],
    ["host1", "host!", true],
    ["host", "host!", false],
    ["xbc", "*b!c", false],
    ["xbd", "*b!c", true],
    // The rest begins as early as it can.
    ["abcbd", "a*b!cbd", false],
    ["anything", "*!any*", false],
    ["something", "*!any*", true],
    // A second `!` is a character.
    ["host!", "!host!", false],
    ["hosts", "!host!", true],
    ["b", "!!a", true],
    ["!a", "!!a", false],
  ])("%s, %s: %s", (name, pattern, fitting) => {
    expect(fitsPattern(name, pattern)).toBe(fitting);
  });

  test("without negation they are what a search of all possibilities finds", () => {
    const text = (...alphabet: string[]) =>
      fc.array(fc.constantFrom(...alphabet), { maxLength: 10 }).map((each) => each.join(""));
    fc.assert(
      fc.property(text("a", "b"), text("a", "b", "*", "?"), (name, pattern) => {
        expect(fitsPattern(name, pattern)).toBe(searched(name, pattern));
      }),
      { numRuns: 2000 },
    );
  });

  test("many stars cost no more than they are", () => {
    expect(fitsPattern("a".repeat(255), "*a".repeat(127))).toBe(true);
    expect(fitsPattern("a".repeat(255), `${"a*".repeat(127)}b`)).toBe(false);
  });
});

function searched(name: string, pattern: string): boolean {
  if (pattern === "") return name === "";
  const rest = pattern.slice(1);
  if (pattern[0] === "*")
    return searched(name, rest) || (name !== "" && searched(name.slice(1), pattern));
  return name !== "" && "?".concat(name[0]!).includes(pattern[0]!) && searched(name.slice(1), rest);
}
