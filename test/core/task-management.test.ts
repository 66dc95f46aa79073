/** What task management functions and QErr do to the commands of both sides, and when. */
import { describe, expect, test } from "vitest";
import { TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_ABORT_ALL_TASKS,
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_CLEAR_TASK_SET,
  SCST_CMD_QUEUE_ORDERED,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS,
  SCST_NEXUS_LOSS_SESS,
  SCST_QERR_0_ALL_RESUME,
  SCST_QERR_1_ABORT_ALL,
  SCST_QERR_3_ABORT_THIS_NEXUS_ONLY,
  SCST_TARGET_RESET,
  SCST_USER_EXEC,
} from "../../src/protocol/scst/index.ts";
import { SENSE, STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, type Initiator, NOTHING_LEFT, type Sent } from "../support/bench.ts";
import { compareAndWrite, read10, write10 } from "../support/cdbs.ts";
import type { GetCmdView } from "../support/raw-program.ts";
import { subcommandName } from "../support/subcommands.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const RESERVED_OPCODE = { cdb: [0xff, 0, 0, 0, 0, 0] };
const TAG = 77;

const CLEARED = "6/2F/00";
const RESET = "6/29/00";
const NEXUS_LOSS = "6/29/07";
const NONE = "";

const { SUCCESS } = TASK_MANAGEMENT_STATUS;

/** Two initiators of one logical unit that have nothing to learn. */
function scene(opt: Readonly<Record<string, number>> = {}) {
  const bench = Bench.withDisk({ opt: { tst: 0, ...opt } });
  const [a, b] = [bench.connect("a"), bench.connect("b")];
  for (const initiator of [a, b]) {
    initiator.testUnitReady();
    expect(attention(initiator)).toBe(NONE);
  }
  return { bench, a, b };
}

/** The unit attention that waits for an initiator, as REQUEST SENSE would tell it. */
function attention({ session }: Initiator): string {
  const condition = session.nexusOf(0)?.unitAttentions.peek();
  if (condition === undefined) return NONE;
  const hex = (byte: number) => byte.toString(16).padStart(2, "0").toUpperCase();
  return `${condition.key}/${hex(condition.asc)}/${hex(condition.ascq)}`;
}

function statuses({ driver }: Bench): (number | undefined)[] {
  return driver.done.map(({ status }) => status);
}

/** `"aborted"`, or the status. */
function resultOf({ response }: Sent): string | number | undefined {
  return response?.aborted === true ? "aborted" : response?.status;
}

/** Gets until the EXEC that the handler keeps. */
function takeExec(bench: Bench): GetCmdView {
  for (;;) {
    const get = bench.program.expectGet();
    if (get.subcode === SCST_USER_EXEC) return get;
    bench.succeed(get);
  }
}

/** Brings a command of `initiator` into a state; what is called then lets it go on. */
interface Situation {
  readonly name: string;
  readonly finished?: boolean;
  /** Who has the command ends it: until then no function that is about it is answered. */
  readonly held?: boolean;
  readonly begin: (bench: Bench, initiator: Initiator) => { sent: Sent; release: () => void };
}

const SITUATIONS: readonly Situation[] = [
  {
    name: "queued",
    begin: (_bench, initiator) => ({ sent: initiator.send(READ), release: () => {} }),
  },
  {
    name: "at the handler",
    held: true,
    begin: (bench, initiator) => {
      const sent = initiator.send(READ);
      const get = takeExec(bench);
      return { sent, release: () => void bench.succeed(get) };
    },
  },
  {
    name: "waiting for data-out",
    begin: (bench, initiator) => {
      bench.driver.holdData = true;
      const sent = initiator.send(WRITE);
      bench.succeed(bench.program.expectGet());
      expect(bench.driver.waitingForData).toHaveLength(1);
      return { sent, release: () => {} };
    },
  },
  {
    name: "waiting for its turn",
    begin: (bench, initiator) => {
      initiator.send({ ...READ, tag: 1 });
      const sent = initiator.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED });
      return { sent, release: () => void bench.serve() };
    },
  },
  {
    name: "finished",
    finished: true,
    held: true,
    begin: (bench, initiator) => {
      bench.driver.holdResponses = true;
      const sent = initiator.send(READ);
      bench.succeed(takeExec(bench));
      return { sent, release: () => bench.driver.deliver() };
    },
  },
];

