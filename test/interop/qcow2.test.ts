/** qemu is the referee: what it says of our images, and what we read of its images. */
import { rmSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createQcow2File, qcow2Store } from "../../src/sdk/storage/qcow2/qcow2-file.ts";
import type { BlockStore } from "../../src/sdk/storage/block-store.ts";
import { scratchFiles } from "../sdk/storage/scratch-file.ts";
import { CLEAN, qemuBytes, qemuCheck } from "./support/qcow2.ts";
import { runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const newFile = scratchFiles();
const SIZE = 2 * 1024 * 1024;

async function contents(store: BlockStore): Promise<Buffer> {
  const bytes = Buffer.alloc(store.size);
  await store.read(bytes, 0);
  return bytes;
}

const offset = fc.integer({ min: 0, max: SIZE / 512 - 1 }).map((block) => block * 512);
const length = fc.oneof(
  fc.constantFrom(512, 4096, 65_536),
  fc.integer({ min: 1, max: 700 }).map((blocks) => blocks * 512),
);
const name = fc.constantFrom("a", "b", "c");
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("write"), offset, length, fua: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("trim"), offset, length }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("zero"), offset, length, mayTrim: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("snap"), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete"), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revert"), name }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The image and what it must be, changed together. */
class Pair {
  readonly path: string;
  store!: Awaited<ReturnType<typeof qcow2Store>>;
  disk = Buffer.alloc(SIZE);
  readonly snapshots = new Map<string, Buffer>();
  #fill = 0;

  constructor(path: string) {
    this.path = path;
  }

  async open(): Promise<void> {
    this.store = await qcow2Store(this.path, { l2CacheBytesMax: 1, refcountCacheBytesMax: 1 });
  }

