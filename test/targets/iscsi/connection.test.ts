import { describe, expect, test } from "vitest";
import { pattern } from "./support/initiator.ts";
import { openSession, R2T_KEYS } from "./support/session.ts";

describe("digests", () => {
  test("both are made and checked", () => {
    const { server, initiator } = openSession({
      HeaderDigest: "CRC32C,None",
      DataDigest: "CRC32C",
    });
    expect(initiator.headerDigest && initiator.dataDigest).toBe(true);
    initiator.chunkLength = 333;
    initiator.send(initiator.write(0, 20, {}, pattern(10_240)), initiator.read(0, 20));
    const pdus = initiator.receive();
    expect(pdus.map(({ fields }) => fields["status"])).toEqual([
      0,
      ...Array(pdus.length - 1).fill(0),
    ]);
    expect(Buffer.concat(pdus.slice(1).map(({ data }) => data))).toEqual(
      Buffer.from(pattern(10_240)),
    );
    expect(server.disk.medium.subarray(0, 10_240)).toEqual(pattern(10_240));
  });

  test("a wrong header digest closes the connection", () => {
    const { server, initiator } = openSession({ HeaderDigest: "CRC32C" });
    const pdu = initiator.read(0, 1);
    pdu[20] = (pdu[20] as number) ^ 1;
    initiator.send(pdu);
    expect(initiator.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_HEADER_DIGEST");
  });

  test("a wrong data digest is rejected, and fails the command", () => {
    const { server, initiator } = openSession({ DataDigest: "CRC32C" });
    const pdu = initiator.write(0, 1, {}, pattern(512));
    pdu[100] = (pdu[100] as number) ^ 1;
    initiator.send(pdu);
    const [reject, response] = initiator.receive();
    expect(reject?.fields).toMatchObject({ reason: 2 });
    expect(response?.fields).toMatchObject({ status: 2, residualCount: 512 });
    expect(Buffer.from(response?.data.subarray(14, 16) ?? []).toString("hex")).toBe("4705");
    expect(server.disk.medium.every((byte) => byte === 0)).toBe(true);
    expect(server.disk.bufferCount).toBe(0);
  });

  test("a wrong data digest of another request is rejected", () => {
    const { initiator } = openSession({ DataDigest: "CRC32C" });
    const pdu = initiator.nop({}, pattern(10));
    pdu[50] = (pdu[50] as number) ^ 1;
    initiator.send(pdu, initiator.nop());
    const pdus = initiator.receive();
    expect(pdus.map(({ name }) => name)).toEqual(["Reject", "NOP-In"]);
    expect(Number(pdus[1]?.fields["maxCmdSn"]) - initiator.cmdSn).toBe(127);
  });
});

describe("limits and the end", () => {
  test("a data segment that is too long closes the connection", () => {
    const { server, initiator } = openSession();
    initiator.send(initiator.nop({}, new Uint8Array(262_145)));
    expect(server.codes).toContain("ISCSI_DATA_SEGMENT_LENGTH");
    expect(initiator.transport.ended).toBe(true);
  });

  test("reading pauses while too much waits in the socket", () => {
    const { initiator } = openSession();
    initiator.transport.queuedLength = 20_000_000;
    initiator.send(initiator.nop());
    expect(initiator.transport.paused).toBe(true);
    initiator.transport.events?.drained();
    expect(initiator.transport.paused).toBe(false);
  });

  test("a connection that breaks aborts its commands", async () => {
    const { server, initiator } = openSession(R2T_KEYS);
    server.disk.holdExecution = true;
    initiator.send(initiator.read(0, 1), initiator.write(0, 1));
    expect(server.disk.bufferCount).toBe(2);
    initiator.transport.destroy();
    await Promise.resolve();
    expect(server.disk.bufferCount).toBe(0);
    expect(server.server.sessionCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("silence is answered by a ping, and then by the end", () => {
    const { server, initiator, transcript } = openSession();
    server.advance(30_000);
    transcript.hear();
    server.advance(30_000);
    transcript.hear();
    server.advance(30_000);
    transcript.hear();
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      < NOP-In: itt=none final ttt=1 stat=3 exp=2 max=129
      "
    `);
    expect(initiator.transport.ended).toBe(true);
  });

  test("closing the server lets commands come to their end", async () => {
    const { server, initiator } = openSession();
    server.disk.holdExecution = true;
    initiator.send(initiator.read(0, 1));
    const closed = server.server.close();
    const [request] = initiator.receive();
    expect(request?.fields).toMatchObject({ asyncEvent: 1, parameter3: 2 });
    expect(initiator.transport.ended).toBe(false);
    server.disk.execute();
    expect(initiator.receive().map(({ name }) => name)).toEqual(["SCSI Data-In"]);
    initiator.send(initiator.logout());
    expect(initiator.receive().map(({ name }) => name)).toEqual(["Logout Response"]);
    await closed;
    expect(server.server.connectionCount).toBe(0);
    expect(server.timerCount).toBe(0);
    expect(server.core.targets.size).toBe(0);
  });

  test("closing the server does not wait for ever", async () => {
    const { server, initiator } = openSession(R2T_KEYS);
    initiator.send(initiator.write(0, 1));
    const closed = server.server.close();
    initiator.receive();
    server.advance(2_000);
    const [notice] = initiator.receive();
    expect(notice?.fields).toMatchObject({ asyncEvent: 2, parameter1: 0, parameter2: 2 });
    await closed;
    expect(server.disk.bufferCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("an initiator that takes nothing of what it asked for is given up", () => {
    const { server, initiator } = openSession();
    initiator.transport.queuedLength = 20_000_000;
    initiator.send(initiator.nop());
    server.advance(60_000);
    initiator.transport.queuedLength = 19_000_000;
    server.advance(60_000);
    expect(initiator.transport.ended).toBe(false);
    server.advance(30_000);
    expect(initiator.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_SILENT");
    expect(server.server.statistics.silentConnections).toBe(1);
  });
});
