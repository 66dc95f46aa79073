/** Commands that take their time, and devices that are closed under them. */
import { describe, expect, test } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import { SCST_ABORT_TASK, SCST_LUN_RESET } from "../../../src/protocol/scst/index.ts";
import { good, loopbackChannel, type Outcome, registerDevice } from "../../../src/sdk/index.ts";
import { LocalTarget } from "../../../src/targets/local/index.ts";
import { senseText } from "../../support/bench.ts";
import { read10, synchronizeCache10, write10 } from "../../support/cdbs.ts";
import { Gate, handlerOf, readyDevice } from "../../support/device.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const FLUSH = { cdb: synchronizeCache10() };

/** Lets everything run that is ready to. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function gated() {
  const gate = new Gate();
  const fixture = await readyDevice(
    handlerOf({ exec: (command) => (command.cdb[0] === 0x28 ? gate.hold(command) : good) }),
  );
  // More than an initiator may have unless it is said.
  fixture.core.devices.get("disk")!.queueDepth.max = 500;
  return { ...fixture, gate };
}

describe("many at once", () => {
  test.each([1, 31, 32, 33, 64, 65, 500])("%i commands", async (count) => {
    const { initiator, gate } = await gated();
    const all = Array.from({ length: count }, () => initiator.execute(READ));
    expect(gate.waiting).toHaveLength(count);
    gate.openAll();
    const responses = await Promise.all(all);
    expect(responses.every(({ status, residual }) => status === 0 && residual === 0)).toBe(true);
  });

  test("each has its own buffer, and ends in any order", async () => {
    const { initiator, gate } = await gated();
    const all = Array.from({ length: 100 }, () => initiator.execute(READ));
    for (const [i, { command }] of gate.waiting.entries()) command.buffer.fill(i);
    for (const { open } of gate.waiting.splice(0).reverse()) open();
    const responses = await Promise.all(all);
    expect(responses.map(({ dataIn }) => dataIn[0])).toEqual(all.map((_, i) => i));
  });

  test("one that waits does not hold another up", async () => {
    const { initiator, gate } = await gated();
    const slow = initiator.execute(READ);
    expect((await initiator.execute(FLUSH)).status).toBe(STATUS.GOOD);
    gate.openAll();
    expect((await slow).status).toBe(STATUS.GOOD);
  });

  test("handlers that answer at once need no turn of the event loop", async () => {
    const { initiator } = await readyDevice(handlerOf());
    let status = -1;
    initiator.submit({
      lun: 0,
      cdb: Uint8Array.from(FLUSH.cdb),
      expectedDirection: 4,
      expectedLength: 0,
      done: (command) => {
        status = command.status;
      },
    });
    expect(status).toBe(STATUS.GOOD);
  });
});

describe("in the background", () => {
  test("the initiator has GOOD while the handler goes on", async () => {
    let finish: ((outcome: Outcome) => void) | undefined;
    const { initiator } = await readyDevice(
      handlerOf({
        exec: (command) => {
          if (command.cdb[0] !== 0x35) return good;
          command.answerInBackground();
          return new Promise((resolve) => {
            finish = resolve;
          });
        },
      }),
    );
    expect((await initiator.execute(FLUSH)).status).toBe(STATUS.GOOD);
    expect(finish).toBeDefined();
    finish?.({ status: STATUS.BUSY });
    await settled();
    expect((await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0] })).status).toBe(STATUS.GOOD);
  });

  test("what it throws then is reported, and nothing more", async () => {
    const { initiator, reports } = await readyDevice(
      handlerOf({
        exec: async (command) => {
          if (command.cdb[0] !== 0x35) return good;
          command.answerInBackground();
          await settled();
          throw new Error("too late");
        },
      }),
    );
    expect((await initiator.execute(FLUSH)).status).toBe(STATUS.GOOD);
    await settled();
    await settled();
    expect(reports.map(({ code }) => code)).toEqual(["HANDLER"]);
  });

  test("a data-in command can't: it is answered as usual", async () => {
    const { initiator } = await readyDevice(
      handlerOf({
        exec: (command) => {
          command.answerInBackground();
          return command.dataDirection === 2 ? command.reply(Uint8Array.of(1, 2)) : good;
        },
      }),
    );
    expect((await initiator.execute(READ)).dataIn).toEqual(Uint8Array.of(1, 2));
  });

  test("twice is once", async () => {
    const { initiator, reports } = await readyDevice(
      handlerOf({
        exec: (command) => {
          command.answerInBackground();
          command.answerInBackground();
          return good;
        },
      }),
    );
    expect((await initiator.execute(FLUSH)).status).toBe(STATUS.GOOD);
    expect(reports).toEqual([]);
  });

  test("hundreds in one batch", async () => {
    const { initiator, reports } = await readyDevice(
      handlerOf({
        exec: (command) => {
          command.answerInBackground();
          return good;
        },
      }),
    );
    const write = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
    const all = await Promise.all(Array.from({ length: 300 }, () => initiator.execute(write)));
    expect(all.every(({ status }) => status === STATUS.GOOD)).toBe(true);
    expect(reports).toEqual([]);
  });
});

describe("close", () => {
  test("commands that wait are answered at once; the handler is waited for, then closed", async () => {
    const events: string[] = [];
    const gate = new Gate();
    const { initiator, device } = await readyDevice(
      handlerOf({
        exec: (command) => (command.cdb[0] === 0x28 ? gate.hold(command) : good),
        close: () => void events.push("handler closed"),
      }),
    );
    const waiting = initiator.execute(READ);
    const closed = device.close().then(() => events.push("device closed"));
    expect(senseText((await waiting).sense)).toBe("5/25/00");
    await settled();
    expect(events).toEqual([]);
    gate.openAll();
    await closed;
    expect(events).toEqual(["handler closed", "device closed"]);
    expect(senseText((await initiator.execute(READ)).sense)).toBe("5/25/00");
  });

  test("twice is once", async () => {
    let closes = 0;
    const { device } = await readyDevice(handlerOf({ close: () => void closes++ }));
    await Promise.all([device.close(), device.close()]);
    await device.close();
    expect(closes).toBe(1);
  });

  test("the name is free again", async () => {
    const { core, device } = await readyDevice(handlerOf());
    await device.close();
    const again = await registerDevice(loopbackChannel(core), "disk", handlerOf());
    await again.close();
  });

  test("a session may end after its device", async () => {
    const { initiator, device } = await readyDevice(handlerOf());
    await device.close();
    await initiator.close();
  });
});

describe("task management", () => {
  test("ABORT TASK names the command that the handler has", async () => {
    const seen: unknown[] = [];
    const gate = new Gate();
    const { initiator } = await readyDevice(
      handlerOf({
        exec: (command) => (command.cdb[0] === 0x28 ? gate.hold(command) : good),
        taskManagementReceived: (request) => {
          seen.push([request.function, request.command === gate.waiting[0]?.command]);
        },
      }),
    );
    const read = initiator.execute({ ...READ, tag: 5 });
    const aborted = initiator.taskManagement({ function: SCST_ABORT_TASK, tag: 5 });
    await settled();
    expect(seen).toEqual([[SCST_ABORT_TASK, true]]);
    gate.openAll();
    expect((await read).aborted).toBe(true);
    expect(await aborted).toBe(0);
  });

  test.each([
    ["at once", () => undefined, 0],
    ["later", () => Promise.resolve(), 0],
    [
      "with an error",
      () => {
        throw new Error("no");
      },
      -129,
    ],
    ["with an error later", () => Promise.reject(new Error("no")), -129],
  ])("taskManagementDone answers %s", async (_title, taskManagementDone, status) => {
    const { initiator } = await readyDevice(handlerOf({ taskManagementDone }));
    expect(await initiator.taskManagement({ function: SCST_LUN_RESET })).toBe(status);
  });

  test("an error of taskManagementReceived does not make it fail", async () => {
    const { initiator, reports } = await readyDevice(
      handlerOf({
        taskManagementReceived: () => {
          throw new Error("no");
        },
      }),
    );
    expect(await initiator.taskManagement({ function: SCST_LUN_RESET })).toBe(0);
    expect(reports).toHaveLength(1);
  });
});

test("a device whose handler fails all the time does not disturb another", async () => {
  const core = createCore();
  const target = new LocalTarget(core, "target");
  const bad = handlerOf({
    exec: () => {
      // oxlint-disable-next-line only-throw-error -- a handler may throw anything
      throw { toString: () => Promise.reject(new Error("worse")) };
    },
    attachSession: () => undefined,
  });
  await registerDevice(loopbackChannel(core), "bad", bad);
  await registerDevice(loopbackChannel(core), "fine", handlerOf());
  target.addLun(0, "bad");
  target.addLun(1, "fine");
  const initiator = target.connect("initiator");
  for (const lun of [0, 1]) await initiator.execute({ cdb: [0, 0, 0, 0, 0, 0], lun });
  const all = Array.from({ length: 100 }, (_, i) => initiator.execute({ ...READ, lun: i % 2 }));
  const responses = await Promise.all(all);
  const statuses = [0, 1].map(
    (lun) => new Set(responses.filter((_, i) => i % 2 === lun).map(({ status }) => status)),
  );
  expect(statuses).toEqual([new Set([STATUS.CHECK_CONDITION]), new Set([STATUS.GOOD])]);
});
