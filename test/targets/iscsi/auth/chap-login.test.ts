import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { ChapOptions } from "../../../../src/targets/index.ts";
import { FakeTransport } from "../support/fake-transport.ts";
import { INITIATOR, TARGET, type TestInitiator, TestServer } from "../support/initiator.ts";
import {
  type Challenge,
  challengeOf,
  keysOf,
  responseTo,
  TARGET_USER,
  USER,
} from "../support/chap-client.ts";
import { Transcript } from "../support/transcript.ts";

const IDENTITY = [
  ["InitiatorName", INITIATOR],
  ["TargetName", TARGET],
] as const;

const ONE_WAY: ChapOptions = { users: [USER] };
const MUTUAL: ChapOptions = { users: [USER], mutual: TARGET_USER };

type Pairs = readonly (readonly [string, string])[];

function say(initiator: TestInitiator, values: object, pairs: Pairs) {
  initiator.send(initiator.login({ currentStage: 0, nextStage: 1, ...values }, pairs));
  const [pdu] = initiator.receive();
  return { status: Number(pdu?.fields["status"]).toString(16), keys: keysOf(pdu), pdu };
}

/** Up to the challenge. */
function challenged(
  server: TestServer,
  algorithms = "7,5",
  transport?: FakeTransport,
): { initiator: TestInitiator; challenge: Challenge } {
  const initiator = server.connect(transport);
  say(initiator, {}, [...IDENTITY, ["AuthMethod", "CHAP,None"]]);
  const { keys } = say(initiator, {}, [["CHAP_A", algorithms]]);
  return { initiator, challenge: challengeOf(keys) };
}

function responsePairs(challenge: Challenge, secret = USER.secret, name = USER.name): Pairs {
  const { algorithm, identifier, bytes } = challenge;
  return [
    ["CHAP_N", name],
    ["CHAP_R", responseTo(algorithm, identifier, secret, bytes)],
  ];
}

function serverWith(chap: ChapOptions = ONE_WAY): TestServer {
  return new TestServer({}, { chap });
}

