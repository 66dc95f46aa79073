import { describe, expect, test } from "vitest";
import { Core } from "../../../src/core/core.ts";
import { IscsiServer } from "../../../src/targets/iscsi/server.ts";
import {
  INITIATOR,
  type ReceivedPdu,
  TARGET,
  type TestInitiator,
  TestServer,
} from "./support/initiator.ts";
import { RamDevice } from "./support/ram-device.ts";
import { SocketConnection } from "./support/socket-initiator.ts";

const COUNT = 1000;
const TIMEOUT_MS = 180_000;

describe(`${COUNT} sessions side by side`, () => {
  test("each has its own number, reads what it asked for, and leaves nothing behind", async () => {
    const server = new TestServer({ sessionCountMax: COUNT });
    const initiators: TestInitiator[] = [];
    const tsihs = new Set<unknown>();
    for (let i = 0; i < COUNT; i++) {
      const initiator = server.connect();
      initiator.isid = new Uint8Array([0x40, 0, 0, 0, i >> 8, i & 0xff]);
      tsihs.add(initiator.logIn()[0]?.fields["tsih"]);
      initiators.push(initiator);
    }
    expect(tsihs.size).toBe(COUNT);
    const late = server.connect();
    expect(late.logIn()[0]?.fields["status"]).toBe(0x302);
    for (const [i, initiator] of initiators.entries()) {
      server.disk.medium.fill(i & 0xff, i * 512, (i + 1) * 512);
      initiator.send(initiator.command([0]), initiator.read(i, 1));
      expect(
        initiator
          .receive()
          .at(-1)
          ?.data.every((byte) => byte === (i & 0xff)),
      ).toBe(true);
    }
    expect(server.server.statistics.sessions).toHaveLength(COUNT);
    for (const { transport } of initiators) transport.destroy();
    await new Promise(setImmediate);
    expect(server.server.sessionCount).toBe(0);
    expect(server.server.connectionCount).toBe(0);
    expect(server.disk.bufferCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("over TCP", { timeout: TIMEOUT_MS }, async () => {
    const core = new Core();
    const disk = new RamDevice("disk");
    core.addDevice(disk);
    // Pings would come in between where the machine is slow.
    const server = new IscsiServer(core, { keepAliveMs: 0, limits: { sessionCountMax: COUNT } });
    server.export({ iqn: TARGET, luns: [[0, disk]] });
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const connections: SocketConnection[] = [];
    try {
      for (let i = 0; i < COUNT; i++) {
        const connection = await SocketConnection.open(port);
        connections.push(connection);
        const { initiator } = connection;
        initiator.isid = new Uint8Array([0x40, 0, 0, 0, i >> 8, i & 0xff]);
        initiator.logIn();
        const [login] = await answers(connection, 1);
        expect(login?.fields["status"]).toBe(0);
        disk.medium.fill(i & 0xff, i * 512, (i + 1) * 512);
      }
      expect(server.sessionCount).toBe(COUNT);
      // All at once, with the unit attention of a new nexus in front.
      for (const [i, { initiator }] of connections.entries()) {
        initiator.send(initiator.command([0]), initiator.read(i, 1));
      }
      for (const [i, connection] of connections.entries()) {
        const [, read] = await answers(connection, 2);
        expect(read?.data.every((byte) => byte === (i & 0xff))).toBe(true);
      }
    } finally {
      for (const { socket } of connections) socket.destroy();
      await server.close();
    }
    expect(server.sessionCount).toBe(0);
    expect(disk.bufferCount).toBe(0);
  });
});

async function answers(connection: SocketConnection, count: number): Promise<ReceivedPdu[]> {
  const pdus: ReceivedPdu[] = [];
  while (pdus.length < count) {
    pdus.push(...connection.initiator.receive());
    if (connection.closed) throw new TypeError("the target closed the connection");
    if (pdus.length < count) await connection.wait(TIMEOUT_MS);
  }
  return pdus;
}

describe("statistics", () => {
  test("count what has gone over each connection", () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.logIn({ DataDigest: "CRC32C", InitialR2T: "Yes", ImmediateData: "No" });
    const { bytesSent = 0 } = server.server.statistics.sessions[0]?.connections[0] ?? {};
    initiator.send(initiator.command([0]));
    initiator.send(initiator.read(0, 1));
    initiator.send(initiator.write(0, 1));
    const bad = initiator.nop({}, new Uint8Array(4));
    bad[50] = 1;
    initiator.send(bad);
    const waiting = server.connect();
    const [session] = server.server.statistics.sessions;
    expect(session).toMatchObject({
      tsih: 1,
      initiatorName: INITIATOR,
      isid: "400000010000",
      targetName: TARGET,
      userName: undefined,
      commandsUnderWay: 1,
    });
    expect(session?.connections).toHaveLength(1);
    expect(session?.connections[0]).toMatchObject({
      connectionId: 0,
      remoteAddress: "192.0.2.9:50000",
      pdusReceived: 5,
      // Login Response, TEST UNIT READY's status with its sense data, Data-In, R2T, Reject.
      pdusSent: 5,
      r2tsSent: 1,
      rejectsSent: 1,
      dataDigestErrors: 1,
      bytesSent: bytesSent + initiator.transport.take().length,
    });
    expect(server.server.statistics).toMatchObject({
      loginsUnderWay: 1,
      connectionsAccepted: 2,
      logins: 1,
      loginsRefused: 0,
      dataDigestErrors: 1,
    });
    waiting.transport.destroy();
    initiator.transport.destroy();
  });

  test("the server's sums outlive the connections", async () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.logIn({ HeaderDigest: "CRC32C", DataDigest: "CRC32C" });
    const bad = initiator.nop({}, new Uint8Array(4));
    bad[54] = 1;
    initiator.send(bad);
    bad[20] = 1;
    initiator.send(bad);
    await Promise.resolve();
    server.connect();
    server.advance(15_000);
    expect(server.server.statistics).toMatchObject({
      sessions: [],
      headerDigestErrors: 1,
      dataDigestErrors: 1,
      loginTimeouts: 1,
    });
  });
});
