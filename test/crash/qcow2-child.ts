/**
 * Writes to an image until it is killed. Each line on stdout is a promise: what it says is durable.
 * The disk is blocks of 4 KiB, each filled with the number that was last written to it.
 *
 *     w BLOCK NUMBER   about to be written      F   all of that is durable
 *     s NAME           about to be kept         S NAME   it is kept
 *     d NAME           about to be deleted      D NAME   it is deleted
 *     r NAME           about to be what it was  R NAME   it is that
 *     c NAME           about to be cloned       C NAME   it is cloned, to PATH.clone
 */
import { rmSync, writeSync } from "node:fs";

import { perform } from "../../examples/snapshot-disk/operations.ts";
import { qcow2Store } from "../../src/sdk/storage/qcow2/qcow2-file.ts";
import { BLOCK_BYTES, fillBlock } from "./support/qcow2-blocks.ts";

const [path = "", seedText = "1", firstText = "1"] = process.argv.slice(2);
let state = Number(seedText);
let number = Number(firstText);

/** The LCG of Numerical Recipes. */
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const store = await qcow2Store(path, { l2CacheBytesMax: 1 });
const blocks = store.size / BLOCK_BYTES;
/** The snapshot that is being cloned, while everything else goes on. */
let cloning: string | undefined;

async function writeSome(): Promise<void> {
  // Of two that overlap in time and in range, either may be the last.
  const chosen = new Set(Array.from({ length: 1 + random(12) }, () => random(blocks)));
  const writes = [...chosen].map(async (block) => {
    number++;
    if (random(8) === 0) {
      say(`w ${block} 0`);
      return await store.trim(block * BLOCK_BYTES, BLOCK_BYTES);
    }
    say(`w ${block} ${number}`);
    return await store.write(fillBlock(number), block * BLOCK_BYTES, false);
  });
  await Promise.all(writes);
}

function anySnapshot(): string | undefined {
  return store.snapshots[random(Math.max(1, store.snapshots.length))]?.name;
}

async function clone(name: string): Promise<void> {
  cloning = name;
  say(`c ${name}`);
  rmSync(`${path}.clone`, { force: true });
  await perform(store, { command: "clone", to: `${path}.clone`, snapshot: name });
  say(`C ${name}`);
  cloning = undefined;
}

async function step(): Promise<void> {
  const what = random(12);
  const name = anySnapshot();
  if (what < 2) {
    const added = `s${number}`;
    say(`s ${added}`);
    await store.createSnapshot(added, 0);
    say(`S ${added}`);
  } else if (what < 4 && name !== undefined && name !== cloning && store.snapshots.length > 3) {
    say(`d ${name}`);
    await store.deleteSnapshot(name);
    say(`D ${name}`);
  } else if (what === 4 && name !== undefined) {
    say(`r ${name}`);
    await store.revertTo(name);
    say(`R ${name}`);
  } else if (what === 5 && name !== undefined && cloning === undefined) {
    void clone(name);
  } else {
    await store.flush();
    say("F");
  }
}

say("ready");
for (;;) {
  await writeSome();
  await step();
}
