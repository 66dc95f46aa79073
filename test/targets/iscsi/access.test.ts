import { describe, expect, test } from "vitest";
import type { IscsiExport } from "../../../src/targets/iscsi/exported-target.ts";
import { keysOf } from "./support/chap-client.ts";
import { FakeTransport } from "./support/fake-transport.ts";
import { INITIATOR, TARGET, TestServer } from "./support/initiator.ts";

const TO_FULL_FEATURE = { transit: true, currentStage: 1, nextStage: 3 };
const OTHER = "iqn.2026-01.org.example:other";

interface Peer {
  readonly name?: string;
  readonly remote?: string;
  readonly local?: string;
}

function connect(server: TestServer, { remote, local }: Peer) {
  return server.connect(new FakeTransport(remote, local));
}

/** The status of a login to the target, and its text. */
function logIn(server: TestServer, peer: Peer = {}) {
  const initiator = connect(server, peer);
  const pairs = [
    ["InitiatorName", peer.name ?? INITIATOR],
    ["TargetName", TARGET],
  ] as const;
  initiator.send(initiator.login(TO_FULL_FEATURE, pairs));
  const [pdu] = initiator.receive();
  return {
    initiator,
    status: Number(pdu?.fields["status"]).toString(16),
    keys: Object.fromEntries(keysOf(pdu)),
  };
}

/** What SendTargets=All says. */
function discover(server: TestServer, peer: Peer = {}): string[] {
  const initiator = connect(server, peer);
  const pairs = [
    ["InitiatorName", peer.name ?? INITIATOR],
    ["SessionType", "Discovery"],
  ] as const;
  initiator.send(initiator.login(TO_FULL_FEATURE, pairs));
  initiator.receive();
  initiator.send(initiator.text([["SendTargets", "All"]]));
  const [pdu] = initiator.receive();
  const text = new TextDecoder().decode(pdu?.data);
  return text.split("\0").filter((pair) => pair !== "");
}

function serverWith(target: Partial<IscsiExport>): TestServer {
  return new TestServer({}, { target });
}

describe("who may log in, and finds the target", () => {
  const rows: readonly (readonly [string, Partial<IscsiExport>, Peer, boolean])[] = [
    ["anybody", {}, {}, true],
    ["a name", { access: { initiators: [INITIATOR] } }, {}, true],
    ["a name in another case", { access: { initiators: [INITIATOR.toUpperCase()] } }, {}, true],
    ["another name", { access: { initiators: [INITIATOR] } }, { name: OTHER }, false],
    ["a pattern", { access: { initiators: ["iqn.*:other", "iqn.1*"] } }, { name: OTHER }, true],
    ["a negation", { access: { initiators: ["!*:other"] } }, { name: OTHER }, false],
    ["an address", { access: { addresses: ["192.0.2.9"] } }, {}, true],
    ["a network", { access: { addresses: ["198.51.100.0/24", "192.0.2.0/28"] } }, {}, true],
    ["another network", { access: { addresses: ["192.0.2.0/29"] } }, {}, false],
    [
      "an IPv6 network",
      { access: { addresses: ["2001:db8::/32"] } },
      { remote: "[2001:db8:1::7]:50000" },
      true,
    ],
    [
      "an IPv6 address outside",
      { access: { addresses: ["2001:db8::/32"] } },
      { remote: "[2001:db9::7]:50000" },
      false,
    ],
    ["a portal", { access: { portals: ["192.0.2.1"] } }, {}, true],
    ["another portal", { access: { portals: ["192.0.2.2"] } }, {}, false],
    [
      "all of it",
      { access: { initiators: ["*"], addresses: ["192.0.2.9"], portals: ["192.0.2.1"] } },
      {},
      true,
    ],
    [
      "a name, from elsewhere",
      { access: { initiators: ["*"], addresses: ["192.0.2.8"] } },
      {},
      false,
    ],
    [
      "no group's, without LUNs",
      { luns: [], groups: [{ name: "g", initiators: [OTHER], luns: [[0, "disk"]] }] },
      {},
      false,
    ],
    [
      "a group's",
      { luns: [], groups: [{ name: "g", initiators: [OTHER], luns: [[0, "disk"]] }] },
      { name: OTHER },
      true,
    ],
    ["no group's, with LUNs", { groups: [{ name: "g", initiators: [OTHER], luns: [] }] }, {}, true],
    [
      "a group's, without LUNs",
      { groups: [{ name: "g", initiators: [OTHER], luns: [] }] },
      { name: OTHER },
      false,
    ],
  ];

  test.each(rows)("%s", (_what, target, peer, admitted) => {
    const server = serverWith(target);
    expect(logIn(server, peer).status).toBe(admitted ? "0" : "202");
    expect(discover(server, peer)).toEqual(
      admitted ? [`TargetName=${TARGET}`, "TargetAddress=192.0.2.1:3260,1"] : [],
    );
  });

  test("groups by portal: the same initiator finds other LUNs at another address", () => {
    const server = serverWith({
      luns: [],
      perPortalGroups: true,
      groups: [{ name: "fast", initiators: ["*#192.0.2.1"], luns: [[0, "disk"]] }],
    });
    expect(logIn(server).status).toBe("0");
    expect(logIn(server, { local: "192.0.2.2:3260" }).status).toBe("202");
    expect([...server.core.targets.values()][0]?.groups.get("fast")?.sessions.size).toBe(1);
  });

  test.each<[string, Partial<IscsiExport>, string]>([
    ["no network", { access: { addresses: ["192.0.2.0/33"] } }, "ISCSI_ADDRESS"],
    ["no address", { access: { addresses: ["example.org"] } }, "ISCSI_ADDRESS"],
    ["no prefix", { access: { portals: ["192.0.2.1/"] } }, "ISCSI_ADDRESS"],
    ["nobody", { access: { initiators: [] } }, "ISCSI_ACCESS"],
    ["no place", { redirect: { address: "example.org" } }, "ISCSI_REDIRECT"],
    ["a long alias", { alias: "x".repeat(256) }, "ISCSI_ALIAS"],
    ["an unknown device", { luns: [[0, "nothing"]] }, "DEVICE_UNKNOWN"],
  ])("%s: the target is not made", (_what, target, code) => {
    const server = new TestServer();
    const iqn = "iqn.2026-01.org.example:second";
    expect(() => server.server.export({ iqn, luns: [], ...target })).toThrow(
      expect.objectContaining({ code }),
    );
    expect(server.core.targets.has(iqn)).toBe(false);
    expect(discover(server)).toHaveLength(2);
  });
});

