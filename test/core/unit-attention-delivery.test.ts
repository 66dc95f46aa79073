/** Unit attentions that did not arrive, and those that MODE SELECT and LOG SELECT bring about. */
import { describe, expect, test } from "vitest";

import { encodeDescriptorSense, encodeFixedSense, SENSE } from "../../src/protocol/scsi/index.ts";
import {
  SCST_CMD_QUEUE_ACA,
  SCST_USER_DEVICE_CAPACITY_CHANGED,
} from "../../src/protocol/scst/index.ts";
import { Bench, type Initiator, NOTHING_LEFT } from "../support/bench.ts";

/** What TEST UNIT READY says, one after the other, until it says GOOD. */
function conditions(bench: Bench, initiator: Initiator, lun = 0): string[] {
  const heard: string[] = [];
  for (;;) {
    const sent = initiator.testUnitReady(lun);
    bench.serve();
    if (sent.response!.sense === "") return heard;
    heard.push(sent.response!.sense);
  }
}

describe("a response that does not arrive", () => {
  test("gives its unit attention back, before the others", () => {
    const [bench, initiator] = Bench.ready();
    bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED);
    bench.core.inquiryDataChanged("disk");
    bench.driver.holdResponses = true;
    initiator.testUnitReady();
    bench.driver.deliver(false);
    bench.driver.holdResponses = false;
    expect(conditions(bench, initiator)).toEqual(["6/2A/09", "6/3F/03"]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("that arrives gives nothing back", () => {
    const [bench, initiator] = Bench.ready();
    bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED);
    bench.driver.holdResponses = true;
    initiator.testUnitReady();
    bench.driver.deliver(true);
    bench.driver.holdResponses = false;
    expect(conditions(bench, initiator)).toEqual([]);
  });

  test("is about the whole I_T nexus where the LUNs changed", () => {
    const bench = Bench.withDisk();
    const initiator = bench.connect();
    conditions(bench, initiator);
    bench.target.addLun(1, "disk");
    bench.answerAttach();
    expect(conditions(bench, initiator, 1)).toEqual(["6/29/00", "6/3F/0E"]);
    bench.target.removeLun(1);
    bench.target.addLun(2, "disk");
    bench.serve();
    bench.driver.holdResponses = true;
    initiator.testUnitReady(0);
    bench.driver.deliver(false);
    bench.driver.holdResponses = false;
    expect(conditions(bench, initiator, 2)).toEqual(["6/3F/0E", "6/29/00"]);
    // Told once more, it is dropped at the others.
    expect(conditions(bench, initiator, 0)).toEqual([]);
  });

  test.each([
    ["fixed", encodeFixedSense(SENSE.NOT_READY_TO_READY_CHANGE), "6/28/00"],
    ["descriptor", encodeDescriptorSense(SENSE.NOT_READY_TO_READY_CHANGE), "6/28/00"],
    [
      "one that the core has no word for",
      Uint8Array.of(0x72, 6, 0x80, 0x42, 0, 0, 0, 0),
      "6/80/42",
    ],
  ])("with the handler's own, in %s format", (_format, sense, expected) => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdResponses = true;
    initiator.testUnitReady();
    fail(bench, sense);
    bench.driver.deliver(false);
    bench.driver.holdResponses = false;
    expect(conditions(bench, initiator)).toEqual([expected]);
  });

  test.each([
    ["another sense key", encodeFixedSense(SENSE.LBA_OUT_OF_RANGE)],
    ["a deferred error", encodeFixedSense(SENSE.CAPACITY_DATA_HAS_CHANGED, { deferred: true })],
    ["no sense data at all", new Uint8Array(0)],
    ["sense data that make no sense", Uint8Array.of(0xff, 6, 0x29, 0)],
    ["a cut one", Uint8Array.of(0x70)],
  ])("with %s leaves nothing to be told", (_what, sense) => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdResponses = true;
    initiator.testUnitReady();
    fail(bench, sense);
    bench.driver.deliver(false);
    bench.driver.holdResponses = false;
    expect(conditions(bench, initiator)).toEqual([]);
  });
});

/** The handler ends the command that it has with CHECK CONDITION. */
function fail(bench: Bench, sense: Uint8Array): void {
  const { program } = bench;
  const result = program.reply(program.expectGet(), ({ execReply }) => {
    execReply.replyType = 1;
    execReply.status = 2;
    execReply.senseLen = sense.length;
    execReply.psenseBuffer = program.put(sense);
  });
  expect(result).toBe(0);
}

describe("parameters that a command changes", () => {
  const select6 = [0x15, 0x10, 0, 0, 4, 0];
  const select10 = [0x55, 0x10, 0, 0, 0, 0, 0, 0, 8, 0];
  const logSelect = [0x4c, 0, 0x40, 0, 0, 0, 0, 0, 4, 0];
  const logReset = [0x4c, 2, 0x40, 0, 0, 0, 0, 0, 0, 0];

  test.each([
    ["MODE SELECT(6)", select6, 4, ["6/2A/01"]],
    ["MODE SELECT(10)", select10, 8, ["6/2A/01"]],
    ["LOG SELECT", logSelect, 4, ["6/2A/02"]],
    ["LOG SELECT that resets", logReset, 0, ["6/2A/02"]],
    ["MODE SELECT without parameters", [0x15, 0x10, 0, 0, 0, 0], 0, []],
    ["MODE SENSE", [0x1a, 0, 0x3f, 0, 0, 0], 0, []],
  ] as const)("%s tells the other initiators", (_name, cdb, length, expected) => {
    const [bench, initiator] = Bench.ready();
    const other = bench.connect("other");
    conditions(bench, other);
    initiator.send({ cdb, ...(length === 0 ? {} : { dataOut: new Uint8Array(length) }) });
    bench.serve();
    expect(conditions(bench, initiator)).toEqual([]);
    expect(conditions(bench, other)).toEqual(expected);
  });

  test("nothing is told of one that fails", () => {
    const [bench, initiator] = Bench.ready();
    const other = bench.connect("other");
    conditions(bench, other);
    initiator.send({ cdb: logReset });
    fail(bench, encodeFixedSense(SENSE.INVALID_FIELD_IN_CDB));
    expect(conditions(bench, other)).toEqual([]);
  });
});

describe("TMF_ONLY", () => {
  test.each([
    [0, "0"],
    [1, "30"],
  ])("%i: a command with the ACA attribute ends with status %sh", (tmfOnly, status) => {
    const [bench, initiator] = Bench.ready({ opt: { tmfOnly } });
    // A unit attention with NACA establishes the condition.
    bench.core.inquiryDataChanged("disk");
    initiator.send({ cdb: [0, 0, 0, 0, 0, 4] });
    const sent = initiator.send({ cdb: [0, 0, 0, 0, 0, 0], taskAttribute: SCST_CMD_QUEUE_ACA });
    bench.serve();
    expect(sent.response!.status.toString(16)).toBe(status);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});
