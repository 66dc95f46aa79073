/**
 * How responses are compared. Time can't be asserted, so these look at what decides: it must be
 * `timingSafeEqual`, and everybody who is denied must have been compared the same way.
 */
import { timingSafeEqual } from "node:crypto";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ChapPolicy, type ChapOptions } from "../../../../src/targets/iscsi/auth/chap-account.ts";
import { ChapExchange, type ChapKey } from "../../../../src/targets/iscsi/auth/chap-exchange.ts";
import { challengeOf, responseTo, TARGET_USER, USER } from "../support/chap-client.ts";

vi.mock(import("node:crypto"), async (original) => {
  const crypto = await original();
  return {
    ...crypto,
    timingSafeEqual: vi.fn<typeof crypto.timingSafeEqual>(crypto.timingSafeEqual),
  };
});

const comparison = vi.mocked(timingSafeEqual);

const ONE_WAY: ChapOptions = { users: [USER] };
const MUTUAL: ChapOptions = { users: [USER], mutual: TARGET_USER };
const SHA_256 = "7";
const SHA_256_LENGTH = 32;

/** A response to a challenge of SHA-256; what it is wrong in is up to `change`. */
function logIn(options: ChapOptions, name: string, change: (response: Buffer) => Buffer): boolean {
  const exchange = new ChapExchange(new ChapPolicy(options));
  const { answers } = exchange.receive(new Map<ChapKey, string>([["CHAP_A", SHA_256]])) as {
    answers: [string, string][];
  };
  const { identifier, bytes } = challengeOf(new Map(answers));
  const right = responseTo(SHA_256, identifier, USER.secret, bytes);
  const response = change(Buffer.from(right.slice(2), "hex")).toString("hex");
  comparison.mockClear();
  exchange.receive(
    new Map<ChapKey, string>([
      ["CHAP_N", name],
      ["CHAP_R", `0x${response}`],
    ]),
  );
  return exchange.done;
}

const unchanged = (response: Buffer): Buffer => response;

function flipped(index: number): (response: Buffer) => Buffer {
  return (response) => {
    response[index]! ^= 1;
    return response;
  };
}

beforeEach(() => {
  comparison.mockReset();
});

const CASES: [string, string, (response: Buffer) => Buffer, boolean][] = [
  ["the right response", USER.name, unchanged, true],
  ["wrong in the first byte", USER.name, flipped(0), false],
  ["wrong in the last byte", USER.name, flipped(SHA_256_LENGTH - 1), false],
  ["an unknown user", "mallory", unchanged, false],
];

describe.each([
  ["one way", ONE_WAY, 1],
  // The second one looks for a reflection, whatever the first one said.
  ["mutual", MUTUAL, 2],
])("%s", (_what, options, comparisonCount) => {
  test.each(CASES)("%s: compared whole", (_which, name, change, admitted) => {
    expect(logIn(options, name, change)).toBe(admitted);
    const { calls } = comparison.mock;
    expect(calls).toHaveLength(comparisonCount);
    for (const compared of calls) {
      expect(compared.map(({ byteLength }) => byteLength)).toEqual([
        SHA_256_LENGTH,
        SHA_256_LENGTH,
      ]);
    }
  });
});

describe("nothing else decides", () => {
  test("a wrong response that timingSafeEqual takes is taken", () => {
    comparison.mockReturnValue(true);
    expect(logIn(ONE_WAY, USER.name, flipped(0))).toBe(true);
  });

  test("a right response that timingSafeEqual does not take is denied", () => {
    comparison.mockReturnValue(false);
    expect(logIn(ONE_WAY, USER.name, unchanged)).toBe(false);
  });

  test("a user that is not there is denied even so", () => {
    comparison.mockReturnValue(true);
    expect(logIn(ONE_WAY, "mallory", unchanged)).toBe(false);
  });
});

test("a response of another length is denied without a look at it", () => {
  expect(logIn(ONE_WAY, USER.name, (response) => response.subarray(1))).toBe(false);
  expect(comparison).not.toHaveBeenCalled();
});
