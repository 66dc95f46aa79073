/** How many commands there may be, and what becomes of those that are too many. */
import { describe, expect, test } from "vitest";
import { createCore, type FlowLimits } from "../../src/core/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { good } from "../../src/sdk/index.ts";
import { Bench, NOTHING_LEFT, registerDisk, type Sent } from "../support/bench.ts";
import { read10, write10 } from "../support/cdbs.ts";
import { Gate, handlerOf, readyDevice } from "../support/device.ts";
import { RawProgram } from "../support/raw-program.ts";
import { subcommandName } from "../support/subcommands.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 8), dataOut: new Uint8Array(4096) };
/** What it compares with is nowhere: its READ is executed, its WRITE is not. */
const COMPARE_AND_WRITE = {
  cdb: [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
  dataOut: new Uint8Array(1024).fill(0x5a),
};
const MISCOMPARE = "E/1D/00";

const { BUSY, TASK_SET_FULL, GOOD } = STATUS;
const RUNS = undefined;

function statuses(sent: readonly Sent[]): (number | undefined)[] {
  return sent.map(({ response }) => response?.status);
}

describe("commands of one initiator at one LUN", () => {
  test("128, unless said otherwise; the next one is refused", () => {
    const [bench, a] = Bench.ready();
    const sent = Array.from({ length: 130 }, () => a.send(READ));
    expect(statuses(sent)).toEqual([
      ...Array.from({ length: 128 }, () => RUNS),
      TASK_SET_FULL,
      TASK_SET_FULL,
    ]);
    bench.serve();
    const after = a.send(READ);
    bench.serve();
    expect(statuses([...sent.slice(0, 128), after])).toEqual(
      Array.from({ length: 129 }, () => GOOD),
    );
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("each initiator has its own", () => {
    const bench = Bench.withDisk({ limits: { queueDepthMax: 2 } });
    const initiators = [bench.connect("a"), bench.connect("b")];
    for (const initiator of initiators) initiator.testUnitReady();
    const sent = initiators.flatMap((initiator) => [1, 2, 3].map(() => initiator.send(READ)));
    expect(statuses(sent)).toEqual([RUNS, RUNS, TASK_SET_FULL, RUNS, RUNS, TASK_SET_FULL]);
  });

  test("each LUN has its own", () => {
    const bench = Bench.withDisk({ limits: { queueDepthMax: 1 } });
    bench.target.addLun(1, "disk");
    const a = bench.connect();
    for (const lun of [0, 1]) a.testUnitReady(lun);
    const sent = [0, 1, 0, 1].map((lun) => a.send({ ...READ, lun }));
    expect(statuses(sent)).toEqual([RUNS, RUNS, TASK_SET_FULL, TASK_SET_FULL]);
  });

  test("may be set for a device while commands run", () => {
    const [bench, a] = Bench.ready();
    const device = bench.program.device.device!;
    const sent = [a.send(READ), a.send(READ)];
    device.queueDepth.max = 2;
    sent.push(a.send(READ));
    device.queueDepth.max = 3;
    sent.push(a.send(READ));
    expect(statuses(sent)).toEqual([RUNS, RUNS, TASK_SET_FULL, RUNS]);
  });

  test("one whose response is on its way counts", () => {
    const [bench, a] = Bench.ready({ limits: { queueDepthMax: 1 } });
    bench.driver.holdResponses = true;
    a.send(READ);
    bench.serve();
    expect(a.send(READ).response?.status).toBe(TASK_SET_FULL);
    bench.driver.deliver();
    expect(a.send(READ).response).toBe(RUNS);
  });

  test("the core's own commands do not count", () => {
    const [bench, a] = Bench.ready({ limits: { queueDepthMax: 1, deviceCommandsMax: 1 } });
    const sent = a.send(COMPARE_AND_WRITE);
    expect(bench.serve()).toEqual(["ALLOC_MEM", "EXEC"]);
    expect(sent.response?.sense).toBe(MISCOMPARE);
    const device = bench.program.device.device!;
    const { activeCount, internalCount } = a.session.nexusOf(0)!;
    expect([activeCount, internalCount]).toEqual([0, 0]);
    expect([device.activeCount, device.internalCount, device.commandMemory.used]).toEqual([
      0, 0, 0,
    ]);
  });

  test("a command that is refused has cost nothing", () => {
    const [bench, a] = Bench.ready({ limits: { queueDepthMax: 1 } });
    a.send(READ);
    const device = bench.program.device.device!;
    const before = [device.table.used, device.commandMemory.used, device.pool.statistics.total];
    expect(a.send(WRITE).response?.status).toBe(TASK_SET_FULL);
    expect([device.table.used, device.commandMemory.used, device.pool.statistics.total]).toEqual(
      before,
    );
    expect(bench.program.drain().map(({ subcode }) => subcommandName(subcode))).toEqual(["EXEC"]);
  });
});

describe("commands at one device", () => {
  test("an initiator with nothing else under way hears BUSY", () => {
    const bench = Bench.withDisk({ limits: { deviceCommandsMax: 2 } });
    const [a, b] = [bench.connect("a"), bench.connect("b")];
    for (const initiator of [a, b]) initiator.testUnitReady();
    const sent = [a.send(READ), a.send(READ), b.send(READ), a.send(READ)];
    expect(statuses(sent)).toEqual([RUNS, RUNS, BUSY, TASK_SET_FULL]);
    bench.serve();
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("memory of commands", () => {
  test("of one device", () => {
    const [bench, a] = Bench.ready({ limits: { deviceCommandMemoryMax: 2 * 4096 } });
    const sent = [1, 2, 3].map(() => a.send(WRITE));
    expect(statuses(sent)).toEqual([RUNS, RUNS, TASK_SET_FULL]);
    expect(a.send({ cdb: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0] }).response).toBe(RUNS);
    bench.serve();
    const again = a.send(WRITE);
    bench.serve();
    expect(again.response?.status).toBe(GOOD);
    expect(bench.program.device.device!.commandMemory.used).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a command larger than all of it is refused", () => {
    const [, a] = Bench.ready({ limits: { deviceCommandMemoryMax: 4095 } });
    expect(a.send(WRITE).response?.status).toBe(BUSY);
  });

  test("of all devices", () => {
    const limits = { commandMemoryMax: 2 * 4096, deviceCommandMemoryMax: 2 * 4096 };
    const bench = Bench.withDisk({ limits });
    const second = new RawProgram(bench.core);
    registerDisk(second, { name: "second" });
    bench.target.addLun(1, "second");
    const a = bench.login();
    for (const program of [bench.program, second]) {
      for (const get of program.drain()) bench.succeed(get, program);
    }
    for (const lun of [0, 1]) a.testUnitReady(lun);
    const sent = [0, 1, 1].map((lun) => a.send({ ...WRITE, lun }));
    expect(statuses(sent)).toEqual([RUNS, RUNS, TASK_SET_FULL]);
    expect(bench.core.commandMemory.used).toBe(2 * 4096);
    a.close();
    for (const program of [bench.program, second]) {
      for (const get of program.drain()) bench.succeed(get, program);
    }
    expect(bench.core.commandMemory.used).toBe(0);
  });

  test("the core's own commands are let in, and count", () => {
    const [bench, a] = Bench.ready({ limits: { deviceCommandMemoryMax: 1024 } });
    const sent = a.send(COMPARE_AND_WRITE);
    const [alloc] = bench.program.drain();
    bench.succeed(alloc!);
    expect(bench.program.device.device!.commandMemory.used).toBe(1536);
    bench.serve();
    expect(sent.response?.sense).toBe(MISCOMPARE);
    expect(bench.program.device.device!.commandMemory.used).toBe(0);
  });

  test.each(["handler", "session", "abort"])(
    "is given back, whatever ends a command: %s",
    (what) => {
      const [bench, a] = Bench.ready();
      const device = bench.program.device.device!;
      const sent = [a.send(WRITE), a.send(READ)];
      const kept = bench.program.drain();
      expect(device.commandMemory.used).toBe(4096 + 512);
      if (what === "handler") bench.program.device.close();
      else if (what === "session") a.close();
      else for (const { command } of sent) a.session.abort(command);
      if (what !== "handler") for (const get of kept) bench.succeed(get);
      bench.serve();
      for (const { response } of sent) expect(response).toBeDefined();
      expect([device.commandMemory.used, bench.core.commandMemory.used]).toEqual([0, 0]);
    },
  );
});

describe("the limits", () => {
  test("their defaults", () => {
    const [bench] = Bench.ready();
    const { queueDepth, commandsMax, commandMemory } = bench.program.device.device!;
    expect([queueDepth.current, queueDepth.adapts, commandsMax]).toEqual([128, false, Infinity]);
    expect(bench.core.commandMemory.max).toBe(2 ** 30);
    expect(commandMemory.max).toBe(Math.floor((2 ** 30 * 2) / 5));
  });

  test.each<[string, FlowLimits]>([
    ["no commands", { deviceCommandsMax: 0 }],
    ["no memory", { commandMemoryMax: 0 }],
    ["no number", { deviceCommandMemoryMax: NaN }],
  ])("%s is refused", (_title, limits) => {
    expect(() => createCore({ limits })).toThrow(expect.objectContaining({ code: "LIMIT" }));
  });

  test("a queue depth that is none is refused", () => {
    const depth = () => createCore({ limits: { queueDepthMax: 1.5 } });
    expect(depth).toThrow(expect.objectContaining({ code: "QUEUE_DEPTH" }));
  });

  test.each([0, -1, NaN])("%d of a device is refused, and changes nothing", (max) => {
    const [bench] = Bench.ready();
    const device = bench.program.device.device!;
    const wrong = expect.objectContaining({ code: "LIMIT" });
    expect(() => (device.commandsMax = max)).toThrow(wrong);
    expect(() => (device.commandMemory.max = max)).toThrow(wrong);
    expect(device.commandsMax).toBe(Infinity);
  });
});

describe("a depth that adapts, over the local initiator", () => {
  test("a slow handler makes it fall, and a quick one lets it recover", async () => {
    const gate = new Gate();
    let slow = true;
    const handler = handlerOf({ exec: (command) => (slow ? gate.hold(command) : good) });
    const { core, clock, initiator } = await readyDevice(handler);
    const { queueDepth } = core.devices.get("disk")!;
    queueDepth.max = 4;
    queueDepth.adapt(clock);
    const run = async (count: number, milliseconds: number) => {
      const responses = Array.from({ length: count }, () =>
        initiator.execute({ cdb: read10(0, 1), dataInLength: 512 }),
      );
      clock.advance(milliseconds);
      gate.openAll();
      return (await Promise.all(responses)).map(({ status }) => status);
    };

    // A fifth of the READ's 60 s.
    expect(await run(4, 13_000)).toEqual([GOOD, GOOD, GOOD, GOOD]);
    expect(queueDepth.current).toBe(2);
    expect(await run(4, 13_000)).toEqual([GOOD, GOOD, TASK_SET_FULL, TASK_SET_FULL]);
    expect([queueDepth.current, queueDepth.halvedCount]).toEqual([1, 2]);

    slow = false;
    const depths: number[] = [];
    for (let minute = 0; minute < 5; minute++) {
      await run(1, 60_000);
      depths.push(queueDepth.current);
    }
    expect(depths.at(-1)).toBe(4);
    expect(queueDepth.raisedCount).toBe(3);
    slow = true;
    expect(await run(5, 1000)).toEqual([GOOD, GOOD, GOOD, GOOD, TASK_SET_FULL]);
    expect(queueDepth.worstMs).toBeGreaterThanOrEqual(13_000);
    const { timers } = clock;
    queueDepth.fix();
    expect(timers - clock.timers).toBe(1);
  });

  test("is on from the start where the core is told so, and ends with the device", () => {
    const bench = Bench.withDisk({ limits: { dynamicQueueDepth: true } });
    const { queueDepth } = bench.program.device.device!;
    expect([queueDepth.adapts, bench.clock.timers]).toEqual([true, 1]);
    bench.program.device.close();
    expect([queueDepth.adapts, bench.clock.timers]).toEqual([false, 0]);
  });
});
