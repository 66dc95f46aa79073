/**
 * Kills a process in the middle of writes, snapshots, deletions, reverts and clones, again and
 * again: qemu-img finds no error, what was flushed is there, and every snapshot and every clone is
 * what it must be, as we and as qemu read them. `SCST_USER_KILLS` says how often; ten times unless
 * said.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { createQcow2File, qcow2Store } from "../../src/sdk/storage/qcow2/qcow2-file.ts";
import { CLEAN, qemuBytes, qemuCheck } from "../interop/support/qcow2.ts";
import { toolsAreMissing } from "../interop/support/tools.ts";
import { scratchFiles } from "../sdk/storage/scratch-file.ts";
import { BLOCK_BYTES } from "./support/qcow2-blocks.ts";
import { differencesFrom, Qcow2Model } from "./support/qcow2-model.ts";
import { randomFrom } from "./tagged-disk.ts";

const BLOCKS = 2048;
const LINES_MAX = 600;
const KILLS = Number(process.env["SCST_USER_KILLS"] ?? 10);
const newFile = scratchFiles();

/** The number of each block; a block that is a mixture is NaN. */
function numbersIn(bytes: Uint8Array): number[] {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const perBlock = BLOCK_BYTES / 4;
  return Array.from({ length: BLOCKS }, (_, block) => {
    const part = words.subarray(block * perBlock, (block + 1) * perBlock);
    const first = part[0] as number;
    return part.every((word) => word === first) ? first : Number.NaN;
  });
}

/** As our store has it, which repairs it where it opens it. */
async function settle(path: string, expected: Qcow2Model, where: object): Promise<void> {
  const store = await qcow2Store(path);
  const bytes = Buffer.alloc(store.size);
  await store.read(bytes, 0);
  const found = numbersIn(bytes);
  expect({ ...where, wrong: expected.wrong(found) }).toEqual({ ...where, wrong: [] });
  const names = store.snapshots.map(({ name }) => name);
  expect({ ...where, names: expected.wrongNames(names) }).toEqual({ ...where, names: [] });
  expected.settle(found, names);
  for (const [name, contents] of expected.snapshots) {
    const snapshot = await store.openSnapshot(name);
    await snapshot.read(bytes, 0);
    const wrong = differencesFrom(contents, numbersIn(bytes));
    expect({ ...where, name, wrong }).toEqual({ ...where, name, wrong: [] });
    await snapshot.close();
  }
  await store.close();
  expect({ ...where, ...(await qemuCheck(path)) }).toEqual({ ...where, ...CLEAN });
  expect({ ...where, qemu: differencesFrom(new Map(found.entries()), await byQemu(path)) }).toEqual(
    {
      ...where,
      qemu: [],
    },
  );
}

async function byQemu(path: string): Promise<number[]> {
  return numbersIn(new Uint8Array(await qemuBytes(path)));
}

async function checkClone(path: string, expected: Qcow2Model, where: object): Promise<boolean> {
  const { clone } = expected;
  if (clone === undefined) return false;
  expect({ ...where, ...(await qemuCheck(path)) }).toEqual({ ...where, ...CLEAN });
  const wrong = differencesFrom(clone, await byQemu(path));
  expect({ ...where, path, wrong }).toEqual({ ...where, path, wrong: [] });
  return true;
}

async function runUntilKilled(path: string, seed: number, expected: Qcow2Model, lines: number) {
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
      const expected = new Qcow2Model();
      let clones = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        await runUntilKilled(path, random(2 ** 31), expected, 1 + random(LINES_MAX));
        const where = { seed, kill };
        const { errors } = await qemuCheck(path);
        expect({ ...where, errors }).toEqual({ ...where, errors: 0 });
        if (await checkClone(`${path}.clone`, expected, where)) clones++;
        rmSync(`${path}.clone`, { force: true });
        await settle(path, expected, where);
      }
      // Else the clones are never looked at.
      if (KILLS >= 10) expect(clones).toBeGreaterThan(0);
    },
    // A kill takes four seconds; on a machine with much else to do, fifty have been seen.
    60_000 + KILLS * 60_000,
  );
});
