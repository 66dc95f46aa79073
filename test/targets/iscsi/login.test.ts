import { describe, expect, test } from "vitest";
import { decodeText, encodeText } from "../../../src/protocol/iscsi/index.ts";
import {
  INITIATOR,
  type ReceivedPdu,
  TARGET,
  type TestInitiator,
  TestServer,
} from "./support/initiator.ts";
import { Transcript } from "./support/transcript.ts";

const IDENTITY = [
  ["InitiatorName", INITIATOR],
  ["TargetName", TARGET],
] as const;

const TO_FULL_FEATURE = { transit: true, currentStage: 1, nextStage: 3 };

function textOf(pdu: ReceivedPdu | undefined): string[] {
  return decodeText(pdu?.data ?? new Uint8Array(0), { keyCountMax: 99 }).map(
    ([key, value]) => `${key}=${value}`,
  );
}

function statusOf(initiator: TestInitiator): string | undefined {
  const [pdu] = initiator.receive();
  return pdu === undefined ? undefined : Number(pdu.fields["status"]).toString(16);
}

describe("a login", () => {
  test("through both stages", () => {
    const server = new TestServer();
    const initiator = server.connect();
    const transcript = new Transcript(initiator);
    const [first] = transcript.say(
      initiator.login({ transit: true, nextStage: 1 }, [
        ...IDENTITY,
        ["SessionType", "Normal"],
        ["AuthMethod", "None"],
      ]),
    );
    const [second] = transcript.say(
      initiator.login(TO_FULL_FEATURE, [
        ["HeaderDigest", "None"],
        ["MaxRecvDataSegmentLength", "65536"],
        ["X-com.example.thing", "1"],
      ]),
    );
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > Login Request: immediate itt=256 transit nextStage=1 cmdSn=1 +123
      < Login Response: itt=256 transit nextStage=1 stat=1 exp=1 max=128 +39
      > Login Request: immediate itt=256 transit currentStage=1 nextStage=3 cmdSn=1 +71
      < Login Response: itt=256 transit currentStage=1 nextStage=3 tsih=1 stat=2 exp=1 max=128 +84
      "
    `);
    expect(textOf(first)).toEqual(["TargetPortalGroupTag=1", "AuthMethod=None"]);
    expect(textOf(second)).toEqual([
      "HeaderDigest=None",
      "X-com.example.thing=NotUnderstood",
      "MaxRecvDataSegmentLength=262144",
    ]);
    expect(server.server.sessionCount).toBe(1);
    expect(server.codes).toContain("ISCSI_LOGGED_IN");
  });

  test("with text that continues in a second request", () => {
    const server = new TestServer();
    const initiator = server.connect();
    const bytes = encodeText(IDENTITY);
    initiator.send(
      initiator.loginBytes({ currentStage: 1, continues: true }, bytes.subarray(0, 20)),
    );
    const [answer] = initiator.receive();
    expect(answer?.fields).toMatchObject({ transit: false, status: 0, dataSegmentLength: 0 });
    initiator.send(initiator.loginBytes(TO_FULL_FEATURE, bytes.subarray(20)));
    expect(initiator.receive()[0]?.fields).toMatchObject({ transit: true, status: 0, tsih: 1 });
  });

  test("with an answer that is longer than a PDU", () => {
    const server = new TestServer({ keyCountMax: 200, textLengthMax: 40_000 });
    const initiator = server.connect();
    const keys = Array.from({ length: 150 }, (_, i) => [`X-${"y".repeat(50)}.${i}`, "1"] as const);
    const bytes = encodeText([...IDENTITY, ...keys]);
    const half = { currentStage: 1, continues: true };
    initiator.send(initiator.loginBytes(half, bytes.subarray(0, 8000)));
    initiator.send(initiator.loginBytes(TO_FULL_FEATURE, bytes.subarray(8000)));
    const [empty, first] = initiator.receive();
    expect(empty?.fields).toMatchObject({ status: 0, dataSegmentLength: 0 });
    expect(first?.fields).toMatchObject({ continues: true, transit: false, tsih: 0 });
    expect(first?.data).toHaveLength(8192);
    expect(server.server.sessionCount).toBe(0);
    initiator.send(initiator.login(TO_FULL_FEATURE, []));
    const [second] = initiator.receive();
    expect(second?.fields).toMatchObject({ continues: false, transit: true, tsih: 1 });
    const text = Buffer.concat([first, second].map((pdu) => pdu?.data ?? new Uint8Array(0)));
    const answers = decodeText(text, { keyCountMax: 999 });
    expect(answers.filter(([, value]) => value === "NotUnderstood")).toHaveLength(150);
  });

  test("text in the middle of an answer ends it", () => {
    const server = new TestServer({ keyCountMax: 300, textLengthMax: 40_000 });
    const initiator = server.connect();
    const keys = Array.from({ length: 250 }, (_, i) => [`X-${"y".repeat(20)}.${i}`, "1"] as const);
    initiator.send(initiator.login(TO_FULL_FEATURE, [...IDENTITY, ...keys]));
    expect(initiator.receive()[0]?.fields["continues"]).toBe(true);
    initiator.send(initiator.login(TO_FULL_FEATURE, [["X-more", "1"]]));
    expect(statusOf(initiator)).toBe("200");
  });

  test("the name of a target is found in any case", () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.send(
      initiator.login(TO_FULL_FEATURE, [IDENTITY[0], ["TargetName", TARGET.toUpperCase()]]),
    );
    expect(statusOf(initiator)).toBe("0");
  });

  test("and a command in the same chunk", () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.send(initiator.login(TO_FULL_FEATURE, IDENTITY), initiator.nop());
    expect(initiator.receive().map(({ name }) => name)).toEqual(["Login Response", "NOP-In"]);
  });
});

describe("a login is refused", () => {
  const both = [...IDENTITY];
  test.each([
    ["without InitiatorName", TO_FULL_FEATURE, [IDENTITY[1]], "207"],
    ["without TargetName", TO_FULL_FEATURE, [IDENTITY[0]], "207"],
    ["of an unknown target", TO_FULL_FEATURE, [IDENTITY[0], ["TargetName", "iqn.x"]], "203"],
    ["with an unknown session type", TO_FULL_FEATURE, [...both, ["SessionType", "x"]], "200"],
    ["with a key twice", TO_FULL_FEATURE, [...both, ...both], "200"],
    ["with CHAP only", { nextStage: 1, transit: true }, [...both, ["AuthMethod", "CHAP"]], "201"],
    ["from an impossible stage", { currentStage: 2 }, both, "200"],
    ["to a stage behind", { transit: true, currentStage: 1, nextStage: 0 }, both, "200"],
    ["with C and T", { ...TO_FULL_FEATURE, continues: true }, both, "200"],
    ["of a later version", { ...TO_FULL_FEATURE, versionMin: 1 }, both, "205"],
    ["with a target that is named late", { currentStage: 1 }, [IDENTITY[0]], "207"],
    ["for a session that is not there", { ...TO_FULL_FEATURE, tsih: 9 }, both, "20a"],
  ] as const)("%s", (_what, values, pairs, status) => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.send(initiator.login(values, pairs));
    expect(statusOf(initiator)).toBe(status);
    expect(initiator.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_LOGIN_REFUSED");
  });

  test.each([
    ["without a NUL", Buffer.from("InitiatorName=x")],
    ["without =", Buffer.from("InitiatorName\0")],
    ["that is not UTF-8", Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0])],
    ["with too many keys", encodeText(Array.from({ length: 65 }, (_, i) => [`X-${i}`, "1"]))],
    ["with a key that is too long", encodeText([["X".repeat(64), "1"]])],
  ])("with text %s", (_what, bytes) => {
    const initiator = new TestServer().connect();
    initiator.send(initiator.loginBytes(TO_FULL_FEATURE, bytes));
    expect(statusOf(initiator)).toBe("200");
  });

  test.each([
    ["ISID", { isid: new Uint8Array(6) }],
    ["CID", { connectionId: 3 }],
    ["task tag", { initiatorTaskTag: 3 }],
    ["CmdSN", { cmdSn: 99 }],
  ])("when its %s changes", (_what, change) => {
    const initiator = new TestServer().connect();
    initiator.send(initiator.login({ nextStage: 1, transit: true }, IDENTITY));
    expect(statusOf(initiator)).toBe("0");
    initiator.send(initiator.login({ ...TO_FULL_FEATURE, ...change }, []));
    expect(statusOf(initiator)).toBe("200");
  });

  test("after too many rounds", () => {
    const initiator = new TestServer({ loginRoundCountMax: 3 }).connect();
    initiator.send(initiator.login({ currentStage: 1 }, IDENTITY));
    for (let i = 0; i < 3; i++) initiator.send(initiator.login({ currentStage: 1 }, []));
    expect(initiator.receive().map(({ fields }) => fields["status"])).toEqual([0, 0, 0, 0x200]);
  });

  test("with too much text", () => {
    const initiator = new TestServer({ textLengthMax: 100 }).connect();
    const half = new Uint8Array(60).fill(0x41);
    initiator.send(initiator.loginBytes({ currentStage: 1, continues: true }, half));
    initiator.send(initiator.loginBytes({ currentStage: 1, continues: true }, half));
    expect(initiator.receive().map(({ fields }) => fields["status"])).toEqual([0, 0x200]);
  });

  test("with another PDU in the middle of it", () => {
    const initiator = new TestServer().connect();
    initiator.send(initiator.login({ currentStage: 1 }, IDENTITY), initiator.nop());
    expect(initiator.receive().map(({ fields }) => fields["status"])).toEqual([0, 0x20b]);
  });

  test("when there are enough sessions", () => {
    const server = new TestServer({ sessionCountMax: 1 });
    server.connect().logIn();
    const second = server.connect();
    second.isid = new Uint8Array(6);
    expect(second.logIn()[0]?.fields["status"]).toBe(0x302);
  });

  test("as a second connection of a session", () => {
    const server = new TestServer();
    const tsih = server.connect().logIn()[0]?.fields["tsih"];
    const second = server.connect();
    second.send(second.login({ ...TO_FULL_FEATURE, tsih, connectionId: 1 }, IDENTITY));
    expect(statusOf(second)).toBe("206");
  });
});

describe("a connection is closed", () => {
  test("that does not log in in time", () => {
    const server = new TestServer();
    const initiator = server.connect();
    server.advance(14_999);
    expect(initiator.transport.ended).toBe(false);
    server.advance(1);
    expect(initiator.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_LOGIN_TIMEOUT");
  });

  test("that begins with something else, without an answer", () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.transport.send(
      Buffer.from("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n\r\n\r\n\r\n"),
    );
    initiator.transport.send(new Uint8Array(1000));
    expect(initiator.receive()).toEqual([]);
    expect(initiator.transport.ended).toBe(true);
  });

  test("when there are enough", () => {
    const server = new TestServer({ connectionCountMax: 1 });
    server.connect();
    expect(server.connect().transport.closed).toBe(true);
    expect(server.codes).toContain("ISCSI_CONNECTIONS_MAX");
  });

  test("that logs in again within its session", () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.logIn();
    initiator.send(initiator.login(TO_FULL_FEATURE, IDENTITY));
    expect(initiator.receive().map(({ name }) => name)).toEqual(["Reject"]);
    expect(initiator.transport.ended).toBe(true);
  });
});

describe("session reinstatement", () => {
  test("waits until nothing of the old session is left", async () => {
    const server = new TestServer();
    const first = server.connect();
    first.logIn();
    first.send(first.command([0]));
    server.disk.holdExecution = true;
    first.send(first.write(0, 1, {}, new Uint8Array(512)));
    // The handler has begun it: it can't be taken back.
    const [running] = server.disk.waitingForExecution.splice(0);
    const second = server.connect();
    expect(second.logIn()).toEqual([]);
    await Promise.resolve();
    expect(first.transport.closed).toBe(true);
    expect(second.receive()).toEqual([]);
    expect(second.transport.paused).toBe(true);
    if (running !== undefined) server.disk.waitingForExecution.push(running);
    server.disk.execute();
    expect(second.receive()[0]?.fields).toMatchObject({ status: 0, transit: true, tsih: 2 });
    expect(second.transport.paused).toBe(false);
    expect(server.server.sessionCount).toBe(1);
  });

  test("another ISID is another session", () => {
    const server = new TestServer();
    server.connect().logIn();
    const second = server.connect();
    second.isid = new Uint8Array([0x40, 0, 0, 2, 0, 0]);
    second.logIn();
    expect(server.server.sessionCount).toBe(2);
  });
});

describe("what the administrator takes away", () => {
  test("a session: its connection is dropped, and it can log in again", async () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.logIn();
    server.disk.holdExecution = true;
    initiator.send(initiator.write(0, 1, {}, new Uint8Array(512)));
    const [session] = server.server.targets.get(TARGET)!.sessions;
    let closed = false;
    session!.forceClose(() => {
      closed = true;
    });
    await Promise.resolve();
    expect(initiator.transport.closed).toBe(true);
    server.disk.execute();
    expect(closed).toBe(true);
    expect([server.server.sessionCount, server.server.connectionCount]).toEqual([0, 0]);
    expect(server.log.map(({ code }) => code)).toContain("ISCSI_FORCED_CLOSE");
    expect(server.connect().logIn()[0]?.fields).toMatchObject({ status: 0 });
  });

  test("a target: its connections are dropped, and nobody finds it any more", async () => {
    const server = new TestServer();
    const initiator = server.connect();
    initiator.logIn();
    let gone = false;
    server.core.closeTarget(server.server.targets.get(TARGET)!, () => {
      gone = true;
    });
    await Promise.resolve();
    expect([gone, initiator.transport.closed]).toEqual([true, true]);
    expect(server.server.exports).toEqual([]);
    const late = server.connect();
    late.send(late.login(TO_FULL_FEATURE, IDENTITY));
    // Target not found (RFC 7143, "Status-Class and Status-Detail").
    expect(statusOf(late)).toBe("203");
    await server.server.close();
  });
});