interface FunctionRow {
  readonly name: string;
  readonly code: number;
  /** Whose commands it aborts, by TST. */
  readonly reaches: readonly ["own" | "all", "own" | "all"];
  /** What is told to the sender, and to others beside the loss of commands. */
  readonly tells: readonly [string, string];
  /** Nobody hears of the end of a command. */
  readonly silent?: boolean;
}

const FUNCTIONS: readonly FunctionRow[] = [
  { name: "ABORT TASK SET", code: SCST_ABORT_TASK_SET, reaches: ["own", "own"], tells: ["", ""] },
  { name: "CLEAR TASK SET", code: SCST_CLEAR_TASK_SET, reaches: ["all", "own"], tells: ["", ""] },
  {
    name: "LUN RESET",
    code: SCST_LUN_RESET,
    reaches: ["all", "all"],
    tells: [RESET, RESET],
  },
  {
    name: "target reset",
    code: SCST_TARGET_RESET,
    reaches: ["all", "all"],
    tells: [RESET, RESET],
  },
  {
    name: "nexus loss",
    code: SCST_NEXUS_LOSS_SESS,
    reaches: ["own", "own"],
    tells: [NEXUS_LOSS, ""],
  },
  {
    name: "all tasks of the session",
    code: SCST_ABORT_ALL_TASKS_SESS,
    reaches: ["own", "own"],
    tells: ["", ""],
  },
  {
    name: "nexus loss of all sessions",
    code: SCST_NEXUS_LOSS,
    reaches: ["all", "all"],
    tells: [NEXUS_LOSS, NEXUS_LOSS],
    silent: true,
  },
  {
    name: "all tasks of all sessions",
    code: SCST_ABORT_ALL_TASKS,
    reaches: ["all", "all"],
    tells: ["", ""],
  },
  { name: "CLEAR ACA", code: SCST_CLEAR_ACA, reaches: ["own", "own"], tells: ["", ""] },
];

const MODES = [
  { tas: 0, tst: 0 },
  { tas: 0, tst: 1 },
  { tas: 1, tst: 0 },
  { tas: 1, tst: 1 },
] as const;

const GRID = FUNCTIONS.flatMap((row) =>
  MODES.flatMap((mode) =>
    SITUATIONS.map((situation) => {
      const title = `${row.name}, TAS ${mode.tas}, TST ${mode.tst}, ${situation.name}`;
      return { title, row, mode, situation };
    }),
  ),
);

describe("a command of the sender", () => {
  test.each(GRID)("$title", ({ row, mode, situation }) => {
    const { bench, a, b } = scene(mode);
    const { sent, release } = situation.begin(bench, a);
    a.manage(row.code);
    const affected = row.code !== SCST_CLEAR_ACA;
    if (affected && !situation.finished && !situation.held) expect(resultOf(sent)).toBe("aborted");
    bench.serve();
    // Answered when its commands are gone, with their responses.
    expect(statuses(bench)).toEqual(affected && situation.held ? [] : [SUCCESS]);
    release();
    bench.driver.deliver();
    bench.serve();
    expect(statuses(bench)).toEqual([SUCCESS]);
    if (affected) expect(resultOf(sent)).toBe(situation.finished ? STATUS.GOOD : "aborted");
    expect([attention(a), attention(b)]).toEqual(row.tells);
    finish(bench);
  });
});

describe("a command of another initiator", () => {
  test.each(GRID)("$title", ({ row, mode, situation }) => {
    const { bench, a, b } = scene(mode);
    const { sent, release } = situation.begin(bench, b);
    a.manage(row.code);
    const affected = row.reaches[mode.tst] === "all";
    bench.serve();
    // Of others' commands it waits for the result, not for its delivery, but at a nexus loss.
    const waits = affected && situation.held && (row.silent || !situation.finished);
    expect(statuses(bench)).toEqual(waits ? [] : [SUCCESS]);
    const answers = mode.tas === 1 && row.silent !== true;
    if (affected && !situation.finished && !situation.held) {
      expect(resultOf(sent)).toBe(answers ? STATUS.TASK_ABORTED : "aborted");
    }
    release();
    bench.driver.deliver();
    bench.serve();
    expect(statuses(bench)).toEqual([SUCCESS]);
    const cleared = affected && !situation.finished;
    if (cleared) expect(resultOf(sent)).toBe(answers ? STATUS.TASK_ABORTED : "aborted");
    const told = row.tells[1] === "" && cleared && mode.tas === 0 ? CLEARED : row.tells[1];
    expect([attention(a), attention(b)]).toEqual([row.tells[0], told]);
    finish(bench);
  });
});