describe("a login with CHAP", () => {
  test("one way, from the first PDU to the full feature phase", () => {
    const target = serverWith();
    const initiator = target.connect();
    const transcript = new Transcript(initiator);
    const [first] = transcript.say(
      initiator.login({ nextStage: 1, transit: true }, [...IDENTITY, ["AuthMethod", "CHAP,None"]]),
    );
    expect(Object.fromEntries(keysOf(first))).toEqual({
      TargetPortalGroupTag: "1",
      AuthMethod: "CHAP",
    });
    const [second] = transcript.say(initiator.login({}, [["CHAP_A", "5"]]));
    const challenge = challengeOf(keysOf(second));
    expect(challenge).toMatchObject({ algorithm: "5" });
    expect(challenge.bytes).toHaveLength(16);
    transcript.say(initiator.login({ nextStage: 1, transit: true }, responsePairs(challenge)));
    transcript.say(initiator.login({ currentStage: 1, nextStage: 3, transit: true }, []));
    const lengths = transcript.text.replaceAll(/ \+\d+/g, "");
    expect(lengths).toMatchInlineSnapshot(`
      "
      > Login Request: immediate itt=256 transit nextStage=1 cmdSn=1
      < Login Response: itt=256 stat=1 exp=1 max=128
      > Login Request: immediate itt=256 cmdSn=1
      < Login Response: itt=256 stat=2 exp=1 max=128
      > Login Request: immediate itt=256 transit nextStage=1 cmdSn=1
      < Login Response: itt=256 transit nextStage=1 stat=3 exp=1 max=128
      > Login Request: immediate itt=256 transit currentStage=1 nextStage=3 cmdSn=1
      < Login Response: itt=256 transit currentStage=1 nextStage=3 tsih=1 stat=4 exp=1 max=128
      "
    `);
    expect(target.server.statistics.sessions).toMatchObject([
      { initiatorName: INITIATOR, targetName: TARGET, userName: "alice" },
    ]);
  });

  test.each([
    ["5", 16],
    ["6", 20],
    ["7", 32],
    ["8", 32],
  ])("mutual, algorithm %s", (algorithm, length) => {
    const { initiator, challenge } = challenged(serverWith(MUTUAL), algorithm);
    expect(challenge.algorithm).toBe(algorithm);
    expect(challenge.bytes).toHaveLength(length);
    const ours = Buffer.from("a challenge of the initiator");
    const { status, keys, pdu } = say(initiator, { transit: true }, [
      ...responsePairs(challenge),
      ["CHAP_I", "0x11"],
      ["CHAP_C", `0b${ours.toString("base64")}`],
    ]);
    expect(status).toBe("0");
    expect(pdu?.fields["transit"]).toBe(true);
    expect(Object.fromEntries(keys)).toEqual({
      CHAP_N: TARGET_USER.name,
      CHAP_R: responseTo(algorithm, 0x11, TARGET_USER.secret, ours),
    });
  });

  test("the response in base64", () => {
    const { initiator, challenge } = challenged(serverWith());
    const hex = responsePairs(challenge)[1]?.[1].slice(2) ?? "";
    const { status } = say(initiator, { transit: true }, [
      ["CHAP_N", USER.name],
      ["CHAP_R", `0b${Buffer.from(hex, "hex").toString("base64")}`],
    ]);
    expect(status).toBe("0");
  });

  test("the initiator's order of algorithms decides, among those that are allowed", () => {
    const only = serverWith({ users: [USER], digests: ["SHA-256", "SHA1"] });
    expect(challenged(only, "5,8,6,7").challenge.algorithm).toBe("6");
    const initiator = only.connect();
    say(initiator, {}, [...IDENTITY, ["AuthMethod", "CHAP"]]);
    expect(say(initiator, {}, [["CHAP_A", "5,8,99,x"]]).status).toBe("201");
  });

  test("several users, each with a secret of its own", () => {
    const bob = { name: "bob", secret: "bob's secret is his" };
    const target = serverWith({ users: [USER, bob] });
    const first = challenged(target);
    const pairs = responsePairs(first.challenge, bob.secret, bob.name);
    expect(say(first.initiator, { transit: true }, pairs).status).toBe("0");
    const second = challenged(target);
    const mixed = responsePairs(second.challenge, bob.secret, USER.name);
    expect(say(second.initiator, { transit: true }, mixed).status).toBe("201");
  });

  test("a user that is tied to other initiators is denied as a wrong secret is", () => {
    for (const [pattern, status] of [
      ["*:another", "201"],
      [INITIATOR, "0"],
    ]) {
      const target = serverWith({ users: [{ ...USER, initiators: [pattern ?? ""] }] });
      const { initiator, challenge } = challenged(target);
      expect(say(initiator, {}, responsePairs(challenge)).status).toBe(status);
    }
  });

  test("a challenge is never the same, and an old response is of no use", () => {
    const target = serverWith();
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      seen.add(Buffer.from(challenged(target).challenge.bytes).toString("hex"));
    }
    expect(seen.size).toBe(20);
    const first = challenged(target);
    const pairs = responsePairs(first.challenge);
    expect(say(first.initiator, { transit: true }, pairs).status).toBe("0");
    const second = challenged(target);
    expect(say(second.initiator, { transit: true }, pairs).status).toBe("201");
  });
});

