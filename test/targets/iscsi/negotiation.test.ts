import { describe, expect, test } from "vitest";
import { type KeyName, KEYS } from "../../../src/protocol/iscsi/index.ts";
import { ISCSI_LIMITS } from "../../../src/targets/iscsi/limits.ts";
import {
  Negotiation,
  type NegotiationPhase,
  offersOf,
  parametersOf,
} from "../../../src/targets/iscsi/negotiation.ts";

const offers = offersOf(ISCSI_LIMITS);

function negotiation(keys: readonly (readonly [string, string])[] = []): Negotiation {
  const result = new Negotiation(offers);
  for (const [key, value] of keys) result.receive(key, value, "operational");
  return result;
}

/** The answer to one key; "(nothing)", or "(ends the login 0200)". */
function answerTo(
  key: string,
  value: string,
  phase: NegotiationPhase = "operational",
  before: readonly (readonly [string, string])[] = [],
): string {
  const { answer, failure } = negotiation(before).receive(key, value, phase);
  if (failure !== undefined) return `(ends the login ${failure.status.toString(16)})`;
  return answer ?? "(nothing)";
}

const NOTHING = "(nothing)";
const ENDS = "(ends the login 200)";

// key, offer, answer
const OPERATIONAL: readonly (readonly [string, string, string])[] = [
  ["HeaderDigest", "None", "None"],
  ["HeaderDigest", "CRC32C,None", "CRC32C"],
  ["HeaderDigest", "None,CRC32C", "None"],
  ["HeaderDigest", "SHA9,None", "None"],
  ["HeaderDigest", "SHA9", "Reject"],
  ["DataDigest", "CRC32C", "CRC32C"],
  ["MaxConnections", "1", "1"],
  ["MaxConnections", "8", "8"],
  ["MaxConnections", "16", "8"],
  ["MaxConnections", "0", "Reject"],
  ["MaxConnections", "65536", "Reject"],
  ["InitialR2T", "Yes", "Yes"],
  ["InitialR2T", "No", "No"],
  ["InitialR2T", "yes", "Reject"],
  ["ImmediateData", "Yes", "Yes"],
  ["ImmediateData", "No", "No"],
  ["MaxRecvDataSegmentLength", "262144", NOTHING],
  ["MaxRecvDataSegmentLength", "512", NOTHING],
  ["MaxRecvDataSegmentLength", "511", ENDS],
  ["MaxRecvDataSegmentLength", "16777216", ENDS],
  ["MaxBurstLength", "16776192", "1048576"],
  ["MaxBurstLength", "262144", "262144"],
  ["MaxBurstLength", "511", "Reject"],
  ["MaxBurstLength", "0x1000", "4096"],
  ["MaxBurstLength", "0X1000", "4096"],
  ["MaxBurstLength", "many", "Reject"],
  ["MaxBurstLength", "", "Reject"],
  ["MaxBurstLength", "-1", "Reject"],
  ["MaxBurstLength", "1e4", "Reject"],
  ["MaxBurstLength", "04096", "Reject"],
  ["FirstBurstLength", "65536", "65536"],
  ["FirstBurstLength", "1048576", "262144"],
  ["FirstBurstLength", "511", "Reject"],
  ["DefaultTime2Wait", "0", "2"],
  ["DefaultTime2Wait", "3600", "3600"],
  ["DefaultTime2Wait", "3601", "Reject"],
  ["DefaultTime2Retain", "20", "0"],
  ["DefaultTime2Retain", "3601", "Reject"],
  ["MaxOutstandingR2T", "1", "1"],
  ["MaxOutstandingR2T", "64", "8"],
  ["MaxOutstandingR2T", "0", "Reject"],
  ["DataPDUInOrder", "No", "Yes"],
  ["DataPDUInOrder", "Yes", "Yes"],
  ["DataSequenceInOrder", "No", "Yes"],
  ["ErrorRecoveryLevel", "0", "0"],
  ["ErrorRecoveryLevel", "2", "2"],
  ["ErrorRecoveryLevel", "3", "Reject"],
  ["SessionType", "Normal", NOTHING],
  ["SessionType", "Discovery", NOTHING],
  ["SessionType", "Other", ENDS],
  ["TaskReporting", "FastAbort,RFC3720", "RFC3720"],
  ["TaskReporting", "FastAbort", "Reject"],
  ["iSCSIProtocolLevel", "2", "1"],
  ["iSCSIProtocolLevel", "32", "Reject"],
  ["InitiatorName", "iqn.2026-01.org.example:i", NOTHING],
  ["InitiatorAlias", "the initiator", NOTHING],
  ["TargetName", "iqn.2026-01.org.example:t", NOTHING],
  ["TargetName", "x".repeat(224), ENDS],
  // The target says these.
  ["TargetAlias", "x", "Reject"],
  ["TargetAddress", "192.0.2.1", "Reject"],
  ["TargetPortalGroupTag", "1", "Reject"],
  // For the full feature phase, and for security negotiation.
  ["SendTargets", "All", "Reject"],
  ["AuthMethod", "None", "Reject"],
  // RFC 7143, "Obsoleted Keys".
  ["IFMarker", "No", "No"],
  ["OFMarker", "Yes", "No"],
  ["IFMarkInt", "2048~65535", "Reject"],
  ["OFMarkInt", "1", "Reject"],
  ["X-com.example.thing", "1", "NotUnderstood"],
  ["X#NodeArchitecture", "pdp11", "NotUnderstood"],
  ["Nonsense", "", "NotUnderstood"],
  ["constructor", "1", "NotUnderstood"],
];

