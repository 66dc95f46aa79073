import { describe, expect, test } from "vitest";
import { LogoutReason, TaskManagementFunction } from "../../../src/protocol/iscsi/index.ts";
import { pattern, type TestInitiator, TestServer } from "./support/initiator.ts";

const KEYS = { MaxConnections: "4" };

/** A session of two connections; unit attentions are out of the way. */
function twoConnections(
  keys: Readonly<Record<string, string>> = KEYS,
  limits: ConstructorParameters<typeof TestServer>[0] = {},
): { server: TestServer; a: TestInitiator; b: TestInitiator } {
  const server = new TestServer(limits);
  const a = server.connect();
  a.logIn(keys);
  a.send(a.command([0]));
  a.receive();
  const { other: b, status } = a.join(1);
  expect(status).toBe(0);
  return { server, a, b };
}

/** Lets sockets that were closed say so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const names = (initiator: TestInitiator) => initiator.receive().map(({ name }) => name);
const tagsOf = (initiator: TestInitiator) =>
  initiator.receive().map(({ fields }) => fields["initiatorTaskTag"]);

describe("a further connection", () => {
  test("belongs to the session of its TSIH, and has a StatSN of its own", () => {
    const { server, a, b } = twoConnections();
    expect(b.tsih).toBe(a.tsih);
    b.send(b.command([0], { initiatorTaskTag: 0x20, cmdSn: 2 }));
    a.send(a.command([0], { initiatorTaskTag: 0x10, cmdSn: 3 }));
    const [ofB] = b.receive();
    const [ofA] = a.receive();
    expect(ofB?.fields).toMatchObject({ initiatorTaskTag: 0x20, statSn: 2, expCmdSn: 3 });
    expect(ofA?.fields).toMatchObject({ initiatorTaskTag: 0x10, statSn: 3, expCmdSn: 4 });
    expect(server.server.sessionCount).toBe(1);
    expect(server.server.statistics.sessions[0]?.connections).toHaveLength(2);
  });

  const refusals: [string, (b: TestInitiator) => void, number][] = [
    ["a TSIH that nobody has", (b) => (b.tsih = 99), 0x20a],
    ["the ISID of another", (b) => (b.isid = new Uint8Array([0x40, 0, 0, 7, 7, 7])), 0x20a],
    ["one too many", () => undefined, 0x206],
  ];
  test.each(refusals)("is refused: %s", (_what, change, expected) => {
    const { server, a } = twoConnections({ MaxConnections: "2" });
    const c = server.connect();
    c.tsih = a.tsih;
    c.connectionId = 9;
    change(c);
    expect(c.logIn()[0]?.fields["status"]).toBe(expected);
    expect(server.server.statistics.sessions[0]?.connections).toHaveLength(2);
  });

  test("does not change the keys of the session", () => {
    const { a } = twoConnections();
    const { other, status } = a.join(2, { MaxBurstLength: "512", MaxRecvDataSegmentLength: "512" });
    expect(status).toBe(0);
    other.send(other.read(0, 4, { cmdSn: 2 }));
    expect(other.receive().map(({ data, fields }) => [data.length, fields["final"]])).toEqual([
      [512, false],
      [512, false],
      [512, false],
      [512, true],
    ]);
  });

  test("answers keys of the leading login with Reject", () => {
    const { a } = twoConnections();
    const { other } = a.join(2);
    other.transport.destroy();
    const { server } = twoConnections();
    const late = server.connect();
    late.tsih = 1;
    late.connectionId = 5;
    const [answer] = late.logIn({ InitialR2T: "Yes", HeaderDigest: "None" });
    const text = Buffer.from(answer?.data ?? []).toString();
    expect(text).toContain("InitialR2T=Reject");
    expect(text).toContain("HeaderDigest=None");
  });
});

describe("CmdSN over several connections", () => {
  test("a request waits for those before it, wherever they come", () => {
    const { server, a, b } = twoConnections();
    b.send(b.write(0, 1, { cmdSn: 3 }, pattern(512, 3)));
    a.send(a.write(0, 1, { cmdSn: 4 }, pattern(512, 4)));
    expect(server.disk.medium.subarray(0, 512)).toEqual(new Uint8Array(512));
    a.send(a.write(0, 1, { cmdSn: 2 }, pattern(512, 2)));
    expect(names(a)).toEqual(["SCSI Response", "SCSI Response"]);
    expect(names(b)).toEqual(["SCSI Response"]);
    expect(server.disk.medium.subarray(0, 512)).toEqual(pattern(512, 4));
  });

  test("what waited is let through in the middle of another PDU of its connection", () => {
    const { server, a, b } = twoConnections({ ...KEYS, InitialR2T: "Yes", ImmediateData: "No" });
    b.send(b.write(8, 8, { cmdSn: 2, initiatorTaskTag: 0x77 }));
    const [r2t] = b.receive();
    b.send(b.read(0, 1, { cmdSn: 4, initiatorTaskTag: 0x78 }));
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    const data = pattern(4096);
    const values = { initiatorTaskTag: 0x77, targetTransferTag, final: true };
    const pdu = b.dataOut(values, data);
    b.send(pdu.subarray(0, 1000));
    a.send(a.command([0], { cmdSn: 3 }));
    b.send(pdu.subarray(1000));
    expect(tagsOf(b)).toEqual([0x78, 0x77]);
    expect(server.disk.medium.subarray(4096, 8192)).toEqual(data);
  });

  test("what a dead connection held back can come by another", async () => {
    const { a, b } = twoConnections();
    b.send(b.command([0], { cmdSn: 3, initiatorTaskTag: 0x33 }));
    b.transport.destroy();
    await settled();
    a.send(a.command([0], { cmdSn: 3, initiatorTaskTag: 0x33 }));
    a.send(a.command([0], { cmdSn: 2, initiatorTaskTag: 0x32 }));
    expect(tagsOf(a)).toEqual([0x32, 0x33]);
  });
});

describe("the end of a connection", () => {
  test("is the end of its tasks only", async () => {
    const { server, a, b } = twoConnections();
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { cmdSn: 2, initiatorTaskTag: 0x11 }));
    b.send(b.read(0, 1, { cmdSn: 3, initiatorTaskTag: 0x22 }));
    b.transport.destroy();
    await settled();
    expect(server.disk.waitingForExecution).toHaveLength(1);
    server.disk.execute();
    expect(tagsOf(a)).toEqual([0x11]);
    server.disk.holdExecution = false;
    // Its place in the window and its tag are free.
    a.send(a.read(0, 1, { cmdSn: 4, initiatorTaskTag: 0x22 }));
    expect(a.receive()[0]?.fields).toMatchObject({ initiatorTaskTag: 0x22, maxCmdSn: 132 });
    expect(server.server.sessionCount).toBe(1);
    a.transport.destroy();
    await settled();
    expect(server.server.sessionCount).toBe(0);
    expect(server.disk.bufferCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("logout of one connection leaves the others", async () => {
    const { server, a, b } = twoConnections();
    b.send(b.logout({ reasonCode: LogoutReason.closeConnection, connectionId: 1, cmdSn: 2 }));
    expect(b.receive()[0]).toMatchObject({ name: "Logout Response", fields: { response: 0 } });
    await settled();
    expect(b.transport.closed).toBe(true);
    a.send(a.command([0]));
    expect(names(a)).toEqual(["SCSI Response"]);
    expect(server.server.connectionCount).toBe(1);
  });

  test("logout of another connection is answered when its tasks are gone", async () => {
    const { server, a, b } = twoConnections();
    server.disk.holdExecution = true;
    b.send(b.read(0, 1, { cmdSn: 2 }));
    const reasonCode = LogoutReason.closeConnection;
    a.send(a.logout({ reasonCode, connectionId: 7 }));
    expect(a.receive()[0]?.fields["response"]).toBe(1);
    a.send(a.logout({ reasonCode, connectionId: 1 }));
    expect(a.receive()[0]?.fields["response"]).toBe(0);
    expect(server.disk.waitingForExecution).toHaveLength(0);
    await settled();
    expect(b.transport.closed).toBe(true);
    expect(server.server.statistics.sessions[0]).toMatchObject({ commandsUnderWay: 0 });
    const recovery = LogoutReason.removeConnectionForRecovery;
    a.send(a.logout({ reasonCode: recovery, connectionId: 0 }));
    expect(a.receive()[0]?.fields["response"]).toBe(2);
  });

  test("logout of the session closes all", async () => {
    const { server, a, b } = twoConnections();
    a.send(a.logout());
    await settled();
    expect([a.transport.closed, b.transport.closed]).toEqual([true, true]);
    expect(server.server.sessionCount).toBe(0);
    expect(server.server.connectionCount).toBe(0);
  });

  test("a login with its CID takes its place", async () => {
    const { server, a, b } = twoConnections();
    server.disk.holdExecution = true;
    b.send(b.read(0, 1, { cmdSn: 2, initiatorTaskTag: 0x22 }));
    const { other, status } = a.join(1);
    expect(status).toBe(0);
    await settled();
    expect(b.transport.closed).toBe(true);
    server.disk.holdExecution = false;
    other.send(other.command([0], { cmdSn: 3, initiatorTaskTag: 0x22 }));
    expect(names(other)).toEqual(["SCSI Response"]);
    expect(server.server.statistics.sessions[0]?.connections).toHaveLength(2);
  });

  test("a login without TSIH takes the place of all", async () => {
    const { server, a, b } = twoConnections();
    const anew = server.connect();
    anew.send(
      anew.login({ transit: true, currentStage: 1, nextStage: 3 }, [
        ["InitiatorName", "iqn.2026-01.org.example:initiator"],
        ["TargetName", "iqn.2026-01.org.example:disk"],
      ]),
    );
    await settled();
    expect(anew.receive()[0]?.fields["status"]).toBe(0);
    expect([a.transport.closed, b.transport.closed]).toEqual([true, true]);
    expect(server.server.sessionCount).toBe(1);
  });
});

describe("task management over connections", () => {
  test("a task of one is aborted by way of another", () => {
    const { server, a, b } = twoConnections();
    server.disk.holdExecution = true;
    b.send(b.read(0, 1, { cmdSn: 2, initiatorTaskTag: 0x22 }));
    a.send(a.taskManagement(TaskManagementFunction.abortTask, { referencedTaskTag: 0x22 }));
    expect(a.receive()[0]?.fields["response"]).toBe(0);
    expect(server.disk.waitingForExecution).toHaveLength(0);
    expect(b.receive()).toEqual([]);
  });
});

test("a target has at most its sessionCountMax", async () => {
  const server = new TestServer({}, { target: { sessionCountMax: 1 } });
  const a = server.connect();
  a.logIn();
  const b = server.connect();
  b.isid = new Uint8Array([0x40, 0, 0, 2, 0, 0]);
  expect(b.logIn()[0]?.fields["status"]).toBe(0x302);
  a.transport.destroy();
  await settled();
  const c = server.connect();
  expect(c.logIn()[0]?.fields["status"]).toBe(0);
});
