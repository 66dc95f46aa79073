/** The handler's program goes, or a session ends: nobody waits for ever, and nothing leaks. */
import { describe, expect, test } from "vitest";
import { TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_CMD_QUEUE_ORDERED,
  SCST_EXEC_REPLY_BACKGROUND,
  SCST_LUN_RESET,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, NOTHING_LEFT, type Request, type Sent } from "../support/bench.ts";
import { read10, write10 } from "../support/cdbs.ts";
import type { GetCmdView } from "../support/raw-program.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };

const HELD = { status: STATUS.CHECK_CONDITION, sense: "5/25/00", aborted: false };
const QUEUED = { status: STATUS.BUSY, sense: "", aborted: false };

/** Takes subcommands until the one that the handler keeps. */
function takeAndKeep(bench: Bench, count: number): GetCmdView | undefined {
  let kept: GetCmdView | undefined;
  for (let i = 0; i < count; i++) {
    if (kept !== undefined) bench.succeed(kept);
    kept = bench.program.expectGet();
  }
  return kept;
}

interface Situation {
  readonly title: string;
  readonly request: Request;
  readonly taken: number;
  readonly opt?: Readonly<Record<string, number>>;
  readonly expected: { status: number; sense: string; aborted: boolean };
}

const SITUATIONS: readonly Situation[] = [
  { title: "PARSE queued", request: READ, taken: 0, opt: { parseType: 1 }, expected: QUEUED },
  { title: "PARSE at the handler", request: READ, taken: 1, opt: { parseType: 1 }, expected: HELD },
  { title: "ALLOC_MEM queued", request: WRITE, taken: 0, expected: QUEUED },
  { title: "ALLOC_MEM at the handler", request: WRITE, taken: 1, expected: HELD },
  { title: "EXEC queued", request: READ, taken: 0, expected: QUEUED },
  { title: "EXEC at the handler", request: READ, taken: 1, expected: HELD },
  { title: "EXEC of a WRITE at the handler", request: WRITE, taken: 2, expected: HELD },
];

describe("close(2) of the user device", () => {
  test.each(SITUATIONS)("$title", ({ request, taken, opt = {}, expected }) => {
    const [bench, initiator] = Bench.ready();
    const device = bench.program.device.device!;
    device.options = { ...device.options, ...opt };
    const sent = initiator.send(request);
    takeAndKeep(bench, taken);
    bench.program.device.close();
    expect(sent.response).toMatchObject(expected);
    expect(device.table.used).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    expect(initiator.testUnitReady().response?.sense).toBe("5/25/00");
  });

  test("data-out on its way: the command ends when it is there", () => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdData = true;
    const sent = initiator.send(WRITE);
    bench.succeed(bench.program.expectGet());
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(sent.response).toBeUndefined();
    sent.command.dataReceived();
    expect(sent.response).toMatchObject(QUEUED);
    expect([device.table.used, initiator.session.active.length]).toEqual([0, 0]);
  });

  test("waiting for its turn behind a command at the handler", () => {
    const [bench, initiator] = Bench.ready();
    const first = initiator.send(READ);
    bench.program.expectGet();
    const second = initiator.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED });
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(first.response).toMatchObject(HELD);
    expect(second.response).toMatchObject(QUEUED);
    expect(device.table.used).toBe(0);
  });

  test("a command with a buffer that waits for its turn ends with the one before it", () => {
    const [bench, initiator] = Bench.ready({ opt: { queueAlg: 0, memoryReuseType: 0 } });
    const sent = [initiator.send(WRITE), initiator.send(WRITE)];
    for (const get of bench.program.drain()) bench.succeed(get);
    bench.program.expectGet();
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(sent.map(({ response }) => response?.status)).toEqual([
      STATUS.CHECK_CONDITION,
      STATUS.BUSY,
    ]);
    expect(device.table.used).toBe(0);
  });

  test("a response on its way still ends", () => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdResponses = true;
    initiator.send(READ);
    bench.succeed(bench.program.expectGet());
    const device = bench.program.device.device!;
    bench.program.device.close();
    bench.driver.deliver();
    expect([device.table.used, initiator.session.active.length]).toEqual([0, 0]);
  });

  test.each([
    ["queued", 0],
    ["at the handler", 1],
  ])("ON_FREE_CMD %s", (_title, taken) => {
    const [bench, initiator] = Bench.ready({ opt: { onFreeCmdType: 0 } });
    initiator.send(READ);
    bench.succeed(bench.program.expectGet());
    takeAndKeep(bench, taken);
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect([device.table.used, initiator.session.active.length]).toEqual([0, 0]);
  });

  test("work in the background", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send({ cdb: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
    bench.program.reply(bench.program.expectGet(), ({ execReply }) => {
      execReply.replyType = SCST_EXEC_REPLY_BACKGROUND;
    });
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(sent.response?.status).toBe(STATUS.GOOD);
    expect([device.table.used, initiator.session.active.length]).toEqual([0, 0]);
  });

  test("work in the background whose response is on its way", () => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdResponses = true;
    initiator.send(WRITE);
    bench.succeed(bench.program.expectGet());
    bench.program.reply(bench.program.expectGet(), ({ execReply }) => {
      execReply.replyType = SCST_EXEC_REPLY_BACKGROUND;
    });
    const device = bench.program.device.device!;
    bench.program.device.close();
    bench.driver.deliver();
    expect([device.table.used, initiator.session.active.length]).toEqual([0, 0]);
  });

  test.each([
    ["queued", 0],
    ["at the handler", 1],
  ])("ATTACH_SESS %s: the initiator has no such LUN", (_title, taken) => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const sent = initiator.testUnitReady();
    takeAndKeep(bench, taken);
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(sent.response?.sense).toBe("5/25/00");
    expect([device.table.used, bench.clock.timers]).toEqual([0, 0]);
    expect(device.nexuses.size).toBe(0);
  });

  test.each([
    ["TASK_MGMT_RECEIVED queued", 0],
    ["TASK_MGMT_RECEIVED at the handler", 1],
  ])("%s: the function fails", (_title, taken) => {
    const [bench, initiator] = Bench.ready();
    initiator.manage(SCST_LUN_RESET);
    takeAndKeep(bench, taken);
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(bench.driver.done.map(({ status }) => status)).toEqual([TASK_MANAGEMENT_STATUS.FAILED]);
    expect(device.table.used).toBe(0);
  });

  test("a function that waits for a command at the handler ends too", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send(READ);
    bench.program.expectGet();
    initiator.manage(SCST_LUN_RESET);
    bench.program.expectGet();
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(sent.response?.aborted).toBe(true);
    expect(bench.driver.done).toHaveLength(1);
    expect(device.table.used).toBe(0);
  });

  test("buffers that were kept are forgotten, with their timer", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(READ);
    bench.serve();
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect([device.pool.size, bench.clock.timers, device.table.used]).toEqual([0, 0, 0]);
  });

  test("twice is once", () => {
    const [bench] = Bench.ready();
    bench.program.device.close();
    bench.program.device.close();
    expect(bench.core.devices.size).toBe(0);
  });

  test("everything at once", () => {
    const [bench, a] = Bench.ready({ opt: { onFreeCmdType: 0 } });
    const b = bench.connect("b");
    b.testUnitReady();
    const sent: Sent[] = [];
    for (let i = 0; i < 20; i++) {
      for (const initiator of [a, b]) {
        sent.push(initiator.send(i % 2 === 0 ? READ : WRITE));
      }
      if (i % 3 === 0) bench.succeed(bench.program.expectGet());
      if (i % 4 === 0) bench.program.expectGet();
    }
    a.manage(SCST_LUN_RESET);
    bench.login("late");
    const device = bench.program.device.device!;
    bench.program.device.close();
    expect(sent.filter(({ response }) => response === undefined)).toEqual([]);
    expect(bench.driver.done).toHaveLength(1);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    expect([device.table.used, bench.clock.timers]).toEqual([0, 0]);
  });
});