describe("CHAP fails with 0201", () => {
  test.each([
    ["a wrong secret", "alice has no secret.", "alice"],
    ["an unknown user", USER.secret, "mallory"],
    ["a name in another case", USER.secret, "Alice"],
    ["no name", USER.secret, ""],
  ])("%s", async (_what, secret, name) => {
    const target = serverWith();
    const { initiator, challenge } = challenged(target);
    const pairs = responsePairs(challenge, secret, name);
    expect(say(initiator, { transit: true }, pairs).status).toBe("201");
    expect(initiator.transport.ended).toBe(true);
    await Promise.resolve();
    expect(target.server.sessionCount).toBe(0);
    expect(target.server.statistics).toMatchObject({ authenticationFailures: 1, logins: 0 });
  });

  test("a response of the wrong length", () => {
    const { initiator, challenge } = challenged(serverWith(), "7");
    const short = responseTo("5", challenge.identifier, USER.secret, challenge.bytes);
    const pairs: Pairs = [
      ["CHAP_N", USER.name],
      ["CHAP_R", short],
    ];
    expect(say(initiator, { transit: true }, pairs).status).toBe("201");
  });

  test("our own challenge comes back as theirs", () => {
    const { initiator, challenge } = challenged(serverWith(MUTUAL));
    const { status, keys } = say(initiator, { transit: true }, [
      ...responsePairs(challenge),
      ["CHAP_I", String(challenge.identifier)],
      ["CHAP_C", `0x${Buffer.from(challenge.bytes).toString("hex")}`],
    ]);
    expect(status).toBe("201");
    expect(keys.has("CHAP_R")).toBe(false);
  });

  test("reflection: the target's answer on one connection, sent to it on another", () => {
    const target = serverWith(MUTUAL);
    const victim = challenged(target);
    // The attacker knows a user's secret and has the target answer the victim's challenge.
    const oracle = challenged(target);
    const { keys } = say(oracle.initiator, { transit: true }, [
      ...responsePairs(oracle.challenge),
      ["CHAP_I", String(victim.challenge.identifier)],
      ["CHAP_C", `0x${Buffer.from(victim.challenge.bytes).toString("hex")}`],
    ]);
    const reflected: Pairs = [
      ["CHAP_N", USER.name],
      ["CHAP_R", keys.get("CHAP_R") ?? ""],
    ];
    expect(keys.get("CHAP_R")).toMatch(/^0x/);
    expect(say(victim.initiator, { transit: true }, reflected).status).toBe("201");
  });

  test("mutual CHAP is asked for and there is none", () => {
    const { initiator, challenge } = challenged(serverWith(ONE_WAY));
    const { status } = say(initiator, { transit: true }, [
      ...responsePairs(challenge),
      ["CHAP_I", "1"],
      ["CHAP_C", "0x0123456789abcdef"],
    ]);
    expect(status).toBe("201");
  });
});

describe("without CHAP, where it is required, 0201", () => {
  test.each([
    ["from the operational stage", { currentStage: 1, nextStage: 3, transit: true }, []],
    ["with AuthMethod=None", { transit: true }, [["AuthMethod", "None"]]],
    ["without AuthMethod", { transit: true }, []],
    ["to the full feature phase at once", { nextStage: 3, transit: true }, []],
  ] as const)("%s", (_what, values, pairs) => {
    const initiator = serverWith().connect();
    expect(say(initiator, values, [...IDENTITY, ...pairs]).status).toBe("201");
  });

  test("in the middle of the exchange, by going on to the operational stage", () => {
    const { initiator } = challenged(serverWith());
    const values = { currentStage: 1, nextStage: 3, transit: true };
    expect(say(initiator, values, []).status).toBe("201");
  });

  test("T before the end of the exchange is answered without T", () => {
    const { initiator } = challenged(serverWith());
    const { status, pdu } = say(initiator, { transit: true, nextStage: 3 }, []);
    expect(status).toBe("0");
    expect(pdu?.fields["transit"]).toBe(false);
  });
});