/** Lets go of everything: nothing may be left. */
function finish(bench: Bench): void {
  bench.driver.holdData = false;
  bench.driver.holdResponses = false;
  for (const command of bench.driver.waitingForData.splice(0)) command.dataReceived();
  bench.serve();
  bench.driver.deliver();
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
  const answered = bench.driver.done.length;
  bench.serve();
  expect(bench.driver.done).toHaveLength(answered);
}

describe("several at once", () => {
  test("each waits for the same command, and is answered once", () => {
    const { bench, a, b } = scene();
    a.send({ ...READ, tag: TAG });
    const get = takeExec(bench);
    a.manage(SCST_ABORT_TASK, { tag: TAG });
    a.manage(SCST_ABORT_TASK, { tag: TAG });
    b.manage(SCST_CLEAR_TASK_SET);
    b.manage(SCST_LUN_RESET);
    bench.serve();
    expect(statuses(bench)).toEqual([]);
    bench.succeed(get);
    bench.serve();
    expect(statuses(bench)).toEqual([SUCCESS, SUCCESS, SUCCESS, SUCCESS]);
    finish(bench);
  });

  test("the own abort of a command that another aborted wants no response", () => {
    const { bench, a, b } = scene({ tas: 1 });
    const sent = a.send(READ);
    const get = takeExec(bench);
    b.manage(SCST_CLEAR_TASK_SET);
    a.manage(SCST_ABORT_TASK_SET);
    bench.serve();
    bench.succeed(get);
    bench.serve();
    expect(resultOf(sent)).toBe("aborted");
    expect(statuses(bench)).toEqual([SUCCESS, SUCCESS]);
    finish(bench);
  });

  test("one unit attention for many commands", () => {
    const { bench, a, b } = scene();
    for (let i = 0; i < 5; i++) b.send(READ);
    a.manage(SCST_CLEAR_TASK_SET);
    bench.serve();
    expect(b.testUnitReady().response?.sense).toBe(CLEARED);
    expect(attention(b)).toBe(NONE);
    finish(bench);
  });

  test("I_T NEXUS LOSS comes before what waits", () => {
    const { bench, a } = scene();
    a.manage(SCST_LUN_RESET);
    bench.serve();
    a.manage(SCST_NEXUS_LOSS_SESS);
    bench.serve();
    const heard = [0, 1].map(() => a.testUnitReady().response?.sense);
    expect(heard).toEqual([NEXUS_LOSS, RESET]);
    finish(bench);
  });

  test("a reset lets nothing begin until it is over", () => {
    const { bench, a, b } = scene();
    a.manage(SCST_LUN_RESET);
    const sent = b.send(READ);
    const [received, done] = bench.program.drain();
    expect([received, done].map((get) => subcommandName(get!.subcode))).toEqual([
      "TASK_MGMT_RECEIVED",
      "TASK_MGMT_DONE",
    ]);
    bench.succeed(received!);
    expect(sent.response).toBeUndefined();
    bench.succeed(done!);
    expect(sent.response?.sense).toBe(RESET);
    finish(bench);
  });
});

describe("what goes meanwhile", () => {
  const GOING: readonly [string, (bench: Bench, a: Initiator) => void][] = [
    ["the session", (_bench, a) => void a.close()],
    ["the LUN", ({ target }) => target.removeLun(0)],
    ["the handler", ({ program }) => program.device.close()],
  ];

  test.each(
    GOING.flatMap(([what, go]) =>
      FUNCTIONS.map(({ name, code }) => ({ title: `${what}, ${name}`, go, code })),
    ),
  )("$title: answered once", ({ go, code }) => {
    const { bench, a } = scene();
    a.send(READ);
    const get = takeExec(bench);
    a.manage(code);
    go(bench, a);
    bench.succeed(get);
    bench.serve();
    expect(bench.driver.done).toHaveLength(1);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a session ends after its functions, and its handler hears of its end last", () => {
    const { bench, a } = scene();
    a.manage(SCST_LUN_RESET);
    const [received, done] = bench.program.drain();
    const state = a.close();
    bench.serve();
    expect(state.closed).toBe(false);
    bench.succeed(received!);
    bench.succeed(done!);
    expect(statuses(bench)).toEqual([SUCCESS]);
    expect(state.closed).toBe(true);
    expect(bench.serve()).toEqual(["DETACH_SESS"]);
  });

  test("a function waits for the LUNs, as commands do", () => {
    const bench = Bench.withDisk();
    const a = bench.login();
    a.manage(SCST_LUN_RESET);
    expect(statuses(bench)).toEqual([]);
    bench.answerAttach();
    expect(bench.serve()).toEqual(["TASK_MGMT_RECEIVED", "TASK_MGMT_DONE"]);
    expect(statuses(bench)).toEqual([SUCCESS]);
  });
});

