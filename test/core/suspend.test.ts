/** A device, or all of them, that begins nothing new for a while. */
import { describe, expect, test } from "vitest";
import { TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_ABORT_TASK,
  SCST_CMD_QUEUE_HEAD_OF_QUEUE,
  SCST_LUN_RESET,
} from "../../src/protocol/scst/index.ts";
import { SENSE, STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, NOTHING_LEFT, registerDisk, type Sent } from "../support/bench.ts";
import { read10, reportLuns, write10 } from "../support/cdbs.ts";
import { RawProgram } from "../support/raw-program.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const COMPARE_AND_WRITE = {
  cdb: [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
  dataOut: new Uint8Array(1024),
};
const TAG = 77;

/** What a suspension has said: nothing, true when nothing runs, false when that took too long. */
function suspend(bench: Bench, options: { device?: string; timeoutMs?: number } = {}) {
  const said: boolean[] = [];
  const resume = bench.core.suspend((idle) => said.push(idle), options);
  return { said, resume };
}

function statuses(sent: readonly Sent[]): (number | undefined)[] {
  return sent.map(({ response }) => response?.status);
}

describe.each([
  ["a device", { device: "disk" }],
  ["all devices", {}],
])("%s", (_title, what) => {
  test("without commands: at once", () => {
    const [bench] = Bench.ready();
    const { said, resume } = suspend(bench, what);
    expect(said).toEqual([true]);
    resume();
    expect(bench.clock.timers).toBe(0);
  });

  test("what runs comes to its end, what is new waits", () => {
    const [bench, a] = Bench.ready();
    const before = a.send(READ);
    const { said, resume } = suspend(bench, what);
    const after = [a.send(READ), a.send(WRITE)];
    expect(said).toEqual([]);
    expect(bench.serve()).toEqual(["EXEC"]);
    expect(statuses([before, ...after])).toEqual([STATUS.GOOD, undefined, undefined]);
    expect(said).toEqual([true]);
    resume();
    bench.serve();
    expect(statuses(after)).toEqual([STATUS.GOOD, STATUS.GOOD]);
    expect([bench.leftOver, bench.clock.timers]).toEqual([NOTHING_LEFT, 1]);
  });

  test("what waits begins in its order", () => {
    const [bench, a] = Bench.ready();
    const b = bench.connect("b");
    b.testUnitReady();
    const { resume } = suspend(bench, what);
    for (const [i, initiator] of [a, b, a, b].entries()) {
      initiator.send({ cdb: read10(i, 1), dataInLength: 512 });
    }
    resume();
    a.send({ cdb: read10(4, 1), dataInLength: 512 });
    const lbas = bench.program.drain().map(({ execCmd }) => execCmd.lba);
    expect(lbas).toEqual([0, 1, 2, 3, 4]);
  });

  test("one that comes while they begin is behind them all", () => {
    const [bench, a] = Bench.ready();
    a.session.nexusOf(0)!.establish(SENSE.CAPACITY_DATA_HAS_CHANGED);
    const { resume } = suspend(bench, what);
    // It ends at once, and its initiator goes on at once.
    a.testUnitReady();
    a.send({ cdb: read10(1, 1), dataInLength: 512 });
    const { driver } = bench;
    const sendResponse = driver.sendResponse.bind(driver);
    driver.sendResponse = (command) => {
      driver.sendResponse = sendResponse;
      sendResponse(command);
      a.send({ cdb: read10(2, 1), dataInLength: 512 });
    };
    resume();
    const lbas = bench.program.drain().map(({ execCmd }) => execCmd.lba);
    expect(lbas).toEqual([1, 2]);
  });

  test("suspensions are counted, and each is ended once", () => {
    const [bench, a] = Bench.ready();
    const [one, two] = [suspend(bench, what), suspend(bench, what)];
    const sent = a.send(READ);
    one.resume();
    one.resume();
    bench.serve();
    expect(sent.response).toBeUndefined();
    two.resume();
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
  });

  test("a response on its way is waited for", () => {
    const [bench, a] = Bench.ready();
    bench.driver.holdResponses = true;
    a.send(READ);
    bench.serve();
    const { said } = suspend(bench, what);
    expect(said).toEqual([]);
    bench.driver.deliver();
    expect(said).toEqual([true]);
  });

  test("after 90 seconds it is given up, and what waits goes on", () => {
    const [bench, a] = Bench.ready();
    a.send(READ);
    bench.program.expectGet();
    const { said, resume } = suspend(bench, what);
    const after = a.send(READ);
    bench.clock.advance(89_999);
    expect(said).toEqual([]);
    bench.clock.advance(1);
    expect(said).toEqual([false]);
    bench.serve();
    expect(after.response?.status).toBe(STATUS.GOOD);
    resume();
    expect(a.send(READ).response).toBeUndefined();
    expect(bench.program.expectGet()).toBeDefined();
  });

  test("resumed before it came to rest: nothing is said", () => {
    const [bench, a] = Bench.ready();
    a.send(READ);
    const { said, resume } = suspend(bench, { ...what, timeoutMs: 10 });
    resume();
    bench.clock.advance(20);
    bench.serve();
    expect(said).toEqual([]);
  });

  test("the core's own commands do not wait: whom they serve runs", () => {
    const [bench, a] = Bench.ready();
    const sent = a.send(COMPARE_AND_WRITE);
    const { said } = suspend(bench, what);
    expect(bench.serve().slice(0, 2)).toEqual(["ALLOC_MEM", "EXEC"]);
    expect(sent.response).toBeDefined();
    expect(said).toEqual([true]);
  });

  test("task management goes on, for those that wait too", () => {
    const [bench, a] = Bench.ready();
    bench.driver.holdData = true;
    const running = a.send({ ...WRITE, tag: TAG });
    bench.succeed(bench.program.expectGet());
    const { said } = suspend(bench, what);
    const waiting = a.send({ ...READ, tag: TAG + 1 });
    a.manage(SCST_ABORT_TASK, { tag: TAG });
    bench.serve();
    expect([running.response?.aborted, waiting.response, said]).toEqual([true, undefined, [true]]);
    a.manage(SCST_LUN_RESET);
    bench.serve();
    expect(waiting.response?.aborted).toBe(true);
    expect(bench.driver.done.map(({ status }) => status)).toEqual([
      TASK_MANAGEMENT_STATUS.SUCCESS,
      TASK_MANAGEMENT_STATUS.SUCCESS,
    ]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a session that ends takes what waits along", () => {
    const [bench, a] = Bench.ready();
    const { resume } = suspend(bench, what);
    const sent = a.send(READ);
    const state = a.close();
    bench.serve();
    expect([sent.response?.aborted, state.closed]).toEqual([true, true]);
    resume();
    expect(bench.serve()).toEqual([]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("the handler goes: nobody waits any more", () => {
    const [bench, a] = Bench.ready();
    const running = a.send(READ);
    bench.program.expectGet();
    const { said, resume } = suspend(bench, what);
    const waiting = a.send(READ);
    bench.program.device.close();
    expect([running.response?.sense, waiting.response?.status]).toEqual(["5/25/00", STATUS.BUSY]);
    expect(said).toEqual([true]);
    resume();
    expect([bench.leftOver, bench.clock.timers]).toEqual([NOTHING_LEFT, 0]);
  });

  test("the LUN goes: what waits comes to its end at the device", () => {
    const [bench, a] = Bench.ready();
    const { resume } = suspend(bench, what);
    const waiting = a.send(READ);
    bench.target.removeLun(0);
    expect(a.send(READ).response?.sense).toBe("5/25/00");
    resume();
    expect(bench.serve()).toEqual(["EXEC", "DETACH_SESS"]);
    expect(waiting.response?.status).toBe(STATUS.GOOD);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("HEAD OF QUEUE waits as well, and so does what the core answers", () => {
    const [bench, a] = Bench.ready();
    const { resume } = suspend(bench, what);
    const sent = [
      a.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_HEAD_OF_QUEUE }),
      a.send({ cdb: reportLuns(64), dataInLength: 64 }),
    ];
    expect(statuses(sent)).toEqual([undefined, undefined]);
    resume();
    bench.serve();
    expect(statuses(sent)).toEqual([STATUS.GOOD, STATUS.GOOD]);
  });

  test("those that wait count towards the queue depth", () => {
    const [bench, a] = Bench.ready({ limits: { queueDepthMax: 2 } });
    suspend(bench, what);
    const sent = [1, 2, 3].map(() => a.send(READ));
    expect(statuses(sent)).toEqual([undefined, undefined, STATUS.TASK_SET_FULL]);
  });
});

describe("of several devices", () => {
  function two() {
    const bench = Bench.withDisk();
    const second = new RawProgram(bench.core);
    registerDisk(second, { name: "second" });
    bench.target.addLun(1, "second");
    const a = bench.login();
    for (const program of [bench.program, second]) {
      for (const get of program.drain()) bench.succeed(get, program);
    }
    for (const lun of [0, 1]) a.testUnitReady(lun);
    a.testUnitReady(0);
    bench.serve();
    return { bench, second, a };
  }

  test("one is suspended, the other is not", () => {
    const { bench, second, a } = two();
    suspend(bench, { device: "disk" });
    a.send(READ);
    a.send({ ...READ, lun: 1 });
    expect([bench.program.drain().length, second.drain().length]).toEqual([0, 1]);
  });

  test("all are waited for", () => {
    const { bench, second, a } = two();
    a.send(READ);
    a.send({ ...READ, lun: 1 });
    const { said } = suspend(bench);
    bench.serve();
    expect(said).toEqual([]);
    bench.succeed(second.expectGet(), second);
    expect(said).toEqual([true]);
  });

  test("one that is registered meanwhile is suspended too", () => {
    const { bench, second, a } = two();
    const { resume } = suspend(bench);
    second.device.close();
    const third = new RawProgram(bench.core);
    registerDisk(third, { name: "second" });
    for (const get of third.drain()) bench.succeed(get, third);
    const sent = a.testUnitReady(1);
    expect(sent.response).toBeUndefined();
    resume();
    expect(sent.response?.sense).toBe("6/29/00");
  });

  test.each([-1, NaN, Infinity, 2 ** 31])("a time limit of %d ms is none", (timeoutMs) => {
    const { bench } = two();
    expect(() => suspend(bench, { timeoutMs })).toThrow(
      expect.objectContaining({ code: "SUSPEND_TIMEOUT" }),
    );
  });

  test("one that is not there can't be suspended", () => {
    const { bench } = two();
    expect(() => suspend(bench, { device: "third" })).toThrow(
      expect.objectContaining({ code: "DEVICE_UNKNOWN" }),
    );
  });
});
