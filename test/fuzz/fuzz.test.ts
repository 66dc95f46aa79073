/**
 * The targets of `npm run fuzz` with their seeds, and with some inputs that are made of them: what
 * the fuzzer begins with must work. What it finds comes from there.
 */
import { describe, expect, test } from "vitest";
import { TARGETS } from "./targets.ts";

const ROUNDS = 200;
/** Any odd number that is not small: the inputs are the same every time. */
const STEP = 7919;

/** Bytes of a seed changed, and its end cut off now and then. */
function changed(seed: Uint8Array, round: number): Uint8Array {
  const bytes = seed.slice(0, round % 5 === 0 ? (round * STEP) % seed.length : seed.length);
  for (let i = round % 4; i > 0; i--)
    bytes[(round * i * STEP) % bytes.length] = (round * STEP) >> i;
  return bytes;
}

describe.each([...TARGETS])("%s", (_name, { fuzz, seeds }) => {
  test("the seeds, none of them twice", async () => {
    const texts = seeds().map((seed) => Buffer.from(seed).toString("hex"));
    expect(new Set(texts).size).toBe(texts.length);
    for (const seed of seeds()) await fuzz(seed);
  });

  test("the seeds, changed", async () => {
    for (const seed of seeds()) {
      for (let round = 1; round <= ROUNDS; round++) await fuzz(changed(seed, round));
    }
  });

  test("nothing at all", async () => {
    await fuzz(new Uint8Array(0));
  });
});
