/**
 * Kills the server of a tape library in the middle of a backup, again and again: what a filemark
 * acknowledged is there when it runs again, the end of data is found, and the next backup goes on.
 * `SCST_USER_KILLS` says how often; a few times unless said.
 */
import { expect, test } from "vitest";

import { Images } from "../interop/support/images.ts";
import { serveLibrary, vtl } from "../interop/support/vtl.ts";
import type { ServerProgram } from "../interop/support/server-program.ts";
import { BackupTape } from "./backup-tape.ts";
import { IscsiClient } from "../support/iscsi-client.ts";
import { randomFrom } from "./tagged-disk.ts";

/** So many commands are under way. */
const DEPTH = 4;
const ANSWERS_MAX = 300;
/** Between the last answer that is waited for and the kill: turns of the event loop. */
const TURNS_MAX = 20;
/** Mostly the end of the tape is read; every so often all of it. */
const READ_OBJECTS = 500;
const READ_ALL_EVERY = 20;
const kills = Number(process.env["SCST_USER_KILLS"] ?? 4);

/** Writes until the server is killed, which is at a moment that `random` chooses. */
async function writeUntilKilled(
  server: ServerProgram,
  client: IscsiClient,
  tape: BackupTape,
  random: (below: number) => number,
): Promise<void> {
  let left = 1 + random(ANSWERS_MAX);
  let problem: unknown;
  await new Promise<void>((over) => {
    const worker = async () => {
      try {
        while (left > 0) {
          await tape.step(client);
          left--;
        }
      } catch (error) {
        problem = error;
      }
      over();
    };
    // Those whose answer never comes wait for ever, and nobody for them.
    for (let i = 0; i < DEPTH; i++) void worker();
  });
  for (let turns = random(TURNS_MAX); turns > 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await server.kill();
  client.close();
  expect(problem).toBeUndefined();
}

test(
  "a tape whose server is killed while a backup is written",
  { timeout: 60_000 + kills * 10_000 },
  async () => {
    const seed = Number(process.env["SCST_USER_SEED"] ?? Date.now() % 1_000_000);
    const random = randomFrom(seed);
    const tape = new BackupTape(random);
    await using images = await Images.open();
    const folder = images.path("library");
    const create = ["--library", "autoloader", "--barcodes", "TST001L8", "--capacity", "100G"];
    await vtl(["create", folder, ...create]);
    await vtl(["load", folder, "TST001L8"]);
    for (let kill = 0; kill <= kills; kill++) {
      await using server = await serveLibrary(folder);
      const client = await IscsiClient.open(server.urls[1] as string);
      const all = kill % READ_ALL_EVERY === 0 || kill === kills;
      const problems = await tape.check(client, all ? 0 : tape.length - READ_OBJECTS);
      expect({ seed, kill, problems }).toEqual({ seed, kill, problems: [] });
      if (kill === kills) {
        client.close();
        break;
      }
      await tape.begin(client);
      await writeUntilKilled(server, client, tape, random);
    }
  },
);