describe("an exchange out of order ends the login", () => {
  const response: Pairs = [
    ["CHAP_N", "alice"],
    ["CHAP_R", "0x00112233445566778899aabbccddeeff"],
  ];
  test.each<[string, Pairs, string]>([
    ["a response without a challenge", response, "200"],
    ["algorithms and a response at once", [["CHAP_A", "5"], ...response], "200"],
    [
      "a key twice",
      [
        ["CHAP_A", "5"],
        ["CHAP_A", "7"],
      ],
      "200",
    ],
  ])("%s", (_what, pairs, status) => {
    const initiator = serverWith().connect();
    say(initiator, {}, [...IDENTITY, ["AuthMethod", "CHAP"]]);
    expect(say(initiator, {}, pairs).status).toBe(status);
  });

  test.each<[string, Pairs, string]>([
    ["algorithms once more", [["CHAP_A", "5"]], "200"],
    ["a name without a response", [["CHAP_N", "alice"]], "207"],
    ["a response without a name", [["CHAP_R", "0x00"]], "207"],
    ["half of a challenge", [...response, ["CHAP_I", "1"]], "207"],
    [
      "a response that is no binary value",
      [
        ["CHAP_N", "alice"],
        ["CHAP_R", "abc"],
      ],
      "200",
    ],
    [
      "a response that is too long",
      [
        ["CHAP_N", "a"],
        ["CHAP_R", `0x${"00".repeat(1025)}`],
      ],
      "200",
    ],
  ])("%s", (_what, pairs, status) => {
    const { initiator } = challenged(serverWith());
    expect(say(initiator, {}, pairs).status).toBe(status);
  });

  test.each<[string, string, string]>([
    ["an identifier of nine bits", "256", "0x00"],
    ["an empty challenge", "1", "0x"],
    ["a challenge of 1,025 bytes", "1", `0x${"00".repeat(1025)}`],
  ])("%s", (_what, identifier, text) => {
    const { initiator, challenge } = challenged(serverWith(MUTUAL));
    const { status } = say(initiator, {}, [
      ...responsePairs(challenge),
      ["CHAP_I", identifier],
      ["CHAP_C", text],
    ]);
    expect(status).toBe("200");
  });

  test("CHAP keys where no CHAP is", () => {
    const initiator = new TestServer().connect();
    expect(say(initiator, {}, [...IDENTITY, ["CHAP_A", "5"]]).status).toBe("200");
  });
});

describe("what CHAP is for", () => {
  test("discovery has users of its own", () => {
    const target = new TestServer({}, { discoveryChap: ONE_WAY });
    const discovery = [
      ["InitiatorName", INITIATOR],
      ["SessionType", "Discovery"],
    ] as const;
    const values = { currentStage: 1, nextStage: 3, transit: true };
    expect(say(target.connect(), values, discovery).status).toBe("201");
    expect(say(target.connect(), values, IDENTITY).status).toBe("0");
    const initiator = target.connect();
    say(initiator, {}, [...discovery, ["AuthMethod", "CHAP"]]);
    const { keys } = say(initiator, {}, [["CHAP_A", "7"]]);
    const pairs = responsePairs(challengeOf(keys));
    expect(say(initiator, { transit: true, nextStage: 3 }, pairs).status).toBe("0");
  });

  test("a target may have users of its own, or none", () => {
    const bob = { name: "bob", secret: "bob's secret is his" };
    const own = new TestServer({}, { chap: ONE_WAY, target: { chap: { users: [bob] } } });
    const { initiator, challenge } = challenged(own);
    expect(say(initiator, { transit: true }, responsePairs(challenge)).status).toBe("201");
    const open = new TestServer({}, { chap: ONE_WAY, target: { chap: false } });
    const values = { currentStage: 1, nextStage: 3, transit: true };
    expect(say(open.connect(), values, IDENTITY).status).toBe("0");
  });
});

