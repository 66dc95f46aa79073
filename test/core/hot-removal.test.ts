/** LUNs, devices, sessions and targets go while commands run: all are answered once. */
import { describe, expect, test } from "vitest";
import { TASK_MANAGEMENT_STATUS } from "../../src/core/index.ts";
import {
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_CMD_QUEUE_ORDERED,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
} from "../../src/protocol/scst/index.ts";
import { Bench, type Initiator, NOTHING_LEFT, registerDisk, type Sent } from "../support/bench.ts";
import { read10, write10 } from "../support/cdbs.ts";
import { RawProgram } from "../support/raw-program.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const TAG = 77;

const { SUCCESS, LUN_NOT_EXIST } = TASK_MANAGEMENT_STATUS;

function functionResults(bench: Bench): (number | undefined)[] {
  return bench.driver.done.splice(0).map(({ status }) => status);
}

/** Answers what `program` is asked, attachments too. */
function serve(bench: Bench, program: RawProgram): void {
  for (let get = program.get(); get !== undefined; get = program.get()) {
    bench.succeed(get, program);
  }
}

/** One command that the handler has, and its LUN is gone. */
function removedUnderCommand() {
  const [bench, a] = Bench.ready();
  const sent = a.send({ ...READ, tag: TAG });
  const get = bench.program.expectGet();
  bench.target.removeLun(0);
  return { bench, a, sent, get };
}

