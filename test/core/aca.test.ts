/** Auto contingent allegiance: what a CHECK CONDITION with NACA does to the commands after it. */
import { describe, expect, test } from "vitest";
import { TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_CLEAR_ACA,
  SCST_CMD_QUEUE_ACA,
  SCST_CMD_QUEUE_HEAD_OF_QUEUE,
  SCST_CMD_QUEUE_ORDERED,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS_SESS,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, type Initiator, NOTHING_LEFT, type Request } from "../support/bench.ts";
import { read10 } from "../support/cdbs.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const READ_NACA = { cdb: [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0x04], dataInLength: 512 };
const INQUIRY = { cdb: [0x12, 0, 0, 0, 36, 0], dataInLength: 36 };
const RESERVED_OPCODE = { cdb: [0x1f, 0, 0, 0, 0, 0] };
const RESERVED_OPCODE_NACA = { cdb: [0x1f, 0, 0, 0, 0, 0x04] };
const ACA = { taskAttribute: SCST_CMD_QUEUE_ACA };

const { ACA_ACTIVE, BUSY, GOOD } = STATUS;

function scene(opt: Readonly<Record<string, number>> = {}) {
  const bench = Bench.withDisk({ opt: { tst: 0, ...opt } });
  const [a, b] = [bench.connect("a"), bench.connect("b")];
  for (const initiator of [a, b]) initiator.testUnitReady();
  return { bench, a, b };
}

/** `a` has failed with NACA. */
function contingent(opt?: Readonly<Record<string, number>>) {
  const all = scene(opt);
  expect(all.a.send(RESERVED_OPCODE_NACA).response?.sense).toBe("5/20/00");
  return all;
}

/** The status, with the handler's help. */
function statusOf(bench: Bench, initiator: Initiator, request: Request): number | undefined {
  const sent = initiator.send(request);
  bench.serve();
  return sent.response?.status;
}

