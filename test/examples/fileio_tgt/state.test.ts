/** What initiators have saved with `--state_dir` is there when the program runs again. */
import { join } from "node:path";

import { expect, test } from "vitest";

import { IscsiClient } from "../../support/iscsi-client.ts";
import { FileioTgt } from "../../interop/support/fileio-tgt.ts";
import { Images, MIB } from "../../interop/support/images.ts";

/** MODE SELECT(6), PF and SP; the Caching page with WCE 0. */
const SAVE_CACHING = [0x15, 0x11, 0, 0, 24, 0];
const WCE_OFF = Buffer.from(
  "00000000 0812 0000 ffff 0000 ffff ffff 0000 0000 00000000".replaceAll(" ", ""),
  "hex",
);
/** MODE SENSE(6), DBD, current values of the Caching page. */
const CACHING = [0x1a, 0x08, 0x08, 0, 24, 0];

test("mode pages stay over a restart", { timeout: 60_000 }, async () => {
  await using images = await Images.open();
  const path = await images.sparse("disk.img", MIB);
  const options = ["--state_dir", join(path, "../state")];
  const disks = [{ name: "a:b", path }];
  const start = () => FileioTgt.start(disks, { options });

  await using first = await start();
  const before = await IscsiClient.open(first.urls[0] ?? "");
  expect((await before.execute(CACHING, undefined, 24)).data[6]).toBe(0x04);
  expect((await before.execute(SAVE_CACHING, WCE_OFF)).status).toBe(0);
  before.close();
  expect(await first.stop()).toMatchObject({ code: 0, stderr: "" });

  await using second = await start();
  const after = await IscsiClient.open(second.urls[0] ?? "");
  expect((await after.execute(CACHING, undefined, 24)).data[6]).toBe(0);
  after.close();
});