describe("task management about a LUN that is gone while its commands run", () => {
  test.each([
    ["ABORT TASK", SCST_ABORT_TASK, true, SUCCESS],
    ["ABORT TASK SET", SCST_ABORT_TASK_SET, true, SUCCESS],
    ["CLEAR TASK SET: it may be about others", SCST_CLEAR_TASK_SET, false, LUN_NOT_EXIST],
    ["LOGICAL UNIT RESET: no access to it", SCST_LUN_RESET, false, LUN_NOT_EXIST],
    ["target reset", SCST_TARGET_RESET, true, SUCCESS],
    ["nexus loss", SCST_NEXUS_LOSS_SESS, true, SUCCESS],
  ])("%s", (_title, code, aborts, status) => {
    const { bench, a, sent, get } = removedUnderCommand();
    a.manage(code, { tag: TAG });
    bench.serve();
    expect(functionResults(bench)).toEqual(aborts ? [] : [status]);
    bench.succeed(get);
    bench.serve();
    expect(sent.response?.aborted).toBe(aborts);
    expect(functionResults(bench)).toEqual(aborts ? [status] : []);
    a.manage(SCST_ABORT_TASK_SET);
    expect(functionResults(bench)).toEqual([LUN_NOT_EXIST]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("another task than those that run is none", () => {
    const { bench, a } = removedUnderCommand();
    a.manage(SCST_ABORT_TASK, { tag: 1 });
    expect(functionResults(bench)).toEqual([LUN_NOT_EXIST]);
  });

  test("the LUN is another device by now: its reset ends what the old one has", () => {
    const { bench, a, sent, get } = removedUnderCommand();
    const second = new RawProgram(bench.core);
    registerDisk(second, { name: "second" });
    bench.target.addLun(0, "second");
    serve(bench, second);
    a.manage(SCST_LUN_RESET);
    bench.serve();
    serve(bench, second);
    expect(functionResults(bench)).toEqual([]);
    bench.succeed(get);
    bench.serve();
    serve(bench, second);
    bench.serve();
    expect(sent.response?.aborted).toBe(true);
    expect(functionResults(bench)).toEqual([SUCCESS]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a reset by another initiator ends what the removed LUN has", () => {
    const bench = Bench.withDisk();
    const group = bench.target.addGroup("group");
    group.addInitiator("a");
    group.addLun(0, "disk");
    const [a, b] = [bench.connect("a"), bench.connect("b")];
    for (const initiator of [a, b]) initiator.testUnitReady();
    const sent = a.send(READ);
    const get = bench.program.expectGet();
    group.removeLun(0);
    b.manage(SCST_LUN_RESET);
    bench.serve();
    expect(functionResults(bench)).toEqual([]);
    bench.succeed(get);
    bench.serve();
    expect(functionResults(bench)).toEqual([SUCCESS]);
    expect(sent.response?.aborted).toBe(true);
  });

  test("nothing of the nexus is kept once its commands have ended", () => {
    const { bench, a, get } = removedUnderCommand();
    const device = bench.program.device.device!;
    expect([device.leaving.size, a.session.leaving.size]).toEqual([1, 1]);
    bench.succeed(get);
    expect([device.leaving.size, a.session.leaving.size]).toEqual([0, 0]);
    expect(bench.serve()).toEqual(["DETACH_SESS"]);
  });
});

/** A command in some state; `serve` and what is released then end it. */
const STATES: readonly {
  readonly name: string;
  readonly bring: (bench: Bench, a: Initiator) => Sent;
}[] = [
  {
    name: "suspended",
    bring: (bench, a) => {
      bench.core.suspend(() => {}, { device: "disk" });
      return a.send(READ);
    },
  },
  { name: "ALLOC_MEM queued", bring: (_bench, a) => a.send(WRITE) },
  {
    name: "ALLOC_MEM at the handler",
    bring: (bench, a) => {
      const sent = a.send(WRITE);
      bench.program.expectGet();
      return sent;
    },
  },
  {
    name: "waiting for data-out",
    bring: (bench, a) => {
      bench.driver.holdData = true;
      const sent = a.send(WRITE);
      bench.serve();
      return sent;
    },
  },
  {
    name: "waiting for its turn",
    bring: (_bench, a) => {
      a.send(READ);
      return a.send({ ...READ, taskAttribute: SCST_CMD_QUEUE_ORDERED });
    },
  },
  { name: "EXEC queued", bring: (_bench, a) => a.send(READ) },
  {
    name: "EXEC at the handler",
    bring: (bench, a) => {
      const sent = a.send(READ);
      bench.program.expectGet();
      return sent;
    },
  },
  {
    name: "COMPARE AND WRITE, reading",
    bring: (bench, a) => {
      const cdb = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
      const sent = a.send({ cdb, dataOut: new Uint8Array(1024) });
      bench.succeed(bench.program.expectGet());
      bench.program.expectGet();
      return sent;
    },
  },
  {
    name: "response on its way",
    bring: (bench, a) => {
      bench.driver.holdResponses = true;
      const sent = a.send(READ);
      bench.serve();
      return sent;
    },
  },
];

/** Lets everything go: the handler that is there answers, the driver delivers. */
function settle(bench: Bench, taken: () => void): void {
  taken();
  for (let i = 0; i < 4; i++) {
    bench.driver.holdData = false;
    bench.driver.holdResponses = false;
    for (const command of bench.driver.waitingForData.splice(0)) command.dataReceived();
    bench.serve();
    bench.driver.deliver();
  }
}

interface Going {
  readonly name: string;
  /** Makes something go; what it gives says whether it is gone. */
  readonly go: (bench: Bench, a: Initiator) => () => boolean;
}

const GOING: readonly Going[] = [
  {
    name: "the device",
    go: (bench) => {
      bench.program.device.close();
      return () => bench.core.devices.size === 0;
    },
  },
  {
    name: "the session, by force",
    go: (bench, a) => {
      let gone = false;
      a.session.forceClose(() => {
        gone = true;
      });
      return () => gone && [...bench.target.sessions].length === 0;
    },
  },
  {
    name: "the target",
    go: (bench) => {
      let gone = false;
      bench.core.closeTarget(bench.target, () => {
        gone = true;
      });
      return () => gone && !bench.core.targets.has("target");
    },
  },
];

describe.each(GOING)("$name goes", ({ name, go }) => {
  test.each(STATES)("$name", ({ bring }) => {
    const [bench, a] = Bench.ready();
    const device = bench.program.device.device!;
    const keep = bench.program.expectGet.bind(bench.program);
    const kept: ReturnType<typeof keep>[] = [];
    bench.program.expectGet = () => {
      const get = keep();
      kept.push(get);
      return get;
    };
    const sent = bring(bench, a);
    const gone = go(bench, a);
    settle(bench, () => {
      const last = kept.at(-1);
      if (last !== undefined && name !== "the device") bench.succeed(last);
    });
    expect(sent.response).toBeDefined();
    expect(gone()).toBe(true);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    const { activeCount, internalCount, commandMemory, leaving, table } = device;
    expect([activeCount, internalCount, commandMemory.used, leaving.size, table.used]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(bench.core.commandMemory.used).toBe(0);
  });
});

describe("a session that is closed by force", () => {
  test("its driver is told to drop the connection, once", () => {
    const [bench, a] = Bench.ready();
    const told: unknown[] = [];
    Object.assign(bench.driver, { closeSession: (session: unknown) => told.push(session) });
    const closed: string[] = [];
    a.session.forceClose(() => closed.push("first"));
    a.session.forceClose(() => closed.push("second"));
    expect([told, closed]).toEqual([[a.session], []]);
    bench.serve();
    expect(closed).toEqual(["first", "second"]);
    a.session.forceClose(() => closed.push("third"));
    expect(closed).toEqual(["first", "second", "third"]);
  });

  test("a driver may close it by itself", () => {
    const [bench, a] = Bench.ready();
    const closed: string[] = [];
    Object.assign(bench.driver, {
      closeSession: () => a.session.close(() => closed.push("driver")),
    });
    a.session.forceClose(() => closed.push("administrator"));
    bench.serve();
    expect(closed).toEqual(["driver", "administrator"]);
  });

  test("commands that still come end without a response, while it ends and after", () => {
    const [bench, a] = Bench.ready();
    a.send(READ);
    const get = bench.program.expectGet();
    a.session.forceClose(() => {});
    expect(a.send(READ).response?.aborted).toBe(true);
    bench.serve();
    bench.succeed(get);
    bench.serve();
    expect([...bench.target.sessions]).toEqual([]);
    expect(a.send(READ).response?.aborted).toBe(true);
    expect(a.session.active.length).toBe(0);
  });

  test("before it is attached", () => {
    const bench = Bench.withDisk();
    const a = bench.login();
    const sent = a.send(READ);
    let closed = false;
    a.session.forceClose(() => {
      closed = true;
    });
    const events = bench.program.drain();
    const late = a.send(READ);
    for (const get of events) bench.succeed(get);
    const later = a.send(READ);
    const aborted = [sent, late, later].map(({ response }) => response?.aborted);
    expect(aborted).toEqual([true, true, true]);
    bench.serve();
    expect(closed).toBe(true);
    expect(bench.program.device.device!.nexuses.size).toBe(0);
  });
});

describe("a target that goes", () => {
  test("takes no more sessions, and its name is free when it is gone", () => {
    const [bench, a] = Bench.ready();
    a.send(READ);
    const get = bench.program.expectGet();
    bench.core.closeTarget(bench.target, () => {});
    expect(() => bench.login("b")).toThrow(expect.objectContaining({ code: "TARGET_CLOSING" }));
    expect(bench.core.targets.has("target")).toBe(true);
    bench.serve();
    bench.succeed(get);
    bench.serve();
    expect(bench.core.targets.has("target")).toBe(false);
    bench.core.addTarget({ name: "target", driver: bench.driver });
  });
});
