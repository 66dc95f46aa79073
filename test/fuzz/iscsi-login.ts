/**
 * The bytes of an input are what somebody sends to a portal that nobody has logged in at. The first
 * one says whether CHAP is required, and in what pieces the rest arrives.
 */
import { encodeText } from "../../src/protocol/iscsi/index.ts";
import { TARGET_USER, USER } from "../targets/iscsi/support/chap-client.ts";
import { INITIATOR, TARGET, TestServer } from "../targets/iscsi/support/initiator.ts";
import { Input } from "./support/input.ts";
import { expectNothingLeft } from "./support/iscsi-server.ts";

const CHAP = 0x80;
const PIECE_LENGTHS = [100_000, 1, 48, 50];

const chap = { users: [USER], mutual: TARGET_USER };
const limits = { authenticationFailureCountMax: 2 ** 31 - 1 };
const open = new TestServer(limits);
const guarded = new TestServer(limits, { chap, discoveryChap: chap });

export async function fuzz(bytes: Uint8Array): Promise<void> {
  const input = new Input(bytes);
  const how = input.byte();
  const server = (how & CHAP) === 0 ? open : guarded;
  const initiator = server.connect();
  initiator.chunkLength = PIECE_LENGTHS[how & 3] as number;
  initiator.send(input.take(input.left));
  // What the target sends must be PDUs.
  initiator.receive();
  const { logins } = guarded.server.statistics;
  if (logins > 0) throw new Error("somebody got in without a secret");
  initiator.transport.destroy();
  await expectNothingLeft(server);
}

/** Logins as they should be, each in both stages; and one step of CHAP. */
export function seeds(): Uint8Array[] {
  const initiator = open.connect();
  const identity: [string, string][] = [
    ["InitiatorName", INITIATOR],
    ["TargetName", TARGET],
  ];
  const straight = initiator.login({ transit: true, currentStage: 1, nextStage: 3 }, [
    ...identity,
    ["HeaderDigest", "CRC32C,None"],
    ["DataDigest", "None"],
    ["MaxBurstLength", "262144"],
    ["ErrorRecoveryLevel", "2"],
    ["X-unknown", "1"],
  ]);
  const security = [
    [...identity, ["AuthMethod", "CHAP,None"]],
    [["CHAP_A", "7,5"]],
    [
      ["CHAP_N", USER.name],
      ["CHAP_R", `0x${"5a".repeat(32)}`],
      ["CHAP_I", "1"],
      ["CHAP_C", "0b0123456789abcdef"],
    ],
  ] as [string, string][][];
  const steps = security.map((pairs) => initiator.loginBytes({ nextStage: 1 }, encodeText(pairs)));
  const discovery = initiator.login({ transit: true, currentStage: 1, nextStage: 3 }, [
    ["InitiatorName", INITIATOR],
    ["SessionType", "Discovery"],
  ]);
  const text = initiator.text([["SendTargets", "All"]]);
  initiator.transport.destroy();
  return [
    Buffer.concat([new Uint8Array([0]), straight]),
    Buffer.concat([new Uint8Array([CHAP]), ...steps]),
    Buffer.concat([new Uint8Array([2]), discovery, text]),
  ];
}
