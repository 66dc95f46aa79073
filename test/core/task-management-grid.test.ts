/**
 * State x event: each task management function meets a command in each of its states, of the
 * nexus that asks and of another one, with TAS 0 and 1. One task set (TST 0); for TST 1 and for
 * functions that meet each other see task-management.test.ts.
 */
import { describe, expect, test } from "vitest";
import { COMMAND_STATE, TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_ABORT_ALL_TASKS,
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_CLEAR_TASK_SET,
  SCST_CMD_QUEUE_ORDERED,
  SCST_EXEC_REPLY_DO_WRITE_SAME,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
  SCST_USER_ALLOC_MEM,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, type Initiator, NOTHING_LEFT, type Sent } from "../support/bench.ts";
import { read10, write10 } from "../support/cdbs.ts";
import { copy } from "../support/copy-disks.ts";
import type { GetCmdView } from "../support/raw-program.ts";

const { SUCCESS, TASK_NOT_EXIST } = TASK_MANAGEMENT_STATUS;
const { GOOD, BUSY, CHECK_CONDITION, TASK_ABORTED } = STATUS;

const TAG = 77;
const READ = { cdb: read10(0, 1), dataInLength: 512, tag: TAG };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512), tag: TAG };
const PATTERN = 0x5a;
const COMPARE_AND_WRITE = {
  cdb: [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
  dataOut: new Uint8Array(1024).fill(PATTERN),
  tag: TAG,
};
const WRITE_SAME = {
  cdb: [0x41, 0, 0, 0, 0, 0, 0, 0, 3, 0],
  dataOut: new Uint8Array(512),
  tag: TAG,
};

/** A command in a state, and what lets it go on from there. */
interface Held {
  readonly sent: Sent;
  readonly release: () => void;
}

interface State {
  readonly name: string;
  readonly state: number;
  /** How it ends when nothing disturbs it. */
  readonly result: number;
  readonly opt?: Readonly<Record<string, number>>;
  readonly bring: (bench: Bench, initiator: Initiator) => Held;
}

const NOTHING = () => {};

function queued(sent: Sent): Held {
  return { sent, release: NOTHING };
}

/** The handler keeps what it gets next. */
function taken(bench: Bench, sent: Sent): Held {
  const get = bench.program.expectGet();
  return { sent, release: () => void bench.succeed(get) };
}

/** Gives the buffer that is asked for next. */
function allocate(bench: Bench): void {
  const get = bench.program.expectGet();
  expect(get.subcode).toBe(SCST_USER_ALLOC_MEM);
  bench.succeed(get);
}

/** The READ of a COMPARE AND WRITE finds what is compared with. */
function readPattern(bench: Bench, get: GetCmdView): void {
  const { address, bytes } = bench.program.allocate(get.execCmd.allocLen);
  bytes.fill(PATTERN);
  bench.program.reply(get, ({ execReply }) => {
    execReply.replyType = 1;
    execReply.respDataLen = get.execCmd.bufflen;
    execReply.pbuf = address;
  });
}

const STATES: readonly State[] = [
  {
    name: "INIT_WAIT, suspended",
    state: COMMAND_STATE.INIT_WAIT,
    result: GOOD,
    bring: (bench, initiator) => {
      const release = bench.core.suspend(NOTHING, { device: "disk" });
      return { sent: initiator.send(READ), release };
    },
  },
  {
    name: "PARSE, queued",
    state: COMMAND_STATE.PARSE,
    result: BUSY,
    opt: { parseType: 1 },
    bring: (_bench, initiator) => queued(initiator.send(READ)),
  },
  {
    name: "PARSE, at the handler",
    state: COMMAND_STATE.PARSE,
    result: BUSY,
    opt: { parseType: 1 },
    bring: (bench, initiator) => taken(bench, initiator.send(READ)),
  },
  {
    name: "PREPARE_SPACE, queued",
    state: COMMAND_STATE.PREPARE_SPACE,
    result: GOOD,
    bring: (_bench, initiator) => queued(initiator.send(WRITE)),
  },
  {
    name: "PREPARE_SPACE, at the handler",
    state: COMMAND_STATE.PREPARE_SPACE,
    result: GOOD,
    bring: (bench, initiator) => taken(bench, initiator.send(WRITE)),
  },
  {
    name: "DATA_WAIT",
    state: COMMAND_STATE.DATA_WAIT,
    result: GOOD,
    bring: (bench, initiator) => {
      bench.driver.holdData = true;
      const sent = initiator.send(WRITE);
      allocate(bench);
      return { sent, release: () => bench.driver.waitingForData[0]?.dataReceived() };
    },
  },
  {
    name: "EXEC_CHECK, behind another",
    state: COMMAND_STATE.EXEC_CHECK,
    result: GOOD,
    bring: (_bench, initiator) => {
      initiator.send({ ...READ, tag: 1 });
      return queued(initiator.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED }));
    },
  },
  {
    name: "EXEC_CHECK, excluded",
    state: COMMAND_STATE.EXEC_CHECK,
    result: GOOD,
    bring: (bench, initiator) => {
      initiator.send({ ...COMPARE_AND_WRITE, tag: 1 });
      allocate(bench);
      return queued(initiator.send(READ));
    },
  },
  {
    name: "LOCAL_EXEC, COMPARE AND WRITE reads",
    state: COMMAND_STATE.LOCAL_EXEC,
    result: CHECK_CONDITION,
    bring: (bench, initiator) => {
      const sent = initiator.send(COMPARE_AND_WRITE);
      allocate(bench);
      return taken(bench, sent);
    },
  },
  {
    name: "LOCAL_EXEC, COMPARE AND WRITE writes",
    state: COMMAND_STATE.LOCAL_EXEC,
    result: GOOD,
    bring: (bench, initiator) => {
      const sent = initiator.send(COMPARE_AND_WRITE);
      allocate(bench);
      readPattern(bench, bench.program.expectGet());
      allocate(bench);
      return taken(bench, sent);
    },
  },
  {
    name: "LOCAL_EXEC, EXTENDED COPY looks for its devices",
    state: COMMAND_STATE.LOCAL_EXEC,
    result: CHECK_CONDITION,
    bring: (bench, initiator) => {
      const { cdb, dataOut } = copy({ segments: [{ blocks: 1, source: 0, destination: 8 }] });
      const sent = initiator.send({ cdb: [...cdb], dataOut: dataOut!, tag: TAG });
      allocate(bench);
      return taken(bench, sent);
    },
  },
  {
    name: "EXEC_WAIT, queued",
    state: COMMAND_STATE.EXEC_WAIT,
    result: GOOD,
    bring: (_bench, initiator) => queued(initiator.send(READ)),
  },
  {
    name: "EXEC_WAIT, at the handler",
    state: COMMAND_STATE.EXEC_WAIT,
    result: GOOD,
    bring: (bench, initiator) => taken(bench, initiator.send(READ)),
  },
  {
    name: "EXEC_WAIT, WRITE SAME by the core",
    state: COMMAND_STATE.EXEC_WAIT,
    result: GOOD,
    bring: (bench, initiator) => {
      const sent = initiator.send(WRITE_SAME);
      allocate(bench);
      bench.program.reply(bench.program.expectGet(), ({ execReply }) => {
        execReply.replyType = SCST_EXEC_REPLY_DO_WRITE_SAME;
      });
      allocate(bench);
      return taken(bench, sent);
    },
  },
  {
    name: "XMIT_WAIT",
    state: COMMAND_STATE.XMIT_WAIT,
    result: GOOD,
    bring: (bench, initiator) => {
      bench.driver.holdResponses = true;
      const { sent, release } = taken(bench, initiator.send(READ));
      release();
      return { sent, release: () => bench.driver.deliver() };
    },
  },
  {
    name: "FINISHED, ON_FREE_CMD at the handler",
    state: COMMAND_STATE.FINISHED,
    result: GOOD,
    opt: { onFreeCmdType: 0 },
    bring: (bench, initiator) => {
      const { sent, release } = taken(bench, initiator.send(READ));
      release();
      return taken(bench, sent);
    },
  },
];