describe("operational keys", () => {
  test.each(OPERATIONAL)("%s=%s is answered with %s", (key, value, expected) => {
    expect(answerTo(key, value)).toBe(expected);
  });

  test("every key of the standard is in the table", () => {
    const tested = new Set(OPERATIONAL.map(([key]) => key));
    expect(Object.keys(KEYS).filter((key) => !tested.has(key))).toEqual([]);
  });

  test("an answer that is not admissible leaves the default", () => {
    const values = negotiation([["MaxBurstLength", "1"]]);
    expect(values.value("MaxBurstLength")).toBe(262_144);
  });
});

describe("security keys", () => {
  test.each([
    ["None", "None"],
    ["CHAP,None", "None"],
    ["CHAP", "(ends the login 201)"],
    ["", "(ends the login 201)"],
  ])("AuthMethod=%s is answered with %s", (value, expected) => {
    expect(answerTo("AuthMethod", value, "security")).toBe(expected);
  });
});

describe("keys that depend on others", () => {
  test("FirstBurstLength is at most MaxBurstLength", () => {
    const before = [["MaxBurstLength", "4096"]] as const;
    expect(answerTo("FirstBurstLength", "65536", "operational", before)).toBe("4096");
    expect(parametersOf(negotiation(before), negotiation(before)).firstBurstLength).toBe(4096);
  });

  test("FirstBurstLength means nothing without unsolicited data", () => {
    const before = [
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
    ] as const;
    expect(answerTo("FirstBurstLength", "65536", "operational", before)).toBe("Irrelevant");
  });

  test("in a discovery session many keys mean nothing", () => {
    const before = [["SessionType", "Discovery"]] as const;
    const irrelevant = (Object.keys(KEYS) as KeyName[]).filter(
      (key) => answerTo(key, "1", "operational", before) === "Irrelevant",
    );
    expect(irrelevant).toEqual([
      "MaxConnections",
      "InitialR2T",
      "ImmediateData",
      "MaxBurstLength",
      "FirstBurstLength",
      "MaxOutstandingR2T",
      "DataPDUInOrder",
      "DataSequenceInOrder",
      "TaskReporting",
      "iSCSIProtocolLevel",
    ]);
  });

  test("a key that is there twice ends the login", () => {
    for (const key of ["MaxBurstLength", "InitiatorName", "InitialR2T"]) {
      expect(answerTo(key, "1", "operational", [[key, "1"]])).toBe(ENDS);
    }
  });
});

describe("in the full feature phase", () => {
  test.each([
    ["MaxRecvDataSegmentLength", "4096", NOTHING],
    ["InitiatorAlias", "new name", NOTHING],
    ["MaxBurstLength", "4096", "Reject"],
    ["HeaderDigest", "CRC32C", "Reject"],
    ["TargetName", "other", "Reject"],
    ["X-com.example.thing", "1", "NotUnderstood"],
  ])("%s=%s is answered with %s", (key, value, expected) => {
    expect(answerTo(key, value, "fullFeature")).toBe(expected);
  });
});

test("the defaults are those of RFC 7143", () => {
  const values = negotiation();
  const defaults = (Object.keys(KEYS) as KeyName[]).map((key) => `${key}=${values.value(key)}`);
  expect(defaults).toMatchInlineSnapshot(`
    [
      "AuthMethod=None",
      "HeaderDigest=None",
      "DataDigest=None",
      "MaxConnections=1",
      "SendTargets=",
      "TargetName=",
      "InitiatorName=",
      "TargetAlias=",
      "InitiatorAlias=",
      "TargetAddress=",
      "TargetPortalGroupTag=1",
      "InitialR2T=true",
      "ImmediateData=true",
      "MaxRecvDataSegmentLength=8192",
      "MaxBurstLength=262144",
      "FirstBurstLength=65536",
      "DefaultTime2Wait=2",
      "DefaultTime2Retain=20",
      "MaxOutstandingR2T=1",
      "DataPDUInOrder=true",
      "DataSequenceInOrder=true",
      "ErrorRecoveryLevel=0",
      "SessionType=Normal",
      "TaskReporting=RFC3720",
      "iSCSIProtocolLevel=1",
      "IFMarker=",
      "OFMarker=",
      "IFMarkInt=",
      "OFMarkInt=",
    ]
  `);
});
