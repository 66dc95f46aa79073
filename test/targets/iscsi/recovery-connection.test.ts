/** ErrorRecoveryLevel 2: the tasks of a lost connection go on with another. */
import { describe, expect, test } from "vitest";
import {
  LogoutReason,
  SnackType,
  TaskManagementFunction,
  TaskManagementResponseCode as Code,
} from "../../../src/protocol/iscsi/index.ts";
import { pattern, type ReceivedPdu, type TestInitiator, TestServer } from "./support/initiator.ts";

const KEYS = { ErrorRecoveryLevel: "2", MaxConnections: "2", MaxRecvDataSegmentLength: "512" };

function open(
  keys: Readonly<Record<string, string>> = {},
  limits: ConstructorParameters<typeof TestServer>[0] = {},
): { server: TestServer; a: TestInitiator } {
  const server = new TestServer(limits);
  const a = server.connect();
  a.logIn({ ...KEYS, ...keys });
  a.send(a.command([0]));
  a.receive();
  a.expStatSn = 3;
  return { server, a };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function cut({ transport }: TestInitiator): Promise<void> {
  transport.destroy();
  await settled();
}

function reassign(initiator: TestInitiator, referencedTaskTag: number, expDataSn = 0) {
  const values = { referencedTaskTag, expDataSn };
  initiator.send(initiator.taskManagement(TaskManagementFunction.taskReassign, values));
  const [answer, ...others] = initiator.receive();
  return { code: answer?.fields["response"], others };
}

describe("TASK REASSIGN", () => {
  test("a read whose data and status were lost", async () => {
    const { server, a } = open();
    server.disk.medium.set(pattern(2048));
    a.send(a.read(0, 4, { initiatorTaskTag: 5 }));
    await cut(a);
    expect(server.server.sessionCount).toBe(1);
    const { other: b, status } = a.join(1, { MaxRecvDataSegmentLength: "512" });
    expect(status).toBe(0);
    const { code, others } = reassign(b, 5);
    expect(code).toBe(Code.functionComplete);
    expect(Buffer.concat(others.map(({ data }) => data))).toEqual(Buffer.from(pattern(2048)));
    expect(others.map(({ fields }) => fields["dataSn"])).toEqual([0, 1, 2, 3, undefined]);
    expect(others.at(-1)?.fields).toMatchObject({ status: 0, statSn: 3, expDataSn: 4 });
    expect(reassign(b, 5).code).toBe(Code.taskDoesNotExist);
  });

  test("a read of which some data came: from ExpDataSN on, cut for the new connection", async () => {
    const { server, a } = open();
    server.disk.medium.set(pattern(2048));
    a.send(a.read(0, 4, { initiatorTaskTag: 5 }));
    await cut(a);
    const { other: b } = a.join(1, { MaxRecvDataSegmentLength: "1024" });
    const { others } = reassign(b, 5, 1);
    const seen = others.map(({ fields, data }) => [fields["bufferOffset"], data.length]);
    expect(seen).toEqual([
      [512, 1024],
      [1536, 512],
      [undefined, 0],
    ]);
  });

  test("a read that ends between the connections", async () => {
    const { server, a } = open();
    server.disk.medium.set(pattern(512));
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    await cut(a);
    server.disk.execute();
    const { other: b } = a.join(1);
    const { code, others } = reassign(b, 5);
    expect(code).toBe(Code.functionComplete);
    expect(others[0]?.data).toEqual(Buffer.from(pattern(512)));
    expect(server.disk.bufferCount).toBe(0);
  });

  test("a read that ends after it", async () => {
    const { server, a } = open();
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    await cut(a);
    const { other: b } = a.join(1);
    expect(reassign(b, 5)).toMatchObject({ code: Code.functionComplete, others: [] });
    expect(reassign(b, 5).code).toBe(Code.taskStillAllegiant);
    server.disk.execute();
    expect(b.receive().map(({ name }) => name)).toEqual(["SCSI Data-In", "SCSI Response"]);
  });

  test("a write in the middle of its data", async () => {
    const { server, a } = open({ InitialR2T: "Yes", ImmediateData: "No" });
    const data = pattern(2048);
    a.send(a.write(0, 4, { initiatorTaskTag: 5 }));
    const [r2t] = a.receive();
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    const values = { initiatorTaskTag: 5, final: true };
    const half = a.dataOut({ ...values, targetTransferTag, final: false }, data.subarray(0, 512));
    const cutOff = a.dataOut({ ...values, targetTransferTag, bufferOffset: 512, dataSn: 1 }, data);
    a.send(half, cutOff.subarray(0, 300));
    await cut(a);
    const { other: b } = a.join(1);
    const { code, others } = reassign(b, 5);
    expect(code).toBe(Code.functionComplete);
    expect(others[0]?.fields).toMatchObject({ bufferOffset: 512, desiredDataTransferLength: 1536 });
    const anew = others[0]?.fields["targetTransferTag"];
    b.send(
      b.dataOut({ ...values, targetTransferTag: anew, bufferOffset: 512 }, data.subarray(512)),
    );
    expect(b.receive()[0]?.fields).toMatchObject({ status: 0 });
    expect(server.disk.medium.subarray(0, 2048)).toEqual(data);
  });

  test("a write whose buffer came between the connections", async () => {
    const { server, a } = open({ InitialR2T: "No" });
    const data = pattern(1024);
    server.disk.holdBuffers = true;
    a.send(a.write(0, 2, { initiatorTaskTag: 5, final: false }, data.subarray(0, 512)));
    await cut(a);
    const { other: b } = a.join(1);
    reassign(b, 5);
    server.disk.giveBuffers();
    const [r2t] = b.receive();
    expect(r2t?.fields).toMatchObject({ bufferOffset: 512, desiredDataTransferLength: 512 });
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    const values = { initiatorTaskTag: 5, targetTransferTag, bufferOffset: 512, final: true };
    b.send(b.dataOut(values, data.subarray(512)));
    expect(server.disk.medium.subarray(0, 1024)).toEqual(data);
  });

  test.each([
    ["write", (a: TestInitiator) => a.write(0, 1, { initiatorTaskTag: 5 }, pattern(512)), 1],
    ["read", (a: TestInitiator) => a.read(0, 1, { initiatorTaskTag: 5 }), 2],
  ])("a %s whose answer was lost again and again", async (_what, request, pduCount) => {
    const { server, a } = open();
    server.disk.medium.set(pattern(512));
    a.send(request(a));
    await cut(a);
    let last = a;
    for (let connectionId = 1; connectionId < 5; connectionId++) {
      const { other } = last.join(connectionId);
      const { code, others } = reassign(other, 5);
      expect(code).toBe(Code.functionComplete);
      expect(others).toHaveLength(pduCount);
      expect(others.at(-1)?.fields).toMatchObject({ initiatorTaskTag: 5, status: 0 });
      await cut(other);
      last = other;
    }
  });

  test("a read whose tag for DataACK another read of the new connection has", async () => {
    const { server, a } = open({ MaxBurstLength: "1024" });
    server.disk.medium.set(pattern(2048));
    a.send(a.read(0, 4, { initiatorTaskTag: 5 }));
    await cut(a);
    const { other: b } = a.join(1, { MaxRecvDataSegmentLength: "512" });
    b.send(b.read(0, 4, { initiatorTaskTag: 6, cmdSn: 3 }));
    const tagOf = (pdus: readonly ReceivedPdu[]) =>
      pdus.find(({ fields }) => fields["acknowledge"] === true)?.fields["targetTransferTag"];
    const tag = tagOf(b.receive());
    const { others } = reassign(b, 5);
    expect(tag).toBeDefined();
    expect(tagOf(others)).not.toBe(tag);
    b.send(b.snack(SnackType.dataAck, { targetTransferTag: tag, begRun: 2 }));
    b.send(b.snack(SnackType.dataOrR2t, { initiatorTaskTag: 5, begRun: 0, runLength: 1 }));
    expect(b.receive().map(({ name }) => name)).toEqual(["SCSI Data-In"]);
    b.send(b.snack(SnackType.dataOrR2t, { initiatorTaskTag: 6, begRun: 0, runLength: 1 }));
    expect(b.receive().map(({ name }) => name)).toEqual(["Reject"]);
  });

  test("of a task that never was, or that is another connection's", () => {
    const { server, a } = open();
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    const { other: b } = a.join(1);
    expect(reassign(b, 5).code).toBe(Code.taskStillAllegiant);
    expect(reassign(b, 6).code).toBe(Code.taskDoesNotExist);
  });

  test("is not supported below ErrorRecoveryLevel 2", () => {
    const { a } = open({ ErrorRecoveryLevel: "1" });
    expect(reassign(a, 5).code).toBe(Code.reassignNotSupported);
  });
});

describe("connection recovery", () => {
  test("a logout for recovery takes a connection away that seems to live", async () => {
    const { server, a } = open();
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    const { other: b } = a.join(1);
    const reasonCode = LogoutReason.removeConnectionForRecovery;
    b.send(b.logout({ reasonCode, connectionId: 9 }));
    expect(b.receive()[0]?.fields["response"]).toBe(1);
    b.send(b.logout({ reasonCode, connectionId: 0 }));
    expect(b.receive()[0]?.fields).toMatchObject({ response: 0, time2Wait: 2, time2Retain: 20 });
    await settled();
    expect(a.transport.closed).toBe(true);
    expect(reassign(b, 5).code).toBe(Code.functionComplete);
    server.disk.execute();
    expect(b.receive()).toHaveLength(2);
  });

  test("a login with the same CID is a logout for recovery", async () => {
    const { server, a } = open();
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    const { other: b } = a.join(0);
    await settled();
    expect(reassign(b, 5).code).toBe(Code.functionComplete);
    server.disk.execute();
    expect(b.receive()).toHaveLength(2);
    expect(server.server.connectionCount).toBe(1);
  });

  test("after Time2Wait and Time2Retain tasks and session are gone", async () => {
    const { server, a } = open({ DefaultTime2Retain: "20" }, { time2RetainSecondsMax: 5 });
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    await cut(a);
    server.advance(6_999);
    expect(server.disk.waitingForExecution).toHaveLength(1);
    expect(server.server.sessionCount).toBe(1);
    server.advance(1);
    expect(server.disk.waitingForExecution).toHaveLength(0);
    expect(server.server.sessionCount).toBe(0);
    expect(server.timerCount).toBe(0);
    expect(a.join(1).status).toBe(0x20a);
  });

  test("where another connection is left only the tasks are gone", async () => {
    const { server, a } = open();
    const { other: b } = a.join(1);
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    await cut(a);
    server.advance(22_000);
    expect(server.disk.waitingForExecution).toHaveLength(0);
    expect(reassign(b, 5).code).toBe(Code.taskDoesNotExist);
    expect(server.server.sessionCount).toBe(1);
  });

  test("a logout keeps nothing", async () => {
    const { server, a } = open();
    a.send(a.logout({ reasonCode: LogoutReason.closeConnection }));
    await settled();
    expect(server.server.sessionCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("a new session of the same port does not wait for the one that was lost", async () => {
    const { server, a } = open();
    await cut(a);
    const anew = server.connect();
    expect(anew.logIn()[0]?.fields).toMatchObject({ status: 0 });
    expect(server.server.sessionCount).toBe(1);
    expect(server.timerCount).toBe(1);
  });

  test("closing the server does not wait for lost connections", async () => {
    const { server, a } = open();
    server.disk.holdExecution = true;
    a.send(a.read(0, 1, { initiatorTaskTag: 5 }));
    await cut(a);
    await server.server.close();
    expect(server.server.sessionCount).toBe(0);
    expect(server.disk.bufferCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("with DefaultTime2Retain=0 nothing is kept", async () => {
    const { server, a } = open({ DefaultTime2Retain: "0" });
    await cut(a);
    expect(server.server.sessionCount).toBe(0);
  });
});