/** What the sender and the other initiator hear of by unit attention, whatever was aborted. */
interface FunctionColumn {
  readonly code: number;
  readonly tells: readonly [string, string];
  /** Commands of others end as the own ones: nobody hears of it. */
  readonly silent?: boolean;
}

const RESET = "6/29/00";
const NEXUS_LOSS = "6/29/07";
const CLEARED = "6/2F/00";
const NONE = "";

const COLUMNS: Readonly<Record<string, FunctionColumn>> = {
  AT: { code: SCST_ABORT_TASK, tells: [NONE, NONE] },
  ATS: { code: SCST_ABORT_TASK_SET, tells: [NONE, NONE] },
  CTS: { code: SCST_CLEAR_TASK_SET, tells: [NONE, NONE] },
  CACA: { code: SCST_CLEAR_ACA, tells: [NONE, NONE] },
  LUR: { code: SCST_LUN_RESET, tells: [RESET, RESET] },
  TR: { code: SCST_TARGET_RESET, tells: [RESET, RESET] },
  NLS: { code: SCST_NEXUS_LOSS_SESS, tells: [NEXUS_LOSS, NONE] },
  AATS: { code: SCST_ABORT_ALL_TASKS_SESS, tells: [NONE, NONE] },
  NL: { code: SCST_NEXUS_LOSS, tells: [NEXUS_LOSS, NEXUS_LOSS], silent: true },
  AAT: { code: SCST_ABORT_ALL_TASKS, tells: [NONE, NONE] },
};

