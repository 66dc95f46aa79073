/** Filters that look at calls, delay them or have them fail. */
import { describe, expect, test } from "vitest";

import {
  type Fault,
  faultyStore,
  loggedStore,
  measuredStore,
  rateLimitedStore,
  type RateLimits,
  type StoreLogEntry,
} from "../../../../src/sdk/index.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const block = new Uint8Array(512);
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the log has every call, when it is over, with its time and its failure", async () => {
  const clock = new FakeClock();
  const slow = faultyStore(
    memoryStore(8192),
    ({ kind }) => ({ delayMs: kind === "write" ? 5 : 0 }),
    { clock },
  );
  const entries: StoreLogEntry[] = [];
  const store = loggedStore(slow, (entry) => entries.push(entry), { clock });
  const write = store.write(block, 512, true);
  await store.flush();
  clock.advance(5);
  await write;
  expect(() => store.read(block, 8192)).toThrow("beyond its end");
  await store.trim?.(0, 4096);
  await store.writeZeroes?.(0, 512, { mayTrim: false, fua: true });
  const eio = expect.objectContaining({ code: "EIO" });
  const rows = entries.map(({ kind, offset, length, fua, durationMs, error }) => {
    return [kind, offset, length, fua, durationMs, error];
  });
  expect(rows).toEqual([
    ["flush", 0, 8192, false, 0, undefined],
    ["write", 512, 512, true, 5, undefined],
    ["read", 8192, 512, false, 0, eio],
    ["trim", 0, 4096, false, 0, undefined],
    ["writeZeroes", 0, 512, true, 0, undefined],
  ]);
});

test("faults: an error comes after its delay, and instead of the call", async () => {
  const clock = new FakeClock();
  const below = memoryStore(8192);
  let fault: Fault | undefined = { delayMs: 10, error: "ENOSPC" };
  const store = faultyStore(below, () => fault, { clock });
  const writing = Promise.resolve(store.write(Uint8Array.of(7), 0, false));
  clock.advance(10);
  await expect(writing).rejects.toThrow(expect.objectContaining({ code: "ENOSPC", errno: 28 }));
  const found = new Uint8Array(1);
  below.read(found, 0);
  expect(found[0]).toBe(0);
  fault = undefined;
  expect(store.write(Uint8Array.of(7), 0, false)).toBeUndefined();
});

describe("rates", () => {
  /** Milliseconds at which writes of `lengths` that come at once begin. */
  async function times(limits: RateLimits, lengths: readonly number[]): Promise<number[]> {
    const clock = new FakeClock();
    const begun: number[] = [];
    const below = loggedStore(memoryStore(1 << 20), () => begun.push(clock.now()), { clock });
    const store = rateLimitedStore(below, { ...limits, clock });
    for (const length of lengths) void store.write(new Uint8Array(length), 0, false);
    for (let i = 0; i < 2000; i++) {
      clock.advance(1);
      await settled();
    }
    return begun;
  }

  test.each<[string, RateLimits, number[], number[]]>([
    ["operations", { operationsPerSecond: 10, burstMs: 0 }, [1, 1, 1], [0, 100, 200]],
    ["a burst", { operationsPerSecond: 10, burstMs: 200 }, [1, 1, 1, 1], [0, 0, 0, 100]],
    ["bytes", { bytesPerSecond: 1000, burstMs: 0 }, [500, 100, 1], [0, 500, 600]],
    [
      "whichever is later",
      { operationsPerSecond: 10, bytesPerSecond: 1000, burstMs: 0 },
      [500, 1, 1, 1],
      [0, 500, 501, 502].map((at, i) => Math.max(at, i * 100)),
    ],
  ])("%s", async (_name, limits, lengths, expected) => {
    expect(await times(limits, lengths)).toEqual(expected);
  });

  test("a pause earns no more than the burst", async () => {
    const clock = new FakeClock();
    const limits = { operationsPerSecond: 10, burstMs: 100, clock };
    const store = rateLimitedStore(memoryStore(512), limits);
    clock.advance(10_000);
    expect(store.flush()).toBeUndefined();
    expect(store.flush()).toBeUndefined();
    expect(store.flush()).toBeInstanceOf(Promise);
  });

  test.each([0, -1, Number.NaN])("a rate of %d is refused", (operationsPerSecond) => {
    expect(() => rateLimitedStore(memoryStore(512), { operationsPerSecond })).toThrow(
      expect.objectContaining({ code: "STORE_RATE" }),
    );
  });
});

test("statistics", async () => {
  const clock = new FakeClock();
  const slow = faultyStore(memoryStore(8192), ({ offset }) => ({ delayMs: offset / 512 }), {
    clock,
  });
  const store = measuredStore(slow, { clock });
  const writes = [store.write(block, 512, false), store.write(block, 1024, false)];
  expect(store.statistics()).toMatchObject({ inFlight: 2, inFlightMax: 2, write: { count: 0 } });
  clock.advance(1);
  await writes[0];
  clock.advance(1);
  await writes[1];
  await store.flush();
  expect(() => store.read(new Uint8Array(9000), 0)).toThrow("beyond its end");
  const none = { count: 0, failedCount: 0, bytes: 0, totalMs: 0, longestMs: 0 };
  expect(store.statistics()).toEqual({
    read: { ...none, count: 1, failedCount: 1 },
    write: { count: 2, failedCount: 0, bytes: 1024, totalMs: 3, longestMs: 2 },
    flush: { ...none, count: 1 },
    trim: none,
    writeZeroes: none,
    inFlight: 0,
    inFlightMax: 2,
  });
});