describe("guessing", () => {
  const limits = { authenticationFailureCountMax: 3, lockoutTimeMs: 60_000 };

  function guess(target: TestServer, secret: string, address?: string): string {
    const transport = new FakeTransport(address);
    const initiator = target.connect(transport);
    const first = say(initiator, {}, [...IDENTITY, ["AuthMethod", "CHAP"]]);
    if (first.status !== "0") return `at once ${first.status}`;
    const { keys } = say(initiator, {}, [["CHAP_A", "5"]]);
    return say(initiator, { transit: true }, responsePairs(challengeOf(keys), secret)).status;
  }

  test("an address that fails too often has to wait, also with the right secret", () => {
    const target = new TestServer(limits, { chap: ONE_WAY });
    for (let i = 0; i < 3; i++) expect(guess(target, `wrong secret ${i}`)).toBe("201");
    expect(guess(target, USER.secret)).toBe("at once 201");
    expect(guess(target, USER.secret, "192.0.2.9:1234")).toBe("at once 201");
    expect(guess(target, USER.secret, "192.0.2.10:50000")).toBe("0");
    target.advance(59_999);
    expect(guess(target, USER.secret)).toBe("at once 201");
    target.advance(1);
    expect(guess(target, USER.secret)).toBe("0");
  });

  test("logins side by side are no more guesses than one after another", () => {
    const target = new TestServer(limits, { chap: ONE_WAY });
    const open = Array.from({ length: 6 }, () => challenged(target, "5"));
    const statuses = open.map(({ initiator, challenge }, i) => {
      const secret = i === 5 ? USER.secret : `wrong secret ${i}`;
      return say(initiator, { transit: true }, responsePairs(challenge, secret)).status;
    });
    expect(statuses).toEqual(Array(6).fill("201"));
  });

  test("a login that succeeds makes up for those before", () => {
    const target = new TestServer(limits, { chap: ONE_WAY });
    for (const secret of ["wrong secret 1", "wrong secret 2", USER.secret, "wrong secret 3"]) {
      guess(target, secret);
    }
    expect(guess(target, USER.secret)).toBe("0");
  });
});

describe("secrets", () => {
  test("are in no log line and in no inspection", () => {
    const target = serverWith(MUTUAL);
    const good = challenged(target);
    say(good.initiator, { transit: true }, responsePairs(good.challenge));
    const bad = challenged(target);
    say(bad.initiator, { transit: true }, responsePairs(bad.challenge, TARGET_USER.secret));
    const seen = [inspect(target.server, { depth: 20 }), inspect(target.log, { depth: 9 })].join();
    for (const secret of [USER.secret, TARGET_USER.secret]) {
      expect(seen).not.toContain(secret);
      expect(seen).not.toContain(Buffer.from(secret).toString("hex"));
      expect(seen).not.toContain([...Buffer.from(secret)].join(", "));
    }
    expect(JSON.stringify(target.server.statistics)).not.toContain(USER.secret);
  });

  test.each<[string, ChapOptions, string]>([
    ["of 11 bytes", { users: [{ name: "a", secret: "x".repeat(11) }] }, "CHAP_SECRET_LENGTH"],
    ["of 256 bytes", { users: [{ name: "a", secret: "x".repeat(256) }] }, "CHAP_SECRET_LENGTH"],
    ["of both directions", { users: [USER], mutual: { ...USER, name: "t" } }, "CHAP_SECRET_SHARED"],
    ["of nobody", { users: [{ ...USER, name: "" }] }, "CHAP_NAME"],
    ["of two of one name", { users: [USER, USER] }, "CHAP_USERS"],
    ["of none", { users: [] }, "CHAP_USERS"],
    ["without a digest", { users: [USER], digests: [] }, "CHAP_DIGESTS"],
  ])("%s are refused", (_what, chap, code) => {
    let message = "";
    try {
      serverWith(chap);
    } catch (error) {
      expect(error).toMatchObject({ code });
      message = String(error);
    }
    expect(message).not.toBe("");
    expect(message).not.toContain("xxxx");
  });

  test.each([12, 255])("of %d bytes are taken", (length) => {
    expect(() => serverWith({ users: [{ name: "a", secret: "x".repeat(length) }] })).not.toThrow();
  });
});
