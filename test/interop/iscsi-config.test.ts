/** `fileio_tgt --config` with an iSCSI server of its own, as real initiators see it. */
import { chmod, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileioTgt } from "./support/fileio-tgt.ts";
import { Images, MIB } from "./support/images.ts";
import { run, runOk } from "./support/run.ts";
import { toolsAreMissing } from "./support/tools.ts";

const BIG = 32 * MIB;
const SMALL = 8 * MIB;
const OPEN = "iqn.2026-01.org.example:open";
const CLOSED = "iqn.2026-01.org.example:closed";
const ALICE = "iqn.2026-01.org.example.host:alice";
const BACKUP = "iqn.2026-01.org.example.host:backup1";
const SECRETS = {
  alice: "alice-has-a-secret",
  disk: "the-disk-has-another",
  finder: "this-is-for-finding",
};
const CREDENTIALS = `alice%${SECRETS.alice}@`;

const TOOLS = [
  "iscsi-ls",
  "iscsi-inq",
  "iscsi-readcapacity16",
  "qemu-img",
  "qemu-io",
  "qemu-iscsi",
] as const;

describe.skipIf(toolsAreMissing(...TOOLS))("a configuration file", () => {
  let images: Images;
  let server: FileioTgt;
  /** Where it listens: two portals. */
  let portals: string[];

  beforeAll(async () => {
    images = await Images.open();
    for (const [name, secret] of Object.entries(SECRETS)) {
      await writeFile(images.path(name), `${secret}\n`);
      await chmod(images.path(name), 0o600);
    }
    const config = {
      devices: [
        { name: "big", path: await images.sparse("big.img", BIG) },
        { name: "small", path: await images.sparse("small.img", SMALL) },
      ],
      iscsi: {
        portals: [
          { host: "127.0.0.1", port: 0 },
          { host: "127.0.0.2", port: 0, portalGroupTag: 2 },
        ],
        chap: {
          users: [{ name: "alice", secretFile: "alice", initiators: ["*:alice"] }],
          mutual: { name: "disk", secretFile: "disk" },
        },
        discoveryChap: { users: [{ name: "finder", secretFile: "finder" }] },
        targets: [
          {
            iqn: OPEN,
            chap: false,
            luns: [{ lun: 0, device: "big" }],
            groups: [
              { name: "backup", initiators: ["*:backup*"], luns: [{ lun: 0, device: "small" }] },
            ],
          },
          {
            iqn: CLOSED,
            luns: [{ lun: 3, device: "small" }],
            access: { initiators: ["*:alice", "*:mallory"], portals: ["127.0.0.2"] },
          },
        ],
      },
    };
    await writeFile(images.path("fileio.json"), JSON.stringify(config));
    server = await FileioTgt.startConfig(images.path("fileio.json"), 4);
    portals = [...new Set(server.urls.map((url) => new URL(url).host))];
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await images[Symbol.asyncDispose]();
  });

  /** `iscsi://` the portal, and the target with its LUN. */
  const url = (portal: number, target: string, credentials = "") =>
    `iscsi://${credentials}${portals[portal]}/${target}`;

  const capacity = async (initiator: string, of: string) =>
    Number(
      /^Total size:(\d+)$/m.exec(await runOk("iscsi-readcapacity16", ["-i", initiator, of]))?.[1],
    );

  test("discovery, with its own user, finds what the initiator may use, and where", async () => {
    const [first, second] = portals;
    const finder = `iscsi://finder%${SECRETS.finder}@${first}`;
    const ofAlice = await runOk("iscsi-ls", ["-i", ALICE, finder]);
    expect(ofAlice.trim().split("\n").toSorted()).toEqual([
      `Target:${CLOSED} Portal:${second},2`,
      `Target:${OPEN} Portal:${first},1`,
      `Target:${OPEN} Portal:${second},2`,
    ]);
    expect(await runOk("iscsi-ls", ["-i", BACKUP, finder])).not.toContain(CLOSED);
    expect((await run("iscsi-ls", [`iscsi://${CREDENTIALS}${first}`])).code).not.toBe(0);
  });

  test("an initiator has the LUNs of its group", async () => {
    expect(await capacity(ALICE, url(0, `${OPEN}/0`))).toBe(BIG);
    expect(await capacity(BACKUP, url(0, `${OPEN}/0`))).toBe(SMALL);
  });

  test("CHAP and access are those of the target", async () => {
    const own = url(1, `${CLOSED}/3`, CREDENTIALS);
    expect(await capacity(ALICE, own)).toBe(SMALL);
    const mutual = `${own}?target_user=disk&target_password=`;
    expect(await capacity(ALICE, `${mutual}${SECRETS.disk}`)).toBe(SMALL);
    const refused: [string, string][] = [
      [ALICE, `${mutual}not-that-of-the-disk`],
      [ALICE, url(1, `${CLOSED}/3`)],
      [ALICE, url(0, `${CLOSED}/3`, CREDENTIALS)],
      [BACKUP, own],
      ["iqn.2026-01.org.example.host:mallory", own],
    ];
    for (const [initiator, of] of refused) {
      const { code } = await run("iscsi-inq", ["-i", initiator, of]);
      expect(code, `${initiator} at ${of}`).not.toBe(0);
    }
  });

  test("what is written at one portal is read at the other", async () => {
    const io = (of: string, command: string) => runOk("qemu-io", ["-f", "raw", "-c", command, of]);
    await io(url(0, `${OPEN}/0`), "write -P 7 1M 64k");
    expect(await io(url(1, `${OPEN}/0`), "read -P 7 1M 64k")).not.toContain("failed");
  });

  test("SIGTERM ends it with exit code 0, and it has told no secret", async () => {
    const { code, stderr } = await server.stop();
    expect(code).toBe(0);
    expect(stderr).toContain("login refused");
    for (const secret of Object.values(SECRETS)) expect(stderr).not.toContain(secret);
  });

  test.each([
    ["a device that is not there", { luns: [{ lun: 0, device: "none" }] }, /none/],
    ["a LUN out of range", { luns: [{ lun: -1, device: "big" }] }, /luns\[0\]\.lun is -1/],
    ["a name that is none", { iqn: "disk" }, /"disk" is no iSCSI name/],
  ])("%s is told at once", async (_what, wrong, message) => {
    const target = { iqn: OPEN, luns: [{ lun: 0, device: "big" }], ...wrong };
    const config = {
      devices: [{ name: "big", path: "big.img" }],
      iscsi: { portals: [{ host: "127.0.0.1", port: 0 }], targets: [target] },
    };
    await writeFile(images.path("wrong.json"), JSON.stringify(config));
    await expect(FileioTgt.startConfig(images.path("wrong.json"), 1)).rejects.toThrow(message);
  });
});
