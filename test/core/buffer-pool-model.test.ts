/** The pool against a small model: whatever is taken, given and purged, nothing is lost. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { BufferPool, PAGE_SIZE } from "../../src/core/buffer-pool.ts";
import { type BufferOwner, DataBuffer } from "../../src/core/data-buffer.ts";
import { FakeClock } from "../support/fake-clock.ts";

const INTERVAL_MS = 1000;
const CACHED_MAX = 4 * 1024 * 1024;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant("take" as const),
      length: fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 5e6 })),
      owner: fc.nat(2),
    }),
  },
  { weight: 5, arbitrary: fc.record({ act: fc.constant("give" as const), which: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("time" as const), ms: fc.nat(2500) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("forget" as const), owner: fc.nat(2) }) },
);

interface Waiting {
  readonly buffer: DataBuffer;
  readonly since: number;
}

class Model {
  readonly clock = new FakeClock();
  readonly pool: BufferPool;
  readonly singlePages: number;
  readonly taken: DataBuffer[] = [];
  waiting: Waiting[] = [];
  readonly released = new Set<DataBuffer>();
  readonly #owners: BufferOwner[];
  #addresses = 0;
  #hits = 0;
  #total = 0;
  #big = 0;

  constructor(singlePages: number) {
    this.singlePages = singlePages;
    this.pool = new BufferPool(
      this.clock,
      INTERVAL_MS,
      (buffer) => this.#onRelease(buffer),
      singlePages,
    );
    this.#owners = Array.from({ length: 3 }, () => ({
      gone: false,
      bufferReleased: () => undefined,
    }));
  }

  #onRelease(buffer: DataBuffer): void {
    const at = this.waiting.findIndex((each) => each.buffer === buffer);
    expect(at, "a buffer that is released waited").toBeGreaterThanOrEqual(0);
    this.waiting.splice(at, 1);
    expect(this.released.has(buffer)).toBe(false);
    this.released.add(buffer);
  }

  lengthFor(wanted: number): number | undefined {
    if (this.singlePages > 0) {
      const length = this.singlePages * PAGE_SIZE;
      return wanted <= length ? length : undefined;
    }
    let length = PAGE_SIZE;
    while (length < wanted) length *= 2;
    return length <= CACHED_MAX ? length : undefined;
  }

  take(wanted: number, owner: number): void {
    const length = this.lengthFor(wanted);
    const found = this.pool.take(wanted);
    if (length === undefined) {
      this.#big++;
      expect(found === undefined).toBe(true);
      return;
    }
    this.#total++;
    // The last given of that length, or none.
    const at = this.waiting.findLastIndex(({ buffer }) => buffer.bytes.length === length);
    // Not the buffers themselves: a failure would print megabytes.
    expect(found?.address).toBe(this.waiting[at]?.buffer.address);
    if (found !== undefined) {
      this.#hits++;
      this.waiting.splice(at, 1);
      this.taken.push(found);
      return;
    }
    this.#addresses += PAGE_SIZE;
    const sizeClass = this.pool.classOf(wanted);
    expect(this.pool.lengthOf(sizeClass)).toBe(length);
    // One memory for all: nobody writes to it.
    const bytes = MEMORY.subarray(0, length);
    const made = new DataBuffer(this.#addresses, bytes, sizeClass, this.#owners[owner]);
    this.pool.adopt(made);
    this.taken.push(made);
  }

  give(which: number): void {
    const [buffer] = this.taken.splice(which % Math.max(1, this.taken.length), 1);
    if (buffer === undefined) return;
    this.waiting.push({ buffer, since: this.clock.now() });
    this.pool.give(buffer);
  }

  forget(owner: number): void {
    const gone = this.#owners[owner] as BufferOwner;
    this.waiting = this.waiting.filter(({ buffer }) => buffer.owner !== gone);
    this.pool.forget(gone);
  }

  check(): void {
    const { statistics } = this.pool;
    expect(statistics).toMatchObject({ hits: this.#hits, total: this.#total, big: this.#big });
    const sum = (buffers: readonly DataBuffer[]) =>
      buffers.reduce((bytes, buffer) => bytes + buffer.bytes.length, 0);
    const waiting = this.waiting.map(({ buffer }) => buffer);
    expect(this.pool.size).toBe(waiting.length);
    expect(statistics.waitingBytes).toBe(sum(waiting));
    expect(statistics.cachedBytes).toBe(sum(waiting) + sum(this.taken));
    const places = [...waiting, ...this.taken, ...this.released];
    expect(new Set(places).size, "no buffer is in two places").toBe(places.length);
    for (const { since } of this.waiting) {
      expect(this.clock.now() - since).toBeLessThan(2 * INTERVAL_MS);
    }
    expect(this.clock.timers).toBeLessThanOrEqual(1);
  }
}

const MEMORY = new Uint8Array(CACHED_MAX);

test.each([
  ["powers of two", 0],
  ["pages", 1],
  ["16 pages each", 16],
])("random steps, %s", (_title, singlePages) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const model = new Model(singlePages);
      for (const each of steps) {
        if (each.act === "take") model.take(each.length, each.owner);
        else if (each.act === "give") model.give(each.which);
        else if (each.act === "time") model.clock.advance(each.ms);
        else if (each.act === "flush") model.pool.flush();
        else model.forget(each.owner);
        model.check();
      }
      while (model.taken.length > 0) model.give(0);
      model.pool.flush();
      model.check();
      expect(model.pool.statistics.cachedBytes).toBe(0);
      // One more look, and the timer is gone as well.
      model.clock.advance(INTERVAL_MS);
      expect(model.clock.timers).toBe(0);
    }),
    { numRuns: 200 },
  );
});
