/** What reaches the host, and when: the log of a host that remembers is the oracle. */
import { describe, expect, test } from "vitest";

import type { MaybePromise } from "../../../../src/sdk/handler.ts";
import { memoryStore, type MemoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import { createQcow2 } from "../../../../src/sdk/storage/qcow2/create.ts";
import type { ImageHost } from "../../../../src/sdk/storage/qcow2/host-file.ts";
import { openQcow2 } from "../../../../src/sdk/storage/qcow2/open-image.ts";

const MIB = 1024 * 1024;
const CLUSTER = 4096;

/** A host whose writes are lost with the power, in any combination, until it is flushed. */
class VolatileHost implements ImageHost {
  readonly name = "volatile";
  readonly readOnly = false;
  readonly memory: MemoryStore;
  readonly log: string[] = [];
  /** What a loss of power may or may not leave. */
  #pending: { offset: number; bytes: Uint8Array }[] = [];
  #durable: Uint8Array = new Uint8Array(0);
  /** Every state of the host at a flush, with what was pending before it. */
  readonly losses: { durable: Uint8Array; pending: { offset: number; bytes: Uint8Array }[] }[] = [];
  later = false;

  constructor() {
    this.memory = memoryStore(0);
  }

  get size(): number {
    return this.memory.size;
  }

  resize(size: number): void {
    this.memory.resize(size);
  }

  read(buffer: Uint8Array, offset: number): MaybePromise<void> {
    this.memory.read(buffer, offset);
    return this.later ? Promise.resolve() : undefined;
  }

  write(buffer: Uint8Array, offset: number, fua: boolean): MaybePromise<void> {
    this.memory.write(buffer, offset);
    this.#pending.push({ offset, bytes: Uint8Array.from(buffer) });
    this.log.push(`write ${offset}+${buffer.length}`);
    if (fua) this.flush();
    return this.later ? Promise.resolve() : undefined;
  }

  flush(): void {
    this.log.push("flush");
    this.losses.push({ durable: this.#durable, pending: this.#pending });
    this.#durable = applied(this.#durable, this.#pending, this.size);
    this.#pending = [];
  }

  close(): void {}
}

function applied(
  bytes: Uint8Array,
  writes: readonly { offset: number; bytes: Uint8Array }[],
  size: number,
): Uint8Array {
  const ends = writes.map((write) => write.offset + write.bytes.length);
  const result = new Uint8Array(Math.max(bytes.length, size, ...ends));
  result.set(bytes);
  for (const write of writes) result.set(write.bytes, write.offset);
  return result;
}

async function newImage() {
  const host = new VolatileHost();
  await createQcow2(host, 4 * MIB, { clusterBytes: CLUSTER });
  const store = await openQcow2(host);
  host.log.length = 0;
  host.losses.length = 0;
  return { host, store };
}

async function open(bytes: Uint8Array) {
  const host = memoryStore(bytes.length);
  host.write(bytes, 0);
  return await openQcow2(host);
}

describe("the order of writes", () => {
  test("no flush for writes; two for the flush after an allocation; one otherwise", async () => {
    const { host, store } = await newImage();
    for (let i = 0; i < 50; i++)
      await store.write(new Uint8Array(CLUSTER).fill(1), i * CLUSTER, false);
    expect(host.log.filter((line) => line === "flush")).toHaveLength(0);
    await store.flush();
    expect(host.log.filter((line) => line === "flush")).toHaveLength(2);
    host.log.length = 0;
    expect(store.write(new Uint8Array(512), 0, false)).toBeUndefined();
    expect(store.flush()).toBeUndefined();
    expect(host.log).toEqual([expect.stringMatching(/^write \d+\+512$/), "flush"]);
    host.log.length = 0;
    expect(store.write(new Uint8Array(512), 0, true)).toBeUndefined();
    expect(host.log).toEqual([expect.stringMatching(/^write /), "flush"]);
    await store.close();
  });

  test("reads and writes in place need no promise, once the tables are in memory", async () => {
    const { store } = await newImage();
    await store.write(new Uint8Array(3 * CLUSTER).fill(7), 0, false);
    const found = new Uint8Array(2 * CLUSTER);
    expect(store.read(found, 100)).toBeUndefined();
    expect(found.every((byte) => byte === 7)).toBe(true);
    expect(store.write(new Uint8Array(10), 5000, false)).toBeUndefined();
    expect(store.read(found, 3 * MIB)).toBeUndefined();
    await store.close();
  });

  test("writes at the same time to one cluster share its place", async () => {
    const { host, store } = await newImage();
    host.later = true;
    const parts = Array.from({ length: 8 }, (_, i) => new Uint8Array(512).fill(i + 1));
    await Promise.all(parts.map(async (part, i) => await store.write(part, i * 512, false)));
    const found = new Uint8Array(CLUSTER);
    await store.read(found, 0);
    for (const [i, part] of parts.entries()) {
      expect(found.subarray(i * 512, i * 512 + 512)).toEqual(part);
    }
    const before = host.size;
    await store.write(new Uint8Array(512), 0, false);
    expect(host.size).toBe(before);
    await store.close();
  });

  // Between two flushes any of the writes may have reached the medium: none, all, each alone, all
  // but each. What was flushed before must be there, and the snapshot is there wholly or not.
  test("a loss of power between any two flushes", async () => {
    const { host, store } = await newImage();
    const states: { flushes: number; fill: number }[] = [{ flushes: 0, fill: 0 }];
    for (let fill = 1; fill <= 6; fill++) {
      await store.write(new Uint8Array(5 * CLUSTER).fill(fill), CLUSTER, false);
      await store.flush();
      states.push({ flushes: host.losses.length, fill });
      if (fill % 2 === 0) await store.createSnapshot(`s${fill}`, 0);
      if (fill === 5) await store.deleteSnapshot("s2");
      await store.trim(2 * CLUSTER, CLUSTER);
      await store.flush();
    }
    await store.close();
    let cases = 0;
    for (const [index, { durable, pending }] of host.losses.entries()) {
      if (durable.length === 0) continue;
      const least = states.findLast(({ flushes }) => flushes <= index)?.fill ?? 0;
      const subsets = [
        [],
        pending,
        ...pending.map((one) => [one]),
        ...pending.map((one) => pending.filter((other) => other !== one)),
      ];
      for (const subset of subsets) {
        cases++;
        const image = await open(applied(durable, subset, host.size));
        const found = new Uint8Array(5 * CLUSTER);
        await image.read(found, CLUSTER);
        const seen = found[4 * CLUSTER] as number;
        // Data may be newer than the flush: it is written in place.
        expect([least, least + 1]).toContain(seen);
        for (const { name } of image.snapshots) {
          const snapshot = await image.openSnapshot(name);
          await snapshot.read(found, CLUSTER);
          expect(found[0]).toBe(Number(name.slice(1)));
          expect(found.subarray(2 * CLUSTER).every((byte) => byte === found[0])).toBe(true);
          await snapshot.close();
        }
        await image.write(new Uint8Array(CLUSTER).fill(99), 0, true);
        await image.close();
      }
    }
    expect(cases).toBeGreaterThan(100);
  });
});