/** What becomes of the command, and when the function is answered. */
const CELLS = {
  /** The command ends at once, and the function is answered without the handler's reply to it. */
  ends: { aborts: true, atOnce: true, waits: false, status: SUCCESS },
  /** The command ends, and the function is answered, when who has it lets go of it. */
  held: { aborts: true, atOnce: false, waits: true, status: SUCCESS },
  /** The command's result stands; the function is answered after it. */
  sent: { aborts: false, atOnce: false, waits: true, status: SUCCESS },
  /** The command goes on, and the function is answered. */
  "-": { aborts: false, atOnce: false, waits: false, status: SUCCESS },
  /** It is nobody's task that the sender knows. */
  none: { aborts: false, atOnce: false, waits: false, status: TASK_NOT_EXIST },
} as const;
type Cell = keyof typeof CELLS;

const OWN = `
                                                 AT   ATS  CTS  CACA LUR  TR   NLS  AATS NL   AAT
INIT_WAIT, suspended                             ends ends ends -    ends ends ends ends ends ends
PARSE, queued                                    ends ends ends -    ends ends ends ends ends ends
PARSE, at the handler                            held held held -    held held held held held held
PREPARE_SPACE, queued                            ends ends ends -    ends ends ends ends ends ends
PREPARE_SPACE, at the handler                    held held held -    held held held held held held
DATA_WAIT                                        ends ends ends -    ends ends ends ends ends ends
EXEC_CHECK, behind another                       ends ends ends -    ends ends ends ends ends ends
EXEC_CHECK, excluded                             ends ends ends -    ends ends ends ends ends ends
LOCAL_EXEC, COMPARE AND WRITE reads              held held held -    held held held held held held
LOCAL_EXEC, COMPARE AND WRITE writes             held held held -    held held held held held held
LOCAL_EXEC, EXTENDED COPY looks for its devices  held held held -    held held held held held held
EXEC_WAIT, queued                                ends ends ends -    ends ends ends ends ends ends
EXEC_WAIT, at the handler                        held held held -    held held held held held held
EXEC_WAIT, WRITE SAME by the core                held held held -    held held held held held held
XMIT_WAIT                                        sent sent sent -    sent sent sent sent sent sent
FINISHED, ON_FREE_CMD at the handler             sent sent sent -    sent sent sent sent sent sent
`;

const OTHER = `
                                                 AT   ATS  CTS  CACA LUR  TR   NLS  AATS NL   AAT
INIT_WAIT, suspended                             none -    ends -    ends ends -    -    ends ends
PARSE, queued                                    none -    ends -    ends ends -    -    ends ends
PARSE, at the handler                            none -    held -    held held -    -    held held
PREPARE_SPACE, queued                            none -    ends -    ends ends -    -    ends ends
PREPARE_SPACE, at the handler                    none -    held -    held held -    -    held held
DATA_WAIT                                        none -    ends -    ends ends -    -    ends ends
EXEC_CHECK, behind another                       none -    ends -    ends ends -    -    ends ends
EXEC_CHECK, excluded                             none -    ends -    ends ends -    -    ends ends
LOCAL_EXEC, COMPARE AND WRITE reads              none -    held -    held held -    -    held held
LOCAL_EXEC, COMPARE AND WRITE writes             none -    held -    held held -    -    held held
LOCAL_EXEC, EXTENDED COPY looks for its devices  none -    held -    held held -    -    held held
EXEC_WAIT, queued                                none -    ends -    ends ends -    -    ends ends
EXEC_WAIT, at the handler                        none -    held -    held held -    -    held held
EXEC_WAIT, WRITE SAME by the core                none -    held -    held held -    -    held held
XMIT_WAIT                                        none -    -    -    -    -    -    -    sent -
FINISHED, ON_FREE_CMD at the handler             none -    -    -    -    -    -    -    sent -
`;

