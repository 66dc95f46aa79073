/**
 * Every state of a login × every pair of stages × every key: what the target says. The grid is a
 * transcript of its own, kept in login-grid.snap.txt; a cell that changes shows up in review.
 * LOGIN_GRID_UPDATE=1 writes it anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KEYS } from "../../../src/protocol/iscsi/index.ts";
import { INITIATOR, TARGET, type TestInitiator, TestServer } from "./support/initiator.ts";
import { challengeOf, keysOf, responseTo, USER } from "./support/chap-client.ts";

const GRID = join(import.meta.dirname, "login-grid.snap.txt");

type Pairs = [string, string][];

const IDENTITY: Pairs = [
  ["InitiatorName", INITIATOR],
  ["TargetName", TARGET],
];

/** How far a login is, and how it got there. */
const STATES: Readonly<Record<string, (server: TestServer) => TestInitiator>> = {
  "nothing said": (server) => connect(server),
  "named, security stage": (server) => said(server, { currentStage: 0 }, IDENTITY),
  authenticating: (server) =>
    said(server, { currentStage: 0 }, [...IDENTITY, ["AuthMethod", "CHAP"]]),
  challenged: (server) => challenged(server),
  "authenticated, operational stage": (server) => authenticated(server),
  "operational without CHAP": (server) => said(server, { currentStage: 1 }, IDENTITY),
};
/** Those in which the target asks for CHAP. */
const CHAP_STATES = new Set([
  "named, security stage",
  "authenticating",
  "challenged",
  "authenticated, operational stage",
]);

const STAGES = [
  [0, undefined],
  [0, 1],
  [0, 3],
  [1, undefined],
  [1, 3],
  [1, 0],
  [2, undefined],
  [3, undefined],
] as const;

/** A value that is good for each key. */
const VALUES: Readonly<Record<string, string>> = {
  AuthMethod: "CHAP,None",
  HeaderDigest: "CRC32C,None",
  DataDigest: "None",
  SendTargets: "All",
  TargetName: TARGET,
  InitiatorName: INITIATOR,
  InitialR2T: "Yes",
  ImmediateData: "No",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes",
  MaxRecvDataSegmentLength: "4096",
  MaxBurstLength: "65536",
  FirstBurstLength: "8192",
  SessionType: "Normal",
  TaskReporting: "RFC3720",
  IFMarker: "No",
  OFMarker: "No",
  IFMarkInt: "1~2",
  OFMarkInt: "1~2",
  CHAP_A: "7",
  CHAP_I: "1",
  CHAP_C: "0x00",
  CHAP_N: "alice",
  CHAP_R: "0x00",
  "X-org.example": "1",
};

function said(
  server: TestServer,
  values: Readonly<Record<string, unknown>>,
  pairs: Pairs,
): TestInitiator {
  const initiator = connect(server);
  initiator.send(initiator.login(values, pairs));
  initiator.receive();
  return initiator;
}

function challenged(server: TestServer): TestInitiator {
  const initiator = said(server, { currentStage: 0 }, [...IDENTITY, ["AuthMethod", "CHAP"]]);
  initiator.send(initiator.login({ currentStage: 0 }, [["CHAP_A", "7"]]));
  initiator.receive();
  return initiator;
}

function authenticated(server: TestServer): TestInitiator {
  const initiator = said(server, { currentStage: 0 }, [...IDENTITY, ["AuthMethod", "CHAP"]]);
  initiator.send(initiator.login({ currentStage: 0 }, [["CHAP_A", "7"]]));
  const { algorithm, identifier, bytes } = challengeOf(keysOf(initiator.receive()[0]));
  const pairs: Pairs = [
    ["CHAP_N", USER.name],
    ["CHAP_R", responseTo(algorithm, identifier, USER.secret, bytes)],
  ];
  initiator.send(initiator.login({ currentStage: 0, nextStage: 1, transit: true }, pairs));
  initiator.receive();
  return initiator;
}

const COUNT_MAX = 100_000;
const LIMITS = {
  connectionCountMax: COUNT_MAX,
  sessionCountMax: 65_535,
  authenticationFailureCountMax: COUNT_MAX,
};

let isid = 0;

/** Each as another initiator port, so that none takes the place of another. */
function connect(server: TestServer): TestInitiator {
  const initiator = server.connect();
  isid++;
  initiator.isid = new Uint8Array([0x40, 0, 0, 0, isid >> 8, isid & 0xff]);
  return initiator;
}

/** `-> 1 Key=Value`, or the status that ends the login. */
function cell(
  server: TestServer,
  state: string,
  [stage, next]: (typeof STAGES)[number],
  pairs: Pairs,
): string {
  const initiator = STATES[state]!(server);
  const goal = next === undefined ? {} : { transit: true, nextStage: next };
  initiator.send(initiator.login({ currentStage: stage, ...goal }, pairs));
  const [pdu] = initiator.receive();
  initiator.transport.destroy();
  const { status, transit, nextStage } = pdu?.fields ?? {};
  if (status !== 0) return Number(status).toString(16).padStart(4, "0");
  const keys = Array.from(keysOf(pdu), ([key, value]) => {
    return key === "CHAP_C" || key === "CHAP_I" ? key : `${key}=${value}`;
  });
  const own = keys.filter((pair) => !/^(MaxRecv.*|TargetPortalGroupTag)=\d/.test(pair));
  return `${transit === true ? `-> ${Number(nextStage)}` : "stays"} ${own.join(" ")}`.trim();
}

function grid(): string {
  const keys = [...Object.keys(KEYS), ...["A", "I", "C", "N", "R"].map((name) => `CHAP_${name}`)];
  const lines: string[] = [];
  const plain = new TestServer(LIMITS);
  const withChap = new TestServer(LIMITS, { chap: { users: [USER] } });
  for (const state of Object.keys(STATES)) {
    const server = CHAP_STATES.has(state) ? withChap : plain;
    for (const stage of STAGES) {
      const [current, next] = stage;
      lines.push("", `${state}: stage ${current}${next === undefined ? "" : ` to ${next}`}`);
      const cells = new Map<string, string[]>();
      for (const key of ["(nothing)", ...keys, "X-org.example"]) {
        const pairs: Pairs = key === "(nothing)" ? [] : [[key, VALUES[key] ?? "1"]];
        const answer = cell(server, state, stage, pairs);
        cells.set(answer, [...(cells.get(answer) ?? []), key]);
      }
      for (const [answer, names] of cells) lines.push(`  ${answer}  <  ${names.join(" ")}`);
    }
  }
  return `${lines.join("\n").trim()}\n`;
}

test("every state, every stage, every key", () => {
  const found = grid();
  if (process.env["LOGIN_GRID_UPDATE"] === "1") writeFileSync(GRID, found);
  expect(found).toBe(readFileSync(GRID, "utf8"));
});

test("no cell of an unauthenticated login leads on", () => {
  const text = readFileSync(GRID, "utf8");
  const blocks = text
    .split("\n\n")
    .filter((block) => /^(named|authenticating|challenged)/.test(block));
  expect(blocks).toHaveLength(3 * STAGES.length);
  for (const block of blocks) expect(block).not.toContain("->");
});