  /** All at the same time: they must not touch the same bytes. */
  async change(steps: readonly Step[]): Promise<void> {
    await Promise.all(steps.map(async (one) => await this.#do(one)));
  }

  async #do(one: Step): Promise<void> {
    const { store } = this;
    if ("offset" in one) {
      const end = Math.min(SIZE, one.offset + one.length);
      const count = end - one.offset;
      if (one.kind === "write") {
        const fill = 1 + (this.#fill++ % 255);
        this.disk.fill(fill, one.offset, end);
        const bytes = new Uint8Array(count).fill(fill);
        return await store.write(bytes, one.offset, "fua" in one && one.fua);
      }
      this.disk.fill(0, one.offset, end);
      if (one.kind === "trim") return await store.trim(one.offset, count);
      const mayTrim = "mayTrim" in one && one.mayTrim;
      return await store.writeZeroes(one.offset, count, { mayTrim, fua: false });
    }
    if (one.kind === "flush") return await store.flush();
    if (one.kind === "reopen") {
      await store.close();
      return await this.open();
    }
    if (!("name" in one)) return undefined;
    return await this.#snapshot(one.kind, one.name);
  }

  async #snapshot(kind: string, snapshot: string): Promise<void> {
    const there = this.snapshots.get(snapshot);
    if (kind === "snap" && there === undefined) {
      await this.store.createSnapshot(snapshot, 1_700_000_000_000);
      this.snapshots.set(snapshot, Buffer.from(this.disk));
    } else if (kind === "delete" && there !== undefined) {
      await this.store.deleteSnapshot(snapshot);
      this.snapshots.delete(snapshot);
    } else if (kind === "revert" && there !== undefined) {
      await this.store.revertTo(snapshot);
      this.disk = Buffer.from(there);
    }
  }

  async expectSame(): Promise<void> {
    expect((await contents(this.store)).equals(this.disk)).toBe(true);
    for (const [snapshot, bytes] of this.snapshots) {
      const store = await this.store.openSnapshot(snapshot);
      expect((await contents(store)).equals(bytes)).toBe(true);
      await store.close();
    }
  }

  async expectSameToQemu(): Promise<void> {
    expect(await qemuCheck(this.path)).toEqual(CLEAN);
    expect((await qemuBytes(this.path)).equals(this.disk)).toBe(true);
    for (const [snapshot, bytes] of this.snapshots) {
      expect((await qemuBytes(this.path, snapshot)).equals(bytes)).toBe(true);
    }
  }
}

describe.skipIf(toolsAreMissing("qemu-img"))("qcow2", () => {
  test.each([
    [4096, 16],
    [4096, 64],
    [65_536, 16],
    [65_536, 4],
  ])("whatever is done to it, clusters of %i, refcounts of %i bits", async (clusterBytes, bits) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const pair = new Pair(`${newFile(0)}.qcow2`);
        await createQcow2File(pair.path, SIZE, { clusterBytes, refcountBits: bits });
        await pair.open();
        for (const one of steps) await pair.change([one]);
        await pair.expectSame();
        await pair.store.close();
        await pair.expectSameToQemu();
        rmSync(pair.path);
        rmSync(`${pair.path}.raw`);
      }),
      { numRuns: Number(process.env["SCST_USER_RUNS"] ?? 15) },
    );
  });

  test("100 snapshots deep", async () => {
    const pair = new Pair(`${newFile(0)}.qcow2`);
    await createQcow2File(pair.path, SIZE, { clusterBytes: 4096 });
    await pair.open();
    for (let i = 0; i < 100; i++) {
      const at = ((i * 37) % 500) * 4096;
      await pair.change([{ kind: "write", offset: at, length: 9000 - (9000 % 512), fua: false }]);
      await pair.store.createSnapshot(`s${i}`, 0);
      pair.snapshots.set(`s${i}`, Buffer.from(pair.disk));
    }
    await pair.expectSame();
    for (let i = 1; i < 100; i += 2) {
      await pair.store.deleteSnapshot(`s${i}`);
      pair.snapshots.delete(`s${i}`);
    }
    await pair.expectSame();
    await pair.store.revertTo("s40");
    pair.disk = Buffer.from(pair.snapshots.get("s40") as Buffer);
    await pair.store.close();
    for (let i = 0; i < 96; i += 2) pair.snapshots.delete(`s${i}`);
    await pair.expectSameToQemu();
  });

  test.each([
    ["cluster_size=4k"],
    ["cluster_size=512"],
    ["cluster_size=2M"],
    ["cluster_size=64k,refcount_bits=1"],
    ["cluster_size=64k,refcount_bits=64"],
    ["cluster_size=64k,lazy_refcounts=on"],
    ["cluster_size=64k,preallocation=metadata"],
    ["cluster_size=64k,preallocation=full"],
  ])("made by qemu-img, written by both: %s", async (options) => {
    const pair = new Pair(`${newFile(0)}.qcow2`);
    await runOk("qemu-img", ["create", "-f", "qcow2", "-o", options, pair.path, String(SIZE)]);
    const io = async (command: string) => await runOk("qemu-io", ["-c", command, pair.path]);
    await io("write -P 7 70000 300000");
    pair.disk.fill(7, 70_000, 370_000);
    await pair.open();
    await pair.expectSame();
    await pair.change([
      { kind: "write", offset: 65_536, length: 200_704, fua: true },
      { kind: "trim", offset: 327_680, length: 30_208 },
      { kind: "write", offset: SIZE - 1024, length: 1024, fua: false },
    ]);
    await pair.expectSame();
    await pair.store.close();
    await pair.expectSameToQemu();
    await io("write -P 9 0 100000");
    pair.disk.fill(9, 0, 100_000);
    await pair.expectSameToQemu();
    await pair.open();
    await pair.expectSame();
    await pair.store.close();
  });

  test("snapshots that qemu-img made, and ours for qemu-img", async () => {
    const pair = new Pair(`${newFile(0)}.qcow2`);
    await runOk("qemu-img", ["create", "-f", "qcow2", pair.path, String(SIZE)]);
    await runOk("qemu-io", ["-c", "write -P 1 0 500000", pair.path]);
    pair.disk.fill(1, 0, 500_000);
    await runOk("qemu-img", ["snapshot", "-c", "theirs", pair.path]);
    pair.snapshots.set("theirs", Buffer.from(pair.disk));
    await pair.open();
    await pair.change([{ kind: "write", offset: 100_352, length: 512, fua: false }]);
    await pair.store.createSnapshot("ours", 0);
    pair.snapshots.set("ours", Buffer.from(pair.disk));
    await pair.change([{ kind: "trim", offset: 0, length: SIZE }]);
    await pair.expectSame();
    await pair.store.close();
    await pair.expectSameToQemu();
    await runOk("qemu-img", ["snapshot", "-a", "ours", pair.path]);
    pair.disk = Buffer.from(pair.snapshots.get("ours") as Buffer);
    await runOk("qemu-img", ["snapshot", "-d", "ours", pair.path]);
    pair.snapshots.delete("ours");
    await pair.open();
    await pair.store.deleteSnapshot("theirs");
    pair.snapshots.delete("theirs");
    await pair.expectSame();
    await pair.store.close();
    await pair.expectSameToQemu();
  });

  test("compressed clusters are read, kept by snapshots, and written over", async () => {
    const source = newFile(SIZE);
    await runOk("qemu-io", [
      "-f",
      "raw",
      "-c",
      "write -P 5 0 1M",
      "-c",
      "write -P 6 1M 1M",
      source,
    ]);
    const pair = new Pair(`${newFile(0)}.qcow2`);
    await runOk("qemu-img", ["convert", "-c", "-f", "raw", "-O", "qcow2", source, pair.path]);
    pair.disk.fill(5, 0, SIZE / 2).fill(6, SIZE / 2);
    await pair.open();
    await pair.expectSame();
    await pair.change([{ kind: "snap", name: "a" }]);
    await pair.change([{ kind: "write", offset: 100 * 512, length: 70_144, fua: false }]);
    await pair.change([{ kind: "trim", offset: SIZE / 2, length: SIZE / 4 }]);
    await pair.expectSame();
    await pair.store.close();
    await pair.expectSameToQemu();
    await pair.open();
    await pair.change([{ kind: "delete", name: "a" }]);
    await pair.store.close();
    await pair.expectSameToQemu();
  });

  test.each(["raw", "qcow2"])("a backing file, %s", async (format) => {
    const base = `${newFile(0)}.base`;
    await runOk("qemu-img", ["create", "-f", format, base, String(SIZE / 2)]);
    await runOk("qemu-io", ["-f", format, "-c", "write -P 3 0 900000", base]);
    for (const maker of ["qemu", "ours"]) {
      const pair = new Pair(`${newFile(0)}.qcow2`);
      const words = ["create", "-f", "qcow2", "-b", base, "-F", format, pair.path, String(SIZE)];
      if (maker === "qemu") await runOk("qemu-img", words);
      else await createQcow2File(pair.path, SIZE, { backing: { file: base, format } });
      pair.disk.fill(3, 0, 900_000 - (900_000 % 512)).fill(3, 0, 900_000);
      await pair.open();
      await pair.expectSame();
      await pair.change([
        { kind: "write", offset: 1024, length: 512, fua: false },
        { kind: "trim", offset: 131_072, length: 131_072 },
        { kind: "zero", offset: 524_800, length: 70_144, mayTrim: false },
        { kind: "write", offset: SIZE / 2 - 512, length: 1024, fua: true },
      ]);
      await pair.expectSame();
      await pair.store.close();
      await pair.expectSameToQemu();
    }
  });

  test("a lazy image that was not closed is repaired", async () => {
    const pair = new Pair(`${newFile(0)}.qcow2`);
    const words = ["-o", "lazy_refcounts=on", pair.path, String(SIZE)];
    await runOk("qemu-img", ["create", "-f", "qcow2", ...words]);
    // abort leaves the refcounts as they were, and the dirty bit set.
    await runOk("qemu-io", [
      "-c",
      "write -P 8 0 1M",
      "-c",
      "flush",
      "-c",
      "abort",
      pair.path,
    ]).catch(() => undefined);
    pair.disk.fill(8, 0, SIZE / 2);
    expect((await qemuCheck(pair.path)).errors).toBeGreaterThan(0);
    await pair.open();
    await pair.expectSame();
    await pair.change([{ kind: "write", offset: SIZE / 2, length: 4096, fua: false }]);
    await pair.store.close();
    await pair.expectSameToQemu();
  });
});