interface Row {
  readonly title: string;
  readonly state: State;
  readonly column: FunctionColumn;
  readonly cell: Cell;
  readonly tas: number;
}

/** Every cell of a table, with TAS 0 and 1. */
function rowsOf(table: string): Row[] {
  const [head = "", ...lines] = table.split("\n").filter((line) => line !== "");
  const names = head.trim().split(/\s+/);
  expect(names).toEqual(Object.keys(COLUMNS));
  expect(lines).toHaveLength(STATES.length);
  return lines.flatMap((line, i) => {
    const state = STATES[i]!;
    expect(line.startsWith(`${state.name} `)).toBe(true);
    const cells = line.slice(state.name.length).trim().split(/\s+/) as Cell[];
    expect(cells).toHaveLength(names.length);
    return names.flatMap((name, j) =>
      [0, 1].map((tas) => {
        const cell = cells[j]!;
        const title = `${state.name}: ${name}, TAS ${tas}: ${cell}`;
        return { title, state, column: COLUMNS[name]!, cell, tas };
      }),
    );
  });
}

function scene(tas: number, opt: Readonly<Record<string, number>> = {}) {
  const bench = Bench.withDisk({ opt: { tst: 0, tas } });
  const [a, b] = [bench.connect("a"), bench.connect("b")];
  for (const initiator of [a, b]) initiator.testUnitReady();
  const device = bench.program.device.device!;
  device.options = { ...device.options, ...opt };
  return { bench, a, b };
}

/** The unit attention that waits for an initiator. */
function attention({ session }: Initiator): string {
  const condition = session.nexusOf(0)?.unitAttentions.peek();
  if (condition === undefined) return NONE;
  const hex = (byte: number) => byte.toString(16).padStart(2, "0").toUpperCase();
  return `${condition.key}/${hex(condition.asc)}/${hex(condition.ascq)}`;
}

function resultOf({ response }: Sent): string | number | undefined {
  return response?.aborted === true ? "aborted" : response?.status;
}

/** Lets everything go until nothing is left. */
function finish(bench: Bench): void {
  bench.driver.holdData = false;
  bench.driver.holdResponses = false;
  for (let i = 0; i < 3; i++) {
    for (const command of bench.driver.waitingForData.splice(0)) command.dataReceived();
    bench.serve();
    bench.driver.deliver();
  }
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
  const { activeCount, internalCount, commandMemory } = bench.program.device.device!;
  expect([activeCount, internalCount, commandMemory.used]).toEqual([0, 0, 0]);
}

function check({ state, column, cell, tas }: Row, own: boolean): void {
  const { bench, a, b } = scene(tas, state.opt);
  const { sent, release } = state.bring(bench, own ? a : b);
  expect(sent.command.state).toBe(state.state);
  const { aborts, atOnce, waits, status } = CELLS[cell];
  const answers = !own && tas === 1 && column.silent !== true;
  const result = aborts ? (answers ? TASK_ABORTED : "aborted") : state.result;

  a.manage(column.code, { tag: TAG });
  if (atOnce) expect(resultOf(sent)).toBe(result);
  bench.serve();
  expect(bench.driver.done.map((request) => request.status)).toEqual(waits ? [] : [status]);
  release();
  bench.serve();
  bench.driver.deliver();
  bench.serve();
  expect(bench.driver.done.map((request) => request.status)).toEqual([status]);
  const [toSender, toOther] = column.tells;
  const cleared = !own && aborts && tas === 0 && toOther === NONE;
  expect([attention(a), attention(b)]).toEqual([toSender, cleared ? CLEARED : toOther]);
  finish(bench);
  expect(resultOf(sent)).toBe(result);
  expect(bench.driver.done).toHaveLength(1);
}

describe("a command of the nexus that asks", () => {
  test.each(rowsOf(OWN))("$title", (row) => check(row, true));
});

describe("a command of another nexus", () => {
  test.each(rowsOf(OTHER))("$title", (row) => check(row, false));
});

test("every state in which a command waits for something is a row", () => {
  const { FREE, TGT_PRE_EXEC, DEV_DONE, PRE_XMIT_RESP, ...waiting } = COMMAND_STATE;
  expect([FREE, TGT_PRE_EXEC, DEV_DONE, PRE_XMIT_RESP]).toEqual([0, 5, 9, 10]);
  const rows = new Set(STATES.map(({ state }) => state));
  expect([...rows].sort((x, y) => x - y)).toEqual(Object.values(waiting));
});
