import { describe, expect, test } from "vitest";
import { UNIT_ATTENTIONS_MAX, UnitAttentionQueue } from "../../src/core/unit-attention.ts";
import { SENSE, type SenseCondition, STATUS } from "../../src/protocol/scsi/index.ts";
import {
  SCST_LUN_RESET,
  SCST_USER_DEVICE_CAPACITY_CHANGED,
} from "../../src/protocol/scst/index.ts";
import { Bench, errnoOf, type Initiator, type Request } from "../support/bench.ts";
import { inquiry, read10, reportLuns, requestSense, write10 } from "../support/cdbs.ts";
import { toHex } from "../support/hex.ts";

const POWER_ON = "6/29/00";
const CAPACITY = "6/2A/09";

const conditions: SenseCondition[] = Object.values(SENSE);

describe("the queue", () => {
  const a = SENSE.POWER_ON_RESET_OR_BUS_DEVICE_RESET;
  const b = SENSE.CAPACITY_DATA_HAS_CHANGED;

  test("first come, first served, each once", () => {
    const queue = new UnitAttentionQueue();
    for (const condition of [a, b, a]) queue.add(condition);
    expect([queue.peek(), queue.take(), queue.take(), queue.take()]).toEqual([a, a, b, undefined]);
    expect(queue.pending).toBe(false);
  });

  test("one may be put before the others", () => {
    const queue = new UnitAttentionQueue();
    for (const condition of [a, b]) queue.add(condition);
    queue.addFirst(b);
    expect([queue.take(), queue.take(), queue.take()]).toEqual([b, a, undefined]);
  });

  test("one may be taken away", () => {
    const queue = new UnitAttentionQueue();
    for (const condition of [a, b]) queue.add(condition);
    queue.remove(a);
    queue.remove(a);
    expect(queue.take()).toBe(b);
  });

  test(`has at most ${UNIT_ATTENTIONS_MAX}`, () => {
    const queue = new UnitAttentionQueue();
    expect(conditions.length).toBeGreaterThan(UNIT_ATTENTIONS_MAX);
    for (const condition of conditions) queue.add(condition);
    let count = 0;
    while (queue.take() !== undefined) count++;
    expect(count).toBe(UNIT_ATTENTIONS_MAX);
  });
});

describe("a new nexus has one for its power on", () => {
  const skipped: readonly [string, Request][] = [
    ["INQUIRY", { cdb: inquiry(36), dataInLength: 36 }],
    ["INQUIRY for a VPD page", { cdb: inquiry(36, 0), dataInLength: 36 }],
    ["REPORT LUNS", { cdb: reportLuns(64), dataInLength: 64 }],
  ];
  const reported: readonly [string, Request][] = [
    ["TEST UNIT READY", { cdb: [0, 0, 0, 0, 0, 0] }],
    ["READ(10)", { cdb: read10(0, 1), dataInLength: 512 }],
    ["WRITE(10)", { cdb: write10(0, 1), dataOut: new Uint8Array(512) }],
    ["START STOP UNIT", { cdb: [0x1b, 0, 0, 0, 1, 0] }],
    [
      "REPORT TARGET PORT GROUPS",
      { cdb: [0xa3, 0xa, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], dataInLength: 64 },
    ],
  ];

  test.each(skipped)("%s does not take it", (_name, request) => {
    const bench = Bench.withDisk();
    const initiator = bench.connect();
    const sent = initiator.send(request);
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
    expect(senseOf(bench, initiator)).toBe(POWER_ON);
  });

  test.each(reported)("%s takes it, once", (_name, request) => {
    const bench = Bench.withDisk();
    const initiator = bench.connect();
    const first = initiator.send(request);
    bench.serve();
    expect(first.response).toMatchObject({ status: STATUS.CHECK_CONDITION, sense: POWER_ON });
    const second = initiator.send(request);
    bench.serve();
    expect(second.response?.status).toBe(STATUS.GOOD);
  });

  test.each([
    ["fixed", false, "700006000000000a00000000290000000000"],
    ["descriptor", true, "7206290000000000"],
  ])("REQUEST SENSE has it as its data, in %s format", (_format, descriptor, data) => {
    const bench = Bench.withDisk();
    const initiator = bench.connect();
    const sent = initiator.send({ cdb: requestSense(252, descriptor), dataInLength: 252 });
    expect(bench.serve()).toEqual(["ALLOC_MEM"]);
    expect(toHex(sent.response!.dataIn)).toBe(data);
    expect(senseOf(bench, initiator)).toBe("");
  });

  test("REQUEST SENSE goes to the handler when there is none", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send({ cdb: requestSense(18), dataInLength: 18 });
    expect(bench.serve()).toContain("EXEC");
  });

  test("each nexus has its own", () => {
    const bench = Bench.withDisk();
    const [a, b] = [bench.connect("a"), bench.connect("b")];
    expect([senseOf(bench, a), senseOf(bench, b)]).toEqual([POWER_ON, POWER_ON]);
    expect([senseOf(bench, a), senseOf(bench, b)]).toEqual(["", ""]);
  });
});

describe("in between", () => {
  test("one that comes while a command waits for the handler goes before it", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send({ cdb: read10(0, 1), dataInLength: 512 });
    expect(bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED)).toBe(0);
    expect(bench.program.drain()).toEqual([]);
    expect(sent.response?.sense).toBe(CAPACITY);
  });

  test("a command that the handler has already is not touched", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send({ cdb: read10(0, 1), dataInLength: 512 });
    const get = bench.program.expectGet();
    bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED);
    bench.succeed(get);
    expect(sent.response?.status).toBe(STATUS.GOOD);
    expect(senseOf(bench, initiator)).toBe(CAPACITY);
  });

  test("an INQUIRY that waits for the handler passes", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send({ cdb: inquiry(36), dataInLength: 36 });
    bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED);
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
  });
});

describe("DEVICE_CAPACITY_CHANGED", () => {
  test("is told to every nexus", () => {
    const bench = Bench.withDisk();
    const initiators = [bench.connect("a"), bench.connect("b")];
    for (const initiator of initiators) initiator.testUnitReady();
    bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED);
    expect(initiators.map((each) => senseOf(bench, each))).toEqual([CAPACITY, CAPACITY]);
  });

  test("EINVAL for what has no capacity", () => {
    const bench = Bench.withDisk({ type: 1, blockSize: 0 });
    expect(errnoOf(bench.program.ioctl(SCST_USER_DEVICE_CAPACITY_CHANGED))).toBe("EINVAL");
  });
});

test("D_SENSE: the core's own sense is in descriptor format", () => {
  const bench = Bench.withDisk({ opt: { dSense: 1 } });
  const { response } = bench.connect().testUnitReady();
  expect(toHex(response!.senseBytes)).toBe("7206290000000000");
});

test("a LUN reset is told to every initiator", () => {
  const bench = Bench.withDisk();
  const [a, b] = [bench.connect("a"), bench.connect("b")];
  for (const each of [a, b]) each.testUnitReady();
  a.manage(SCST_LUN_RESET);
  bench.serve();
  expect([senseOf(bench, a), senseOf(bench, b)]).toEqual([POWER_ON, POWER_ON]);
});

/** What a TEST UNIT READY learns. */
function senseOf(bench: Bench, initiator: Initiator): string | undefined {
  const sent = initiator.testUnitReady();
  bench.serve();
  return sent.response?.sense;
}