describe("QErr", () => {
  const { ABORTED, BUSY_YET } = { ABORTED: "aborted", BUSY_YET: undefined } as const;
  const TOLD = STATUS.TASK_ABORTED;

  test.each([
    [SCST_QERR_0_ALL_RESUME, 0, 0, BUSY_YET, BUSY_YET, NONE],
    [SCST_QERR_1_ABORT_ALL, 0, 0, ABORTED, ABORTED, CLEARED],
    [SCST_QERR_1_ABORT_ALL, 1, 0, ABORTED, TOLD, NONE],
    [SCST_QERR_1_ABORT_ALL, 0, 1, ABORTED, BUSY_YET, NONE],
    [SCST_QERR_3_ABORT_THIS_NEXUS_ONLY, 0, 0, ABORTED, BUSY_YET, NONE],
    [SCST_QERR_3_ABORT_THIS_NEXUS_ONLY, 1, 1, ABORTED, BUSY_YET, NONE],
  ])("%i, TAS %i, TST %i", (qerr, tas, tst, own, other, told) => {
    const { bench, a, b } = scene({ qerr, tas, tst });
    const [mine, theirs] = [a.send(READ), b.send(READ)];
    const failed = a.send(RESERVED_OPCODE);
    const parse = bench.program.drain().find(({ subcode }) => subcode !== SCST_USER_EXEC);
    expect(parse).toBeUndefined();
    expect(failed.response?.sense).toBe("5/20/00");
    expect([resultOf(mine), resultOf(theirs)]).toEqual([own, other]);
    expect([attention(a), attention(b)]).toEqual([NONE, told]);
  });

  test("a command that waits behind the one that fails ends, and is not begun", () => {
    const { bench, a } = scene({ qerr: SCST_QERR_1_ABORT_ALL });
    a.send(READ);
    const get = takeExec(bench);
    const behind = [1, 2].map(() => a.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED }));
    bench.program.reply(get, ({ execReply }) => {
      execReply.replyType = 1;
      execReply.status = STATUS.CHECK_CONDITION;
    });
    expect(behind.map(resultOf)).toEqual(["aborted", "aborted"]);
    expect(bench.program.drain()).toEqual([]);
    finish(bench);
  });

  test("commands that have their turn together: the first one's failure ends the second", () => {
    const { bench, a } = scene({ qerr: SCST_QERR_1_ABORT_ALL });
    const first = a.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED });
    const get = takeExec(bench);
    const behind = [1, 2].map(() => a.send(READ));
    a.session.nexusOf(0)?.establish(SENSE.CAPACITY_DATA_HAS_CHANGED);
    bench.succeed(get);
    expect(resultOf(first)).toBe(STATUS.GOOD);
    expect(behind[0]?.response?.sense).toBe("6/2A/09");
    expect(behind.map(resultOf)).toEqual([STATUS.CHECK_CONDITION, "aborted"]);
    finish(bench);
  });
});

describe("parts of a command that the handler has not seen", () => {
  test("COMPARE AND WRITE: neither the READ nor the WRITE reaches it", () => {
    const { bench, a } = scene();
    const dataOut = new Uint8Array(1024);
    const sent = a.send({ cdb: compareAndWrite(0, 1), dataOut, tag: TAG });
    a.manage(SCST_ABORT_TASK, { tag: TAG });
    expect(bench.serve().filter((name) => name === "EXEC")).toEqual([]);
    expect([sent.response?.aborted, statuses(bench)]).toEqual([true, [SUCCESS]]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});
