/** Slow, dead and greedy initiators: each has a limit, and costs its neighbours nothing. */
import { describe, expect, test } from "vitest";
import { encodeText } from "../../../src/protocol/iscsi/index.ts";
import { INITIATOR, pattern, TARGET, type TestInitiator, TestServer } from "./support/initiator.ts";
import { R2T_KEYS } from "./support/session.ts";

const LOGIN_MS_MAX = 15_000;
const KEEP_ALIVE_MS = 30_000;
const IDENTITY: [string, string][] = [
  ["InitiatorName", INITIATOR],
  ["TargetName", TARGET],
];

/** A session of a port of its own. */
function neighbour(server: TestServer): TestInitiator {
  const initiator = server.connect();
  initiator.isid = new Uint8Array([0x40, 9, 9, 9, 9, 9]);
  initiator.logIn();
  initiator.send(initiator.command([0]));
  initiator.receive();
  return initiator;
}

function expectServed(initiator: TestInitiator): void {
  const data = pattern(4096, initiator.itt);
  initiator.send(initiator.write(8, 8, {}, data), initiator.read(8, 8));
  const pdus = initiator.receive();
  expect(pdus.map(({ fields }) => fields["status"])).toEqual([0, 0]);
  expect(Buffer.compare(pdus[1]?.data ?? new Uint8Array(0), data)).toBe(0);
}

describe("a slow login", () => {
  test("that comes byte by byte has as much time as any", () => {
    const server = new TestServer();
    const good = neighbour(server);
    const slow = server.connect();
    const bytes = slow.login({ transit: true, currentStage: 1, nextStage: 3 }, IDENTITY);
    for (let at = 0; !slow.transport.ended; at++) {
      expect(at * 1000).toBeLessThan(LOGIN_MS_MAX);
      slow.transport.send(bytes.subarray(at, at + 1));
      expectServed(good);
      server.advance(1000);
    }
    expect(server.codes).toContain("ISCSI_LOGIN_TIMEOUT");
    expect(server.server.statistics.loginTimeouts).toBe(1);
  });

  test("that never comes to its end has no more", () => {
    const server = new TestServer({ loginRoundCountMax: 1000 });
    const slow = server.connect();
    for (let step = 0; !slow.transport.ended; step++) {
      expect(step * 1000).toBeLessThan(LOGIN_MS_MAX);
      const data = encodeText([...IDENTITY, ["X-com.example.slow", String(step)]]);
      const values = { continues: true, currentStage: 1 };
      slow.send(slow.loginBytes(values, step === 0 ? data : new Uint8Array(0)));
      server.advance(1000);
    }
    expect(server.codes).toContain("ISCSI_LOGIN_TIMEOUT");
  });

  test("takes a place among the connections, and gives it back", async () => {
    const server = new TestServer({ connectionCountMax: 10 });
    const good = neighbour(server);
    const slow = Array.from({ length: 9 }, () => server.connect());
    expect(server.connect().transport.closed).toBe(true);
    expectServed(good);
    server.advance(LOGIN_MS_MAX);
    expect(slow.every(({ transport }) => transport.ended)).toBe(true);
    await new Promise(setImmediate);
    expect(server.server.connectionCount).toBe(1);
    const late = server.connect();
    expect(late.logIn()[0]?.fields["status"]).toBe(0);
    expectServed(good);
  });
});

describe("a half-open connection", () => {
  test("in the middle of a write is found out, and what it held is free", async () => {
    const server = new TestServer();
    const good = neighbour(server);
    const dead = server.connect();
    dead.logIn(R2T_KEYS);
    dead.send(dead.command([0]));
    dead.send(dead.write(0, 8));
    expect(server.disk.bufferCount).toBe(1);
    // Its write, then nothing, then no answer to a ping: one interval each.
    for (let i = 0; i < 6; i++) {
      expect(dead.transport.ended).toBe(false);
      server.advance(KEEP_ALIVE_MS / 2);
      expectServed(good);
    }
    await new Promise(setImmediate);
    expect(dead.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_SILENT");
    expect(server.disk.bufferCount).toBe(0);
    expect(server.server.sessionCount).toBe(1);
    expectServed(good);
  });

  test("does not keep its initiator from coming back", async () => {
    const server = new TestServer();
    const dead = server.connect();
    dead.logIn(R2T_KEYS);
    dead.send(dead.command([0]));
    dead.send(dead.write(0, 8));
    const back = server.connect();
    back.logIn();
    // The answer waits for the commands of the session before.
    await new Promise(setImmediate);
    back.receive();
    expect(dead.transport.closed).toBe(true);
    expect(server.server.sessionCount).toBe(1);
    expect(server.disk.bufferCount).toBe(0);
  });
});

describe("a greedy initiator is closed, and nobody else", () => {
  test("with unsolicited data that wait for buffers", () => {
    const server = new TestServer({ stagingLengthMax: 300_000 });
    const good = neighbour(server);
    const greedy = server.connect();
    greedy.logIn({ InitialR2T: "No", FirstBurstLength: "131072" });
    greedy.send(greedy.command([0]));
    server.disk.holdBuffers = true;
    for (let i = 0; i < 3; i++) {
      expect(greedy.transport.ended).toBe(false);
      greedy.send(greedy.write(0, 256, { final: false }, pattern(512)));
    }
    expect(greedy.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_STAGING_LENGTH");
    server.disk.holdBuffers = false;
    server.disk.giveBuffers();
    expectServed(good);
  });

  test("with requests that wait for one before them", () => {
    const server = new TestServer({ heldLengthMax: 10_000 });
    const good = neighbour(server);
    const greedy = server.connect();
    greedy.logIn();
    greedy.send(greedy.command([0]));
    const { cmdSn } = greedy;
    for (let i = 1; !greedy.transport.ended; i++) {
      expect(i).toBeLessThan(20);
      greedy.send(greedy.nop({ cmdSn: cmdSn + i }, pattern(1000)));
    }
    expect(server.codes).toContain("ISCSI_HELD_LENGTH");
    expectServed(good);
  });

  test("with commands: more than its window are not taken", () => {
    const server = new TestServer({ queueDepthMax: 4 });
    const good = neighbour(server);
    const greedy = server.connect();
    greedy.logIn();
    greedy.send(greedy.command([0]));
    server.disk.holdExecution = true;
    for (let i = 0; i < 100; i++) greedy.send(greedy.read(0, 1));
    expect(server.disk.waitingForExecution).toHaveLength(4);
    server.disk.holdExecution = false;
    expectServed(good);
    expect(greedy.transport.ended).toBe(false);
  });
});
