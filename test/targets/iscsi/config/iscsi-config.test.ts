import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Core } from "../../../../src/core/core.ts";
import { UsageError } from "../../../../src/protocol/errors.ts";
import { iscsiOptionsFromJson, IscsiServer } from "../../../../src/targets/iscsi/index.ts";
import { RamDevice } from "../support/ram-device.ts";

const secrets: Readonly<Record<string, string>> = {
  "alice.secret": "alice has a secret",
  "disk.secret": "the disk has another",
};
const read = (path: string) => secrets[path] ?? "";

const IQN = "iqn.2026-01.org.example:disk";

const WHOLE = {
  portals: [
    { host: "127.0.0.1", port: 3260 },
    { host: "::", port: 0, portalGroupTag: 2 },
  ],
  limits: { queueDepthMax: 64, firstBurstLengthMax: 65_536 },
  keepAliveMs: 0,
  chap: {
    users: [{ name: "alice", secretFile: "alice.secret" }],
    mutual: { name: "disk", secretFile: "disk.secret" },
    digests: ["SHA3-256", "SHA-256"],
  },
  discoveryChap: { users: [{ name: "finder", secretFile: "alice.secret" }] },
  targets: [
    {
      iqn: IQN,
      alias: "the disk",
      luns: [{ lun: 0, device: "disk" }],
      groups: [{ name: "g", initiators: ["iqn.*"], luns: [{ lun: 1, device: "disk" }] }],
      perPortalGroups: true,
      access: { initiators: ["*"], addresses: ["192.0.2.0/24"], portals: ["127.0.0.1"] },
      chap: false,
      redirect: { address: "192.0.2.1:3260", permanent: true },
    },
  ],
};

describe("a configuration", () => {
  test("with everything in it makes a server", () => {
    const { options, portals, targets } = iscsiOptionsFromJson(WHOLE, read);
    expect(portals).toEqual([
      { host: "127.0.0.1", port: 3260, portalGroupTag: undefined },
      { host: "::", port: 0, portalGroupTag: 2 },
    ]);
    expect(options.chap).toEqual({
      users: [{ name: "alice", secret: secrets["alice.secret"] }],
      mutual: { name: "disk", secret: secrets["disk.secret"] },
      digests: ["SHA3-256", "SHA-256"],
    });
    const core = new Core();
    core.addDevice(new RamDevice("disk"));
    const server = new IscsiServer(core, options);
    expect(server.limits).toMatchObject({ queueDepthMax: 64, sessionCountMax: 512 });
    expect(server.keepAliveMs).toBe(0);
    for (const target of targets) server.export(target);
    expect(server.targets.get(IQN)?.groups.get("g")?.luns.size).toBe(1);
  });

  test("that of docs/iscsi.md is one", () => {
    const path = join(import.meta.dirname, "../../../../docs/iscsi.md");
    const [, json = ""] = /^```json\n(.*?)^```$/ms.exec(readFileSync(path, "utf8")) ?? [];
    const { targets, options } = iscsiOptionsFromJson(JSON.parse(json), () => "twelve bytes");
    expect(targets[0]?.groups?.[0]?.luns).toEqual([[0, "disk2"]]);
    expect(options.discoveryChap?.users).toHaveLength(1);
  });

  test("with targets alone listens on the loopback interface", () => {
    const { portals, options, targets } = iscsiOptionsFromJson({ targets: [{ iqn: IQN }] }, read);
    expect(portals).toEqual([{ host: "127.0.0.1" }]);
    expect(options.chap).toBeUndefined();
    expect(targets).toMatchObject([{ iqn: IQN, luns: [] }]);
  });
});

/** `WHOLE` with something else at `path`. */
function changed(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(WHOLE);
  const names = path.split(".");
  const last = names.pop() ?? "";
  let place = copy as Record<string, unknown>;
  for (const name of names) place = place[name] as Record<string, unknown>;
  place[last] = value;
  return copy;
}

describe("what is wrong is said", () => {
  test.each<[string, unknown, string]>([
    ["targets", undefined, "iscsi.targets is missing: it must be an array"],
    ["targets", {}, "iscsi.targets is {}: it must be an array"],
    ["target", [], 'iscsi has a member "target": there may be portals, limits'],
    ["targets.0.iqn", 7, "iscsi.targets[0].iqn is 7: it must be a string"],
    ["targets.0.iqn", undefined, "iscsi.targets[0].iqn is missing"],
    ["targets.0.luns.0.lun", -1, "iscsi.targets[0].luns[0].lun is -1: it must be a whole number"],
    ["targets.0.luns.0.lun", "0", 'luns[0].lun is "0": it must be a whole number from 0 to 16383'],
    ["targets.0.luns.0.device", "", 'iscsi.targets[0].luns[0].device is ""'],
    ["targets.0.perPortalGroups", "yes", 'perPortalGroups is "yes": it must be true or false'],
    ["targets.0.chap", true, "iscsi.targets[0].chap is true: it must be an object"],
    ["targets.0.access.names", [], 'access has a member "names"'],
    ["targets.0.redirect.permanent", 1, "redirect.permanent is 1: it must be true or false"],
    ["portals", [], "iscsi.portals is []: it must be an array of one portal at least"],
    ["portals.1.port", 65_536, "iscsi.portals[1].port is 65536"],
    ["portals.1.portalGroupTag", 1.5, "portalGroupTag is 1.5"],
    ["limits.queueDepth", 1, 'iscsi.limits has a member "queueDepth"'],
    ["limits.queueDepthMax", 0, "limits.queueDepthMax is 0: it must be a whole number from 1"],
    ["limits.dataSegmentLengthMax", 511, "limits.dataSegmentLengthMax is 511"],
    ["limits.maxBurstLengthMax", 4096, "must not exceed maxBurstLengthMax, 4096"],
    ["keepAliveMs", 3_600_001, "iscsi.keepAliveMs is 3600001"],
    ["chap.users.0.secretFile", undefined, "iscsi.chap.users[0].secretFile is missing"],
    ["chap.users.0.secret", "open", 'chap.users[0] has a member "secret"'],
    ["chap.digests", ["MD4"], 'iscsi.chap.digests[0] is "MD4": it must be SHA3-256, SHA-256'],
  ])("%s: %j", (path, value, message) => {
    expect(() => iscsiOptionsFromJson(changed(path, value), read)).toThrow(message);
    try {
      iscsiOptionsFromJson(changed(path, value), read);
    } catch (error) {
      expect(["ISCSI_CONFIG", "ISCSI_LIMITS"]).toContain((error as UsageError).code);
    }
  });

  test("any JSON gives a configuration or a UsageError", () => {
    const names = fc.constantFrom("targets", "portals", "chap", "limits", "users", "iqn", "luns");
    const json = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(
        names,
        fc.oneof(fc.jsonValue(), fc.array(fc.dictionary(names, fc.jsonValue()))),
      ),
    );
    fc.assert(
      fc.property(json, (value) => {
        try {
          iscsiOptionsFromJson(value, read);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });
});
