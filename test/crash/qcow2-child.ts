/**
 * Writes to an image until it is killed. Each line on stdout is a promise: what it says is durable.
 * The disk is blocks of 4 KiB, each filled with the number that was last written to it.
 *
 *     w BLOCK NUMBER   about to be written      F   all of that is durable
 *     s NAME           about to be kept         S NAME   it is kept
 *     d NAME           about to be deleted      D NAME   it is deleted
 */
import { writeSync } from "node:fs";

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
say("ready");
for (;;) {
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
  const what = random(6);
  if (what === 0) {
    const name = `s${number}`;
    say(`s ${name}`);
    await store.createSnapshot(name, 0);
    say("F");
    say(`S ${name}`);
  } else if (what === 1 && store.snapshots.length > 3) {
    const { name } = store.snapshots[random(store.snapshots.length)] as { name: string };
    say(`d ${name}`);
    await store.deleteSnapshot(name);
    say(`D ${name}`);
  } else {
    await store.flush();
    say("F");
  }
}
