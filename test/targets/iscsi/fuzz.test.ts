import { describe, expect, test } from "vitest";
import type { LogEntry } from "../../../src/core/log.ts";
import { encodeText, Opcode } from "../../../src/protocol/iscsi/index.ts";
import { INITIATOR, pattern, TARGET, type TestInitiator, TestServer } from "./support/initiator.ts";
import { TARGET_USER, USER } from "./support/chap-client.ts";
import { RamDevice } from "./support/ram-device.ts";

/** A million with ISCSI_FUZZ_PDUS=1000000. */
const PDU_COUNT = Number(process.env["ISCSI_FUZZ_PDUS"] ?? 10_000);
const GOOD_TARGET = "iqn.2026-01.org.example:good";

/** The same numbers every time (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

/** A PDU as a good initiator sends it. */
function goodPdu(initiator: TestInitiator, pick: Random): Uint8Array {
  const blocks = 1 + pick(20);
  const lba = pick(1000);
  switch (pick(10)) {
    case 0:
      return initiator.read(lba, blocks);
    case 1:
      return initiator.write(lba, blocks, {}, pattern(blocks * 512));
    case 2:
      return initiator.write(lba, blocks, { final: pick(2) === 0 }, pattern(512));
    case 3:
      return initiator.dataOut(
        { initiatorTaskTag: initiator.itt - 1 - pick(3), bufferOffset: 512, final: true },
        pattern(512 * pick(8)),
      );
    case 4:
      return initiator.nop({ immediate: pick(2) === 0 }, pattern(pick(2000)));
    case 5:
      return initiator.text([["SendTargets", "All"]]);
    case 6:
      return initiator.taskManagement(1 + pick(8), { referencedTaskTag: initiator.itt - pick(4) });
    case 7:
      return initiator.command(Array.from({ length: 16 }, () => pick(256)));
    case 8:
      return initiator.snack(pick(5), {
        initiatorTaskTag: initiator.itt - pick(4),
        begRun: pick(6),
        runLength: pick(4),
      });
    default:
      return pick(20) === 0 ? initiator.logout({ reasonCode: pick(4) }) : initiator.command([0]);
  }
}

/** Turns some bits, mostly of the header. */
function mutate(pdu: Uint8Array, pick: Random): Uint8Array {
  for (let i = pick(4); i > 0; i--) {
    const at = pick(pick(4) === 0 ? pdu.length : Math.min(48, pdu.length));
    // Lengths seldom: a wrong one ends the connection.
    if (at >= 4 && at < 8 && pick(4) > 0) continue;
    pdu[at] = pick(256);
  }
  return pick(50) === 0 ? pdu.subarray(0, pick(pdu.length)) : pdu;
}

function randomPdu(pick: Random): Uint8Array {
  const pdu = new Uint8Array(48 + 4 * pick(20));
  for (let i = 0; i < pdu.length; i++) pdu[i] = pick(256);
  // Lengths that fit, now and then.
  if (pick(3) > 0) pdu.set([0, 0, 0, pdu.length - 48], 4);
  const opcodes = Object.values(Opcode);
  if (pick(2) === 0) pdu[0] = (pick(2) << 6) | (opcodes[pick(opcodes.length)] as number);
  return pdu;
}

function loginPdu(initiator: TestInitiator, pick: Random): Uint8Array {
  const values = { transit: pick(2) === 0, currentStage: pick(2), nextStage: 1 + pick(3) };
  const keys: [string, string][] = [
    ["InitiatorName", INITIATOR],
    ["TargetName", TARGET],
    ["HeaderDigest", "CRC32C,None"],
    ["MaxBurstLength", String(pick(100_000))],
    ["MaxRecvDataSegmentLength", String(pick(100_000))],
  ];
  return initiator.loginBytes(values, encodeText(keys.slice(pick(3), 1 + pick(5))));
}

/** A step of a login with CHAP, by somebody who knows all of it but the secret. */
function chapPdu(initiator: TestInitiator, pick: Random): Uint8Array {
  const values = { transit: pick(2) === 0, currentStage: pick(8) === 0 ? 1 : 0, nextStage: 1 };
  const challenge = `0x${"5a".repeat(1 + pick(40))}`;
  const steps: [string, string][][] = [
    [
      ["InitiatorName", INITIATOR],
      ["TargetName", TARGET],
      ["AuthMethod", pick(4) === 0 ? "None" : "CHAP"],
    ],
    [["CHAP_A", ["5", "8,7", "9,6", ""][pick(4)] as string]],
    [
      ["CHAP_N", pick(2) === 0 ? USER.name : "nobody"],
      ["CHAP_R", challenge],
      ["CHAP_I", String(pick(300))],
      ["CHAP_C", challenge],
    ],
  ];
  const { itt } = initiator;
  initiator.itt++;
  // Mostly in their order, or few would get far.
  const pairs = steps[pick(6) === 0 ? pick(3) : (itt - 1) % 3] ?? [];
  return initiator.loginBytes(values, encodeText(pairs));
}

/** A client that must not notice anything of its neighbour. */
class GoodClient {
  readonly #initiator: TestInitiator;
  readonly #disk: RamDevice;
  #round = 0;

