/**
 * Kills a server in the middle of writes, again and again: what was acknowledged is there when it
 * runs again. `SCST_USER_KILLS` says how often, in all; a few times unless said.
 */
import { describe, expect, test } from "vitest";

import { FileioTgt } from "../interop/support/fileio-tgt.ts";
import { Images, MIB } from "../interop/support/images.ts";
import { directFolder } from "../sdk/storage/direct-folder.ts";
import { IscsiClient } from "../support/iscsi-client.ts";
import { randomFrom, SECTOR_BYTES, TaggedDisk } from "./tagged-disk.ts";

const SIZE = 8 * MIB;
const DEPTH = 16;
/** So many answers come at most before the server is killed. */
const ANSWERS_MAX = 400;

const MODES: readonly (readonly [name: string, ...options: string[]])[] = [
  ["buffered"],
  ["write-through", "-t"],
  ...(directFolder() === undefined
    ? []
    : ([
        ["direct", "-o"],
        ["direct, write-through", "-o", "-t"],
      ] as const)),
];
const kills = Number(process.env["SCST_USER_KILLS"] ?? 8);
const KILLS_PER_MODE = Math.ceil(kills / MODES.length);

/** Writes until the server is killed, which is at a moment that `random` chooses. */
async function writeUntilKilled(
  server: FileioTgt,
  client: IscsiClient,
  disk: TaggedDisk,
  random: (below: number) => number,
): Promise<void> {
  let left = 1 + random(ANSWERS_MAX);
  let problem: unknown;
  let over: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  const worker = async () => {
    try {
      while (left > 0) {
        await disk.step(client);
        left--;
      }
    } catch (error) {
      problem = error;
    }
    over();
  };
  // Those whose answer never comes wait for ever, and nobody for them.
  for (let i = 0; i < DEPTH; i++) void worker();
  await ended;
  await server.kill();
  client.close();
  expect(problem).toBeUndefined();
}

describe("killed in the middle of writes", () => {
  test.each(MODES)(
    "fileio_tgt: %s",
    async (_name, ...options) => {
      const seed = Number(process.env["SCST_USER_SEED"] ?? Date.now() % 1_000_000);
      const random = randomFrom(seed);
      const disk = new TaggedDisk(SIZE / SECTOR_BYTES, random);
      await using images = await Images.open();
      const path = await images.sparse("disk.img", SIZE);
      for (let kill = 0; kill <= KILLS_PER_MODE; kill++) {
        const server = await FileioTgt.start([{ name: "disk", path }], { options });
        try {
          const client = await IscsiClient.open(server.urls[0] as string);
          const problems = await disk.check(client);
          expect({ seed, kill, problems }).toEqual({ seed, kill, problems: [] });
          if (kill < KILLS_PER_MODE) await writeUntilKilled(server, client, disk, random);
          else client.close();
        } finally {
          await server.kill();
        }
      }
    },
    60_000 + KILLS_PER_MODE * 10_000,
  );
});
