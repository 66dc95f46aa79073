import { describe, expect, test } from "vitest";
import { decodeText, encodeText } from "../../../src/protocol/iscsi/index.ts";
import { type ReceivedPdu, TARGET, TestServer } from "./support/initiator.ts";

const SECOND = "iqn.2026-01.org.example:second";

function session(keys: Record<string, string> = {}, targetCount = 1) {
  const server = new TestServer();
  for (let i = 1; i < targetCount; i++) server.server.export({ iqn: `${SECOND}${i}`, luns: [] });
  const initiator = server.connect();
  initiator.logIn(keys);
  return { server, initiator };
}

function textOf(pdus: readonly ReceivedPdu[]): string[] {
  const bytes = Buffer.concat(pdus.map(({ data }) => data));
  return decodeText(bytes, { keyCountMax: 999 }).map(([key, value]) => `${key}=${value}`);
}

const ADDRESS = "TargetAddress=192.0.2.1:3260,1";

describe("SendTargets", () => {
  test.each([
    ["All", [`TargetName=${TARGET}`, ADDRESS, `TargetName=${SECOND}1`, ADDRESS]],
    [TARGET, [`TargetName=${TARGET}`, ADDRESS]],
    ["iqn.none", []],
    ["", ["SendTargets=Reject"]],
  ])("=%s in a discovery session", (value, expected) => {
    const { initiator } = session({ SessionType: "Discovery" }, 2);
    initiator.send(initiator.text([["SendTargets", value]]));
    const pdus = initiator.receive();
    expect(pdus[0]?.fields).toMatchObject({ final: true, targetTransferTag: 0xffffffff });
    expect(textOf(pdus)).toEqual(expected);
  });

  test.each([
    ["", [`TargetName=${TARGET}`, ADDRESS]],
    ["All", ["SendTargets=Reject"]],
  ])("=%s in a normal session", (value, expected) => {
    const { initiator } = session({}, 2);
    initiator.send(initiator.text([["SendTargets", value]]));
    expect(textOf(initiator.receive())).toEqual(expected);
  });

  test("an answer that is longer than a PDU continues", () => {
    const keys = { SessionType: "Discovery", MaxRecvDataSegmentLength: "512" };
    const { initiator } = session(keys, 20);
    initiator.send(initiator.text([["SendTargets", "All"]]));
    const pdus = initiator.receive();
    while (pdus.at(-1)?.fields["continues"] === true) {
      const targetTransferTag = pdus.at(-1)?.fields["targetTransferTag"];
      initiator.send(initiator.text([], { targetTransferTag }));
      pdus.push(...initiator.receive());
    }
    expect(pdus).toHaveLength(3);
    expect(pdus.at(-1)?.fields).toMatchObject({ final: true, targetTransferTag: 0xffffffff });
    expect(textOf(pdus)).toHaveLength(40);
  });
});

describe("text requests", () => {
  test("that continue are answered at their end", () => {
    const { initiator } = session();
    const bytes = encodeText([
      ["X-a", "1"],
      ["X-b", "2"],
    ]);
    initiator.send(initiator.textBytes(bytes.subarray(0, 6), { continues: true, final: false }));
    const [first] = initiator.receive();
    expect(first?.fields).toMatchObject({ final: false, dataSegmentLength: 0 });
    const targetTransferTag = first?.fields["targetTransferTag"];
    initiator.send(initiator.textBytes(bytes.subarray(6), { targetTransferTag }));
    expect(textOf(initiator.receive())).toEqual(["X-a=NotUnderstood", "X-b=NotUnderstood"]);
  });

  test("declare a new MaxRecvDataSegmentLength", () => {
    const { initiator } = session();
    initiator.send(initiator.command([0]));
    initiator.send(initiator.text([["MaxRecvDataSegmentLength", "512"]]));
    initiator.receive();
    initiator.send(initiator.read(0, 4));
    expect(initiator.receive()).toHaveLength(4);
  });

  test.each([
    ["with F and C", [["X-a", "1"]], { continues: true }],
    ["with a tag of no exchange", [["X-a", "1"]], { targetTransferTag: 5 }],
    ["with a declaration out of range", [["MaxRecvDataSegmentLength", "1"]], {}],
  ] as const)("%s are rejected", (_what, pairs, values) => {
    const { initiator } = session();
    initiator.send(initiator.text(pairs, values), initiator.nop());
    const pdus = initiator.receive();
    expect(pdus.map(({ name }) => name)).toEqual(["Reject", "NOP-In"]);
    expect(Number(pdus[1]?.fields["maxCmdSn"]) - initiator.cmdSn).toBe(127);
  });

  test("that are too long are rejected", () => {
    const { initiator } = session();
    initiator.send(initiator.textBytes(new Uint8Array(40_000)));
    expect(initiator.receive().map(({ name }) => name)).toEqual(["Reject"]);
  });

  test("a discovery session takes no commands", () => {
    const { initiator } = session({ SessionType: "Discovery" });
    initiator.send(initiator.command([0]), initiator.taskManagement(1), initiator.logout());
    expect(initiator.receive().map(({ name }) => name)).toEqual([
      "Reject",
      "Reject",
      "Logout Response",
    ]);
  });
});