describe("while there is an ACA condition", () => {
  const ROWS: readonly (readonly [string, "a" | "b", Request, number, number])[] = [
    // Who sends what; the status with one task set, and with a task set for each nexus.
    ["the faulted nexus, SIMPLE", "a", READ, ACA_ACTIVE, ACA_ACTIVE],
    ["the faulted nexus, INQUIRY", "a", INQUIRY, ACA_ACTIVE, ACA_ACTIVE],
    [
      "the faulted nexus, HEAD OF QUEUE",
      "a",
      { ...READ, taskAttribute: SCST_CMD_QUEUE_HEAD_OF_QUEUE },
      ACA_ACTIVE,
      ACA_ACTIVE,
    ],
    ["the faulted nexus, ACA", "a", { ...READ, ...ACA }, GOOD, GOOD],
    ["the faulted nexus, INQUIRY with ACA", "a", { ...INQUIRY, ...ACA }, GOOD, GOOD],
    ["another nexus", "b", READ, BUSY, GOOD],
    ["another nexus with NACA", "b", READ_NACA, ACA_ACTIVE, GOOD],
    ["another nexus, ACA", "b", { ...READ, ...ACA }, BUSY, STATUS.CHECK_CONDITION],
  ];

  test.each(
    ROWS.flatMap(([title, who, request, together, apart]) => [
      { title: `${title}, TST 0`, tst: 0, who, request, status: together },
      { title: `${title}, TST 1`, tst: 1, who, request, status: apart },
    ]),
  )("$title", ({ tst, who, request, status }) => {
    const { bench, ...initiators } = contingent({ tst });
    expect(statusOf(bench, initiators[who], request)).toBe(status);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("one ACA command at a time", () => {
    const { bench, a } = contingent();
    const first = a.send({ ...READ, ...ACA });
    expect(a.send({ ...READ, ...ACA }).response?.status).toBe(ACA_ACTIVE);
    bench.serve();
    expect(first.response?.status).toBe(GOOD);
    expect(statusOf(bench, a, { ...READ, ...ACA })).toBe(GOOD);
  });

  test("what waited goes on waiting, until CLEAR ACA", () => {
    const { bench, a, b } = scene();
    const first = a.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED });
    const behind = [a.send(READ), b.send(READ)];
    a.send(RESERVED_OPCODE_NACA);
    bench.serve();
    expect(first.response?.status).toBe(GOOD);
    expect(behind.map(({ response }) => response)).toEqual([undefined, undefined]);
    a.manage(SCST_CLEAR_ACA);
    bench.serve();
    expect(behind.map(({ response }) => response?.status)).toEqual([GOOD, GOOD]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("there is none", () => {
  test("a command with the ACA attribute is refused", () => {
    const { a } = scene();
    expect(a.send({ ...READ, ...ACA }).response?.sense).toBe("5/49/00");
  });

  test("a CHECK CONDITION without NACA establishes none", () => {
    const { bench, a } = scene();
    a.send(RESERVED_OPCODE);
    expect(statusOf(bench, a, READ)).toBe(GOOD);
  });

  test("a command with NACA that succeeds establishes none", () => {
    const { bench, a } = scene();
    expect(statusOf(bench, a, READ_NACA)).toBe(GOOD);
    expect(statusOf(bench, a, READ)).toBe(GOOD);
  });

  test("the handler keeps the order itself: NACA is its affair", () => {
    const { bench, a } = contingent({ hasOwnOrderMgmt: 1 });
    expect(statusOf(bench, a, READ)).toBe(GOOD);
  });
});

describe("the end of an ACA condition", () => {
  type End = (bench: Bench, a: Initiator, b: Initiator) => void;
  const preempt = (bench: Bench, a: Initiator, b: Initiator, serviceAction: number) => {
    a.session.nexusOf(0)!.taskSet.aca = undefined;
    const parameters = (key: number, newKey: number) => {
      const dataOut = new Uint8Array(24);
      dataOut[7] = key;
      dataOut[15] = newKey;
      return dataOut;
    };
    const prOut = (who: Initiator, action: number, dataOut: Uint8Array) =>
      statusOf(bench, who, { cdb: [0x5f, action, 1, 0, 0, 0, 0, 0, 24, 0], dataOut });
    expect(prOut(a, 0, parameters(0, 1))).toBe(GOOD);
    expect(prOut(b, 0, parameters(0, 2))).toBe(GOOD);
    a.send(RESERVED_OPCODE_NACA);
    prOut(b, serviceAction, parameters(2, 1));
  };
  const ENDS: readonly (readonly [string, boolean, End])[] = [
    ["CLEAR ACA", true, (_bench, a) => a.manage(SCST_CLEAR_ACA)],
    ["CLEAR ACA of another nexus", false, (_bench, _a, b) => b.manage(SCST_CLEAR_ACA)],
    ["LUN RESET", true, (_bench, _a, b) => b.manage(SCST_LUN_RESET)],
    ["I_T nexus loss", true, (_bench, a) => a.manage(SCST_NEXUS_LOSS_SESS)],
    ["the end of the session", true, (_bench, a) => void a.close()],
    ["PREEMPT AND ABORT", true, (bench, a, b) => preempt(bench, a, b, 5)],
    ["PREEMPT", false, (bench, a, b) => preempt(bench, a, b, 4)],
  ];

  test.each(ENDS)("%s: %s", (_title, ended, end) => {
    const { bench, a, b } = contingent();
    end(bench, a, b);
    bench.serve();
    for (const { status } of bench.driver.done) expect(status).toBe(TASK_MANAGEMENT_STATUS.SUCCESS);
    b.testUnitReady();
    bench.serve();
    expect(statusOf(bench, b, READ)).toBe(ended ? GOOD : BUSY);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("CLEAR ACA takes the ACA command along", () => {
    const { bench, a } = contingent();
    const sent = a.send({ ...READ, ...ACA });
    a.manage(SCST_CLEAR_ACA);
    expect(sent.response?.aborted).toBe(true);
    bench.serve();
    expect(bench.driver.done).toHaveLength(1);
    expect(statusOf(bench, a, READ)).toBe(GOOD);
  });
});