describe("the end of a session", () => {
  test("without commands: RECEIVED, DONE and DETACH_SESS, and it is over at once", () => {
    const [bench, initiator] = Bench.ready();
    const state = initiator.close();
    expect(bench.serve()).toEqual(["TASK_MGMT_RECEIVED", "TASK_MGMT_DONE", "DETACH_SESS"]);
    expect(state.closed).toBe(true);
    expect([...bench.target.sessions]).toEqual([]);
    expect(bench.program.device.device?.nexuses.size).toBe(0);
  });

  test("queued commands end without the handler", () => {
    const [bench, initiator] = Bench.ready();
    const sent = [initiator.send(READ), initiator.send(WRITE)];
    const state = initiator.close();
    expect(sent.map(({ response }) => response?.aborted)).toEqual([true, true]);
    bench.serve();
    expect(state.closed).toBe(true);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("it waits for a command at the handler", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send(READ);
    const get = bench.program.expectGet();
    const state = initiator.close();
    bench.serve();
    expect(state.closed).toBe(false);
    bench.succeed(get);
    expect(sent.response?.aborted).toBe(true);
    bench.serve();
    expect(state.closed).toBe(true);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("data-out that never came", () => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdData = true;
    const sent = initiator.send(WRITE);
    bench.succeed(bench.program.expectGet());
    const state = initiator.close();
    expect(sent.response?.aborted).toBe(true);
    bench.serve();
    expect(state.closed).toBe(true);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("before it is attached: what the handler then says does not matter", () => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const sent = initiator.send(READ);
    const state = initiator.close();
    expect([sent.response?.aborted, state.closed]).toEqual([true, true]);
    expect(bench.serve()).toEqual(["ATTACH_SESS", "DETACH_SESS"]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    expect(bench.program.device.device?.nexuses.size).toBe(0);
  });

  test("another session is not touched", () => {
    const [bench, a] = Bench.ready();
    const b = bench.connect("b");
    b.testUnitReady();
    const sent = b.send(READ);
    a.close();
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
  });

  test("its name is free again", () => {
    const [bench, initiator] = Bench.ready();
    initiator.close();
    bench.serve();
    bench.login();
    expect(bench.program.expectGet().sess.initiatorName).toBe("initiator");
  });

  test("twice is once", () => {
    const [bench, initiator] = Bench.ready();
    initiator.close();
    const second: { closed: boolean } = initiator.close();
    expect(bench.serve()).toEqual(["TASK_MGMT_RECEIVED", "TASK_MGMT_DONE", "DETACH_SESS"]);
    expect(second.closed).toBe(true);
  });

  test("of a device that is gone", () => {
    const [bench, initiator] = Bench.ready();
    bench.program.device.close();
    expect(initiator.close().closed).toBe(true);
  });
});
