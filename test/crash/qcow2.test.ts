/**
 * Kills a process in the middle of writes, snapshots and deletions, again and again: qemu-img finds
 * no error, what was flushed is there, and every snapshot is what it was. `SCST_USER_KILLS` says
 * how often; ten times unless said.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import type { BlockStore } from "../../src/sdk/storage/block-store.ts";
import { createQcow2File, qcow2Store } from "../../src/sdk/storage/qcow2/qcow2-file.ts";
import { CLEAN, qemuCheck } from "../interop/support/qcow2.ts";
import { toolsAreMissing } from "../interop/support/tools.ts";
import { scratchFiles } from "../sdk/storage/scratch-file.ts";
import { BLOCK_BYTES } from "./support/qcow2-blocks.ts";
import { randomFrom } from "./tagged-disk.ts";

const BLOCKS = 2048;
const LINES_MAX = 600;
const KILLS = Number(process.env["SCST_USER_KILLS"] ?? 10);
const newFile = scratchFiles();

/** What each block can be: the last durable number, and those written since. */
class Expected {
  readonly #durable = new Map<number, number>();
  #since: { block: number; number: number }[] = [];
  /** Contents when they were taken; those that may be there or not have none. */
  readonly snapshots = new Map<string, Map<number, number> | undefined>();
  readonly #doubtful = new Set<string>();
  last = 0;

  read(line: string): void {
    const [what, a = "", b = ""] = line.split(" ");
    if (what === "w") {
      this.#since.push({ block: Number(a), number: Number(b) });
      this.last = Math.max(this.last, Number(b));
    } else if (what === "F") {
      for (const { block, number } of this.#since) this.#durable.set(block, number);
      this.#since = [];
    } else if (what === "S") {
      this.#doubtful.delete(a);
      this.snapshots.set(a, undefined);
    } else if (what === "s" || what === "d") {
      this.#doubtful.add(a);
    } else if (what === "D") {
      this.#doubtful.delete(a);
      this.snapshots.delete(a);
    }
  }

  isPossible(block: number, number: number): boolean {
    if ((this.#durable.get(block) ?? 0) === number) return true;
    return this.#since.some((one) => one.block === block && one.number === number);
  }

  /** What was found is what is there from now on. */
  settle(found: readonly number[], names: readonly string[]): void {
    for (const [block, number] of found.entries()) this.#durable.set(block, number);
    this.#since = [];
    for (const name of this.#doubtful) {
      if (names.includes(name)) this.snapshots.set(name, this.snapshots.get(name));
      else this.snapshots.delete(name);
    }
    this.#doubtful.clear();
  }
}

/** The number of each block; a block that is a mixture is NaN. */
async function numbersOf(store: BlockStore): Promise<number[]> {
  const words = new Uint32Array(store.size / 4);
  await store.read(new Uint8Array(words.buffer), 0);
  const perBlock = BLOCK_BYTES / 4;
  return Array.from({ length: BLOCKS }, (_, block) => {
    const part = words.subarray(block * perBlock, (block + 1) * perBlock);
    const first = part[0] as number;
    return part.every((word) => word === first) ? first : Number.NaN;
  });
}

async function runUntilKilled(path: string, seed: number, expected: Expected, lines: number) {
  const program = join(import.meta.dirname, "qcow2-child.ts");
  const flags = ["--import", "tsx", "--conditions=source", program];
  const child = spawn(process.execPath, [...flags, path, String(seed), String(expected.last + 1)]);
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  let left = lines;
  let rest = "";
  for await (const chunk of child.stdout) {
    const [...whole] = (rest + String(chunk)).split("\n");
    rest = whole.pop() as string;
    for (const line of whole) expected.read(line);
    left -= whole.length;
    if (left <= 0) child.kill("SIGKILL");
  }
  if (left > 0) throw new Error(`the child ended: ${errors}`);
}

describe.skipIf(toolsAreMissing("qemu-img"))("killed in the middle", () => {
  test(
    "an image is whole",
    async () => {
      const seed = Number(process.env["SCST_USER_SEED"] ?? Date.now() % 1_000_000);
      const random = randomFrom(seed);
      const path = `${newFile(0)}.qcow2`;
      await createQcow2File(path, BLOCKS * BLOCK_BYTES, { clusterBytes: 4096 });
      const expected = new Expected();
      const kept = new Map<string, number[]>();
      for (let kill = 0; kill < KILLS; kill++) {
        await runUntilKilled(path, random(2 ** 31), expected, 1 + random(LINES_MAX));
        const where = { seed, kill };
        expect({ ...where, ...(await qemuCheck(path)) }).toMatchObject({ ...where, errors: 0 });
        const store = await qcow2Store(path);
        const found = await numbersOf(store);
        const wrong = found.flatMap((number, block) =>
          expected.isPossible(block, number) ? [] : [{ block, number }],
        );
        expect({ ...where, wrong }).toEqual({ ...where, wrong: [] });
        const names = store.snapshots.map(({ name }) => name);
        expected.settle(found, names);
        expect({ ...where, names: [...expected.snapshots.keys()].sort() }).toEqual({
          ...where,
          names: names.toSorted(),
        });
        for (const name of names) {
          const snapshot = await store.openSnapshot(name);
          const numbers = await numbersOf(snapshot);
          expect(numbers).toEqual(kept.get(name) ?? numbers);
          kept.set(name, numbers);
          await snapshot.close();
        }
        await store.close();
        expect({ ...where, ...(await qemuCheck(path)) }).toEqual({ ...where, ...CLEAN });
      }
    },
    60_000 + KILLS * 10_000,
  );
});
