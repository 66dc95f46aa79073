/** What initiators hear of snapshots that come and go as LUNs. */
import { expect, test } from "vitest";

import { SnapshotServer } from "../../../examples/snapshot-disk/server.ts";
import { createQcow2File, qcow2Store } from "../../../src/sdk/index.ts";
import { IscsiClient } from "../../support/iscsi-client.ts";
import { scratchFiles } from "../../sdk/storage/scratch-file.ts";
import { senseText } from "../../support/bench.ts";
import { reportLuns, testUnitReady } from "../../support/cdbs.ts";

const newFile = scratchFiles();

/** REPORTED LUNS DATA HAS CHANGED. */
const LUNS_CHANGED = "6/3F/0E";

test("a snapshot that comes or goes is a unit attention, and a LUN more or less", async () => {
  const file = `${newFile(0)}.qcow2`;
  await createQcow2File(file, 1024 * 1024);
  const store = await qcow2Store(file);
  const iscsi = { host: "127.0.0.1", port: 0 };
  const options = { file, iscsi, nbd: undefined, kernel: undefined, keyFile: undefined };
  const server = new SnapshotServer(options, store, () => undefined);
  const [url = ""] = await server.start();
  const client = await IscsiClient.open(url);
  const senses = async () => {
    const answers = [await client.execute(testUnitReady()), await client.execute(testUnitReady())];
    return answers.map(({ sense }) => senseText(sense));
  };
  const luns = async () => {
    const { data } = await client.execute(reportLuns(256), undefined, 256);
    const { length } = data;
    const count = new DataView(data.buffer).getUint32(0) / 8;
    return Array.from({ length: Math.min(count, length / 8 - 1) }, (_, i) => data[8 + i * 8 + 1]);
  };
  expect([await senses(), await luns()]).toEqual([["", ""], [0]]);
  await server.perform({ command: "snap", name: "a" });
  await server.perform({ command: "export", name: "a" });
  expect([await senses(), await luns()]).toEqual([
    [LUNS_CHANGED, ""],
    [0, 1],
  ]);
  await server.perform({ command: "unexport", name: "a" });
  expect([await senses(), await luns()]).toEqual([[LUNS_CHANGED, ""], [0]]);
  client.close();
  await server.stop();
});
