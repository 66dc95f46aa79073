import { describe, expect, it } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import { NBD_LIMITS, type NbdLimits } from "../../../src/targets/nbd/limits.ts";
import { NbdServer } from "../../../src/targets/nbd/server.ts";

const WRONG: readonly (readonly [name: keyof NbdLimits, value: unknown, rule: string])[] = [
  ["connectionCountMax", 0, "from 1 to 2147483647"],
  ["payloadLengthMax", Number.NaN, "from 1 to 2147483647"],
  ["requestCountMax", 1.5, "from 1 to 2147483647"],
  ["drainTimeMsMax", "2000", "from 1 to 2147483647"],
  ["retryCountMax", -1, "from 0 to 2147483647"],
  ["awakeTimeUsMax", 10_001, "from 0 to 10000"],
];

describe("limits of an NBD server", () => {
  it.each(WRONG)("%s: %s is refused", (name, value, rule) => {
    const limits = { [name]: value } as Partial<NbdLimits>;
    expect(() => new NbdServer(createCore(), { limits })).toThrow(
      `limits.${name} is ${String(value)}: it must be a whole number ${rule}`,
    );
  });

  it("may be 0 where that means none", () => {
    const limits = { retryCountMax: 0, awakeTimeUsMax: 0 };
    expect(new NbdServer(createCore(), { limits }).limits).toEqual({ ...NBD_LIMITS, ...limits });
  });
});
