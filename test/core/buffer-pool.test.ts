import { describe, expect, test } from "vitest";
import {
  BufferPool,
  pagesOf,
  SIZE_CLASSES_MAX,
  sizeClassOf,
  sizeOfClass,
} from "../../src/core/buffer-pool.ts";
import { DataBuffer } from "../../src/core/data-buffer.ts";
import { FakeClock } from "../support/fake-clock.ts";

const MINUTE = 60_000;

function poolOf(purgeIntervalMs = MINUTE) {
  const clock = new FakeClock();
  const released: number[] = [];
  const pool = new BufferPool(clock, purgeIntervalMs, ({ address }) => released.push(address));
  return { clock, released, pool };
}

/** A buffer that is told by its address. */
function buffer(address: number, length = 4096): DataBuffer {
  return new DataBuffer(address, new Uint8Array(length), sizeClassOf(length));
}

describe("size classes", () => {
  test.each([
    [1, 0, 4096],
    [4095, 0, 4096],
    [4096, 0, 4096],
    [4097, 1, 8192],
    [8192, 1, 8192],
    [8193, 2, 16384],
    [65_536, 4, 65_536],
    [65_537, 5, 131_072],
    [4 * 1024 * 1024, 10, 4 * 1024 * 1024],
  ])("%i bytes are class %i of %i bytes", (length, sizeClass, size) => {
    expect(sizeClassOf(length)).toBe(sizeClass);
    expect(sizeOfClass(sizeClass)).toBe(size);
  });

  test("bigger ones are never kept", () => {
    expect(sizeClassOf(4 * 1024 * 1024 + 1)).toBe(-1);
    expect(sizeClassOf(0x7fff_ffff)).toBe(-1);
    expect(sizeOfClass(SIZE_CLASSES_MAX - 1)).toBe(4 * 1024 * 1024);
  });

  test("every length fits its class and not the one below", () => {
    for (let length = 1; length <= 4 * 1024 * 1024; length += 997) {
      const sizeClass = sizeClassOf(length);
      expect(sizeOfClass(sizeClass)).toBeGreaterThanOrEqual(length);
      if (sizeClass > 0) expect(sizeOfClass(sizeClass - 1)).toBeLessThan(length);
    }
  });

  test.each([
    [0, 0],
    [1, 4096],
    [4096, 4096],
    [4097, 8192],
  ])("%i bytes are in pages of %i bytes", (length, pages) => {
    expect(pagesOf(length)).toBe(pages);
  });
});

describe("taking and giving", () => {
  test("an empty pool has nothing, and counts the wish", () => {
    const { pool } = poolOf();
    expect(pool.take(512)).toBeUndefined();
    expect(pool.statistics).toMatchObject({ hits: 0, total: 1 });
  });

  test("the last used comes first: it is in the caches still", () => {
    const { pool } = poolOf();
    for (const address of [1, 2, 3]) pool.give(buffer(address));
    expect([pool.take(1), pool.take(1), pool.take(1)].map((each) => each?.address)).toEqual([
      3, 2, 1,
    ]);
    expect(pool.statistics.hits).toBe(3);
  });

  test("classes do not help each other out", () => {
    const { pool } = poolOf();
    pool.give(buffer(1, 8192));
    expect(pool.take(4096)).toBeUndefined();
    expect(pool.take(16_384)).toBeUndefined();
    expect(pool.take(5000)?.address).toBe(1);
  });

  test("too big a wish is never granted", () => {
    const { pool } = poolOf();
    expect(pool.take(5 * 1024 * 1024)).toBeUndefined();
  });
});

describe("purging", () => {
  test("a buffer goes between one and two intervals after its last use", () => {
    const { clock, pool, released } = poolOf();
    pool.give(buffer(1));
    clock.advance(MINUTE);
    expect(released).toEqual([]);
    clock.advance(MINUTE);
    expect(released).toEqual([1]);
    expect(pool.size).toBe(0);
  });

  test("use puts it off", () => {
    const { clock, pool, released } = poolOf();
    pool.give(buffer(1));
    clock.advance(MINUTE + 1);
    pool.give(pool.take(1) as DataBuffer);
    clock.advance(MINUTE);
    expect(released).toEqual([]);
    clock.advance(MINUTE);
    expect(released).toEqual([1]);
  });

  test("of several, only those go that nobody wanted", () => {
    const { clock, pool, released } = poolOf();
    for (const address of [1, 2, 3]) pool.give(buffer(address));
    clock.advance(MINUTE);
    const last = pool.take(1) as DataBuffer;
    clock.advance(MINUTE / 2);
    pool.give(last);
    clock.advance(MINUTE / 2);
    expect(released).toEqual([1, 2]);
    clock.advance(MINUTE);
    expect(released).toEqual([1, 2, 3]);
  });

  test("an empty pool has no timer, and begins one with the first buffer", () => {
    const { clock, pool } = poolOf();
    expect(clock.timers).toBe(0);
    pool.give(buffer(1));
    expect(clock.timers).toBe(1);
    clock.advance(2 * MINUTE);
    expect(clock.timers).toBe(0);
    pool.give(buffer(2));
    expect(clock.timers).toBe(1);
  });

  test("a negative interval: never", () => {
    const { clock, pool, released } = poolOf(-1);
    pool.give(buffer(1));
    expect(clock.timers).toBe(0);
    clock.advance(1000 * MINUTE);
    expect(released).toEqual([]);
  });
});

test("flush gives all of them back, of every class", () => {
  const { pool, released } = poolOf();
  pool.give(buffer(1));
  pool.give(buffer(2, 65_536));
  pool.flush();
  expect(new Set(released)).toEqual(new Set([1, 2]));
  expect(pool.size).toBe(0);
});

test("a closed pool lets go of its timer, and tells nobody", () => {
  const { clock, pool, released } = poolOf();
  pool.give(buffer(1));
  pool.close();
  expect([clock.timers, pool.size, released]).toEqual([0, 0, []]);
});
