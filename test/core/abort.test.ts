/** ABORT TASK in every state of a command, and the other task management functions. */
import { describe, expect, test } from "vitest";
import { TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_CMD_QUEUE_ORDERED,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, type Initiator, NOTHING_LEFT, type Request, type Sent } from "../support/bench.ts";
import { read10, write10 } from "../support/cdbs.ts";
import type { GetCmdView } from "../support/raw-program.ts";
import { subcommandName } from "../support/subcommands.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const TAG = 77;

/** Names of what waits, without the answers to it. */
function names(gets: readonly GetCmdView[]): string[] {
  return gets.map(({ subcode }) => subcommandName(subcode));
}

function statusOf(bench: Bench): readonly (number | undefined)[] {
  return bench.driver.done.map(({ status }) => status);
}

/** Brings a command into a state, without more. */
interface Situation {
  readonly title: string;
  readonly request: Request;
  readonly opt?: Readonly<Record<string, number>>;
  /** Subcommands that the handler has taken; the last one it keeps. */
  readonly taken: readonly string[];
  readonly prepare?: (bench: Bench, initiator: Initiator) => void;
  /** The handler has it: the function waits for its reply. */
  readonly held: boolean;
}

const SITUATIONS: readonly Situation[] = [
  {
    title: "PARSE, waiting for the handler",
    request: READ,
    opt: { parseType: 1 },
    taken: [],
    held: false,
  },
  {
    title: "PARSE, at the handler",
    request: READ,
    opt: { parseType: 1 },
    taken: ["PARSE"],
    held: true,
  },
  { title: "ALLOC_MEM, waiting for the handler", request: WRITE, taken: [], held: false },
  { title: "ALLOC_MEM, at the handler", request: WRITE, taken: ["ALLOC_MEM"], held: true },
  {
    title: "data-out on its way",
    request: WRITE,
    taken: ["ALLOC_MEM", ""],
    prepare: ({ driver }) => {
      driver.holdData = true;
    },
    held: false,
  },
  { title: "EXEC, waiting for the handler", request: READ, taken: [], held: false },
  { title: "EXEC, at the handler", request: READ, taken: ["EXEC"], held: true },
  {
    title: "waiting for its turn",
    request: { ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED },
    taken: [],
    prepare: (bench, initiator) => {
      initiator.send(READ);
      bench.program.expectGet();
    },
    held: false,
  },
];

