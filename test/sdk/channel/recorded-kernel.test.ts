/** The kernel channel and the disk over what the real kernel sent. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTrace } from "../../replay/trace.ts";
import { playAsKernel, type SeenDifference } from "./recorded-kernel.ts";

interface Expected {
  readonly cdb: string;
  readonly fields: readonly string[];
  readonly reason: string;
}

const traces = join(import.meta.dirname, "../../fixtures/scst-abi/traces");
const names = readdirSync(traces).filter((file) => file.endsWith(".json"));
const expected = JSON.parse(
  readFileSync(join(import.meta.dirname, "expected-differences.json"), "utf8"),
) as Expected[];

const isOf =
  ({ cdb, field }: SeenDifference) =>
  (entry: Expected) =>
    entry.fields.includes(field) && cdb.startsWith(entry.cdb);

describe("an initiator sees what it saw with SCST's own program", () => {
  test.each(names)("%s", async (file) => {
    const { differences, reports, commands } = await playAsKernel(readTrace(join(traces, file)));
    expect(differences.filter((difference) => !expected.some(isOf(difference)))).toEqual([]);
    expect(reports).toEqual([]);
    expect(commands).toBeGreaterThan(30);
  });

  test("nothing is expected to differ that does not", async () => {
    const all = await Promise.all(
      names.map(async (file) => (await playAsKernel(readTrace(join(traces, file)))).differences),
    );
    const differences = all.flat();
    const overdue = expected.flatMap(({ cdb, fields }) =>
      fields
        .filter(
          (field) => !differences.some((one) => one.field === field && one.cdb.startsWith(cdb)),
        )
        .map((field) => `${cdb} ${field}`),
    );
    expect(overdue).toEqual([]);
  });
});