  constructor(server: TestServer, disk: RamDevice) {
    this.#disk = disk;
    this.#initiator = server.connect();
    this.#initiator.isid = new Uint8Array([0x40, 9, 9, 9, 9, 9]);
    this.#initiator.send(
      this.#initiator.login({ transit: true, currentStage: 1, nextStage: 3 }, [
        ["InitiatorName", `${INITIATOR}.good`],
        ["TargetName", GOOD_TARGET],
      ]),
      this.#initiator.command([0]),
    );
    this.#initiator.receive();
  }

  work(): void {
    const data = pattern(4096, this.#round++);
    this.#initiator.send(this.#initiator.write(8, 8, {}, data), this.#initiator.read(8, 8));
    const pdus = this.#initiator.receive();
    expect(pdus.map(({ fields }) => fields["status"])).toEqual([0, 0]);
    expect(Buffer.compare(pdus[1]?.data ?? new Uint8Array(0), data)).toBe(0);
    expect(this.#disk.bufferCount).toBe(0);
  }

  leave(): void {
    this.#initiator.send(this.#initiator.logout());
  }
}

/** Five seconds on a quiet machine. */
const TIMEOUT_MS = 180_000 + PDU_COUNT * 10;

describe(`${PDU_COUNT} PDUs`, () => {
  test.each([
    ["at login", 1, false],
    ["at login with CHAP", 4, false],
    ["in the full feature phase", 2, true],
    ["in the full feature phase, with digests", 3, true],
    ["in the full feature phase, with error recovery and several connections", 5, true],
  ])("random and mutated %s", { timeout: TIMEOUT_MS }, async (_what, seed, loggedIn) => {
    const chap = seed === 4 ? { users: [USER], mutual: TARGET_USER } : undefined;
    const server = new TestServer({ authenticationFailureCountMax: PDU_COUNT }, { chap });
    const disk = new RamDevice("good");
    server.core.addDevice(disk);
    server.server.export({ iqn: GOOD_TARGET, luns: [[0, disk]], chap: false });
    const good = new GoodClient(server, disk);
    const pick = random(seed);
    let initiator: TestInitiator | undefined;
    let opened: TestInitiator[] = [];
    const errors: LogEntry[] = [];
    // A million PDUs: neither log nor connections that are over may pile up.
    const sweep = () => {
      errors.push(...server.log.splice(0).filter(({ level }) => level === "error"));
      opened = opened.filter(({ transport }) => !transport.closed);
    };
    let connectionCount = 0;
    for (let count = 0; count < PDU_COUNT; count++) {
      if (initiator === undefined || initiator.transport.closed) {
        await Promise.resolve();
        initiator = server.connect();
        connectionCount++;
        opened.push(initiator);
        if (seed === 5) initiator = another(initiator, pick, opened);
        else if (loggedIn) initiator.logIn(seed === 3 ? { DataDigest: "CRC32C" } : {});
        initiator.chunkLength = [40, 100, 1000, 100_000][pick(4)] as number;
      }
      const login = chap === undefined ? loginPdu : chapPdu;
      initiator.send(fuzzed(initiator, pick, loggedIn ? goodPdu : login));
      initiator.transport.take();
      server.disk.holdBuffers = pick(8) === 0;
      server.disk.holdExecution = pick(8) === 0;
      if (pick(4) === 0) server.disk.giveBuffers();
      if (pick(4) === 0) server.disk.execute();
      if (count % 100 > 0) continue;
      good.work();
      sweep();
    }
    for (const { transport } of opened) transport.destroy();
    server.disk.giveBuffers();
    server.disk.execute();
    await new Promise(setImmediate);
    // Connections that are lost may come back for so long.
    server.advance(30_000);
    await new Promise(setImmediate);

    sweep();
    expect(errors).toEqual([]);
    expect(connectionCount).toBeGreaterThan(10);
    if (chap !== undefined) {
      const { logins, authenticationFailures } = server.server.statistics;
      expect(logins).toBe(1);
      expect(authenticationFailures).toBeGreaterThan(100);
    }
    good.work();
    expect(server.server.sessionCount).toBe(1);
    expect(server.server.connectionCount).toBe(1);
    expect(server.disk.bufferCount).toBe(0);
    good.leave();
    await new Promise(setImmediate);
    expect(server.server.connectionCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });
});

/** A new session, or a further connection of it, in either case with error recovery. */
function another(initiator: TestInitiator, pick: Random, opened: TestInitiator[]): TestInitiator {
  initiator.logIn({ DataDigest: "CRC32C", ErrorRecoveryLevel: "2", MaxConnections: "3" });
  const { other, status } = initiator.join(1 + pick(2));
  opened.push(other);
  return pick(2) === 0 && status === 0 ? other : initiator;
}

function fuzzed(initiator: TestInitiator, pick: Random, good: typeof goodPdu): Uint8Array {
  const kind = pick(10);
  if (kind === 0) return randomPdu(pick);
  const pdu = good(initiator, pick);
  // The steps of CHAP only come off in their order, so most of them have to be whole.
  return kind < 4 || good === loginPdu ? mutate(pdu, pick) : pdu;
}