describe("ABORT TASK", () => {
  test.each(SITUATIONS)("$title", ({ request, opt = {}, taken, prepare, held }) => {
    const [bench, initiator] = Bench.ready();
    const device = bench.program.device.device!;
    device.options = { ...device.options, ...opt };
    prepare?.(bench, initiator);
    const sent = initiator.send({ ...request, tag: TAG });
    let kept: GetCmdView | undefined;
    for (const name of taken) {
      if (kept !== undefined) bench.succeed(kept);
      kept = name === "" ? undefined : bench.program.expectGet();
      expect(kept === undefined ? "" : subcommandName(kept.subcode)).toBe(name);
    }
    initiator.manage(SCST_ABORT_TASK, { tag: TAG });
    expect(sent.response?.aborted).toBe(held ? undefined : true);

    const [received, ...rest] = bench.program.drain();
    expect(subcommandName(received!.subcode)).toBe("TASK_MGMT_RECEIVED");
    expect(received!.tmCmd.cmdHToAbort).toBe(taken.length > 0 && kept ? kept.cmdH : 0);
    expect(names(rest)).toEqual(held ? [] : ["TASK_MGMT_DONE"]);
    for (const get of [received!, ...rest]) bench.succeed(get);
    if (held) {
      expect(statusOf(bench)).toEqual([]);
      bench.succeed(kept!);
      expect(sent.response?.aborted).toBe(true);
      expect(bench.serve()).toEqual(["TASK_MGMT_DONE"]);
    }
    expect(statusOf(bench)).toEqual([TASK_MANAGEMENT_STATUS.SUCCESS]);
  });

  test("before the session is attached", () => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const sent = initiator.send({ ...READ, tag: TAG });
    initiator.session.abort(sent.command);
    expect(sent.response?.aborted).toBe(true);
    bench.answerAttach();
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("while the response is on its way: it is not sent twice", () => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdResponses = true;
    const sent = initiator.send({ ...READ, tag: TAG });
    bench.succeed(bench.program.expectGet());
    expect(sent.response?.status).toBe(STATUS.GOOD);
    initiator.manage(SCST_ABORT_TASK, { tag: TAG });
    expect(bench.driver.unsent).toHaveLength(1);
    bench.driver.deliver();
    bench.serve();
    expect(statusOf(bench)).toHaveLength(1);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test.each([
    ["a task that is not there", { tag: 1 }, TASK_MANAGEMENT_STATUS.TASK_NOT_EXIST],
    ["a LUN that is not there", { tag: TAG, lun: 9 }, TASK_MANAGEMENT_STATUS.LUN_NOT_EXIST],
  ])("%s: nobody is asked", (_title, options, status) => {
    const [bench, initiator] = Bench.ready();
    initiator.send({ ...READ, tag: TAG });
    bench.program.drain();
    initiator.manage(SCST_ABORT_TASK, options);
    expect(bench.program.drain()).toEqual([]);
    expect(statusOf(bench)).toEqual([status]);
  });

  test("another LUN's task is rejected", () => {
    const bench = Bench.withDisk();
    bench.target.addLun(1, "disk");
    const initiator = bench.connect();
    initiator.send({ cdb: [0x12, 0, 0, 0, 36, 0], dataInLength: 36, lun: 1, tag: TAG });
    initiator.manage(SCST_ABORT_TASK, { tag: TAG, lun: 0 });
    expect(statusOf(bench)).toEqual([TASK_MANAGEMENT_STATUS.REJECTED]);
  });

  test("TASK_MGMT_DONE still names the command, though its slot serves another by then", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send({ ...READ, tag: TAG });
    const get = bench.program.expectGet();
    initiator.manage(SCST_ABORT_TASK, { tag: TAG });
    bench.succeed(bench.program.expectGet());
    bench.succeed(get);
    initiator.send(READ);
    const done = bench.program.expectGet();
    expect(subcommandName(done.subcode)).toBe("TASK_MGMT_DONE");
    expect([get.cmdH, 0]).toContain(done.tmCmd.cmdHToAbort);
  });
});

describe("which commands a function ends", () => {
  /** Two LUNs; two initiators with a command that waits at each. */
  function scene() {
    const bench = Bench.withDisk();
    bench.target.addLun(1, "disk");
    const [a, b] = [bench.connect("a"), bench.connect("b")];
    const sent: Record<string, Sent> = {};
    for (const [name, initiator] of [
      ["a", a],
      ["b", b],
    ] as const) {
      for (const lun of [0, 1]) {
        initiator.testUnitReady(lun);
        sent[`${name}${lun}`] = initiator.send({ ...READ, lun });
      }
    }
    return { bench, a, sent };
  }

  // One device behind both LUNs: what is about the logical unit is about both, what is about an
  // I_T_L nexus is not. Each nexus has a task set of its own.
  test.each([
    ["ABORT TASK SET", SCST_ABORT_TASK_SET, ["a0"], 1],
    ["CLEAR TASK SET", SCST_CLEAR_TASK_SET, ["a0"], 1],
    ["LOGICAL UNIT RESET", SCST_LUN_RESET, ["a0", "a1", "b0", "b1"], 1],
    ["target reset", SCST_TARGET_RESET, ["a0", "a1", "b0", "b1"], 2],
    ["all of the session", SCST_ABORT_ALL_TASKS_SESS, ["a0", "a1"], 2],
    ["nexus loss of the session", SCST_NEXUS_LOSS_SESS, ["a0", "a1"], 2],
  ])("%s", (_name, functionCode, ended, told) => {
    const { bench, a, sent } = scene();
    a.manage(functionCode);
    const aborted = Object.keys(sent).filter((name) => sent[name]?.response?.aborted === true);
    expect(aborted).toEqual(ended);
    const received = bench.serve().filter((name) => name === "TASK_MGMT_RECEIVED");
    expect(received).toHaveLength(told);
    expect(statusOf(bench)).toEqual([TASK_MANAGEMENT_STATUS.SUCCESS]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("an unknown function is not supported", () => {
    const { bench, a } = scene();
    a.manage(99);
    expect(statusOf(bench)).toEqual([TASK_MANAGEMENT_STATUS.FUNCTION_NOT_SUPPORTED]);
  });
});

describe("what the handler says about a function", () => {
  const { SUCCESS, TASK_NOT_EXIST, FAILED } = TASK_MANAGEMENT_STATUS;

  test.each([
    ["both good", 0, SUCCESS, SUCCESS],
    ["RECEIVED is not listened to", -5, SUCCESS, SUCCESS],
    ["DONE fails", 0, FAILED, FAILED],
    ["a task that is gone is what the initiator wanted", 0, TASK_NOT_EXIST, SUCCESS],
  ])("%s", (_title, received, done, expected) => {
    const [bench, initiator] = Bench.ready();
    initiator.manage(SCST_LUN_RESET);
    for (const [i, get] of bench.program.drain().entries()) {
      bench.program.reply(get, (reply) => {
        reply.result = i === 0 ? received : done;
      });
    }
    expect(statusOf(bench)).toEqual([expected]);
  });
});