describe("redirection", () => {
  test.each([
    [false, "101"],
    [true, "102"],
  ])("permanent: %s", (permanent, status) => {
    const server = serverWith({ redirect: { address: "198.51.100.7:3261", permanent } });
    const login = logIn(server);
    expect(login.status).toBe(status);
    expect(login.keys).toEqual({ TargetAddress: "198.51.100.7:3261" });
    expect(login.initiator.transport.ended).toBe(true);
  });

  test("those who have no access hear of no other place", () => {
    const redirect = { address: "[2001:db8::7]:3261" };
    const server = serverWith({ redirect, access: { initiators: [OTHER] } });
    expect(logIn(server)).toMatchObject({ status: "202", keys: {} });
    expect(logIn(server, { name: OTHER }).keys).toEqual({ TargetAddress: redirect.address });
  });
});

test("TargetAlias is told once", () => {
  const server = serverWith({ alias: "the disk of accounting" });
  expect(logIn(server).keys).toMatchObject({ TargetAlias: "the disk of accounting" });
});

describe("portals", () => {
  test("SendTargets lists those that the initiator can reach, with their groups", async () => {
    const server = new TestServer();
    const { port: first } = await server.server.listen({ host: "127.0.0.1", port: 0 });
    const { port: any } = await server.server.listen({
      host: "0.0.0.0",
      port: 0,
      portalGroupTag: 7,
    });
    server.server.export({
      iqn: "iqn.2026-01.org.example:here",
      luns: [],
      access: { portals: ["192.0.2.0/24"] },
    });
    expect(discover(server)).toEqual([
      `TargetName=${TARGET}`,
      `TargetAddress=127.0.0.1:${first},1`,
      `TargetAddress=192.0.2.1:${any},7`,
      "TargetName=iqn.2026-01.org.example:here",
      `TargetAddress=192.0.2.1:${any},7`,
    ]);
    // Where a portal listens on all addresses of the other family is not known.
    expect(discover(server, { local: "[2001:db8::1]:3260" })).toEqual([
      `TargetName=${TARGET}`,
      `TargetAddress=127.0.0.1:${first},1`,
    ]);
    const closed = server.server.close();
    server.advance(2000);
    await closed;
  });

  test.each([-1, 65_536, 1.5])("portal group tag %d is refused", async (portalGroupTag) => {
    const { server } = new TestServer();
    await expect(server.listen({ host: "127.0.0.1", port: 0, portalGroupTag })).rejects.toThrow(
      expect.objectContaining({ code: "ISCSI_PORTAL_GROUP_TAG" }),
    );
  });
});
