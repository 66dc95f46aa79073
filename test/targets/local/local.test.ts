import { describe, expect, test } from "vitest";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_CMD_QUEUE_HEAD_OF_QUEUE,
  SCST_CMD_QUEUE_SIMPLE,
  SCST_DATA_NONE,
  SCST_DATA_READ,
} from "../../../src/protocol/scst/index.ts";
import { good } from "../../../src/sdk/index.ts";
import { LocalTarget, type LocalTask } from "../../../src/targets/local/index.ts";
import { senseText } from "../../support/bench.ts";
import { read10, write10 } from "../../support/cdbs.ts";
import { Gate, handlerOf, readyDevice } from "../../support/device.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };

const counting = () => {
  let next = 0;
  return handlerOf({
    exec: ({ buffer }) => {
      buffer.fill(++next);
      return good;
    },
  });
};

describe("execute", () => {
  test("gives status, data and residual; sense is empty where there is none", async () => {
    const { initiator } = await readyDevice(counting());
    const response = await initiator.execute({ ...READ, dataInLength: 600 });
    expect(response).toMatchObject({ status: STATUS.GOOD, residual: 88, aborted: false });
    expect([response.dataIn.length, response.sense.length]).toEqual([512, 0]);
  });

  test("data that do not fit are cut", async () => {
    const { initiator } = await readyDevice(counting());
    const { dataIn, residual } = await initiator.execute({ ...READ, dataInLength: 10 });
    expect([dataIn.length, residual]).toEqual([10, -502]);
  });

  test("the response stays as it is when buffers serve other commands", async () => {
    const { initiator } = await readyDevice(counting());
    const first = await initiator.execute(READ);
    const copy = first.dataIn.slice();
    await initiator.execute(READ);
    expect(first.dataIn).toEqual(copy);
  });

  test("a CDB may be a list or bytes", async () => {
    const { initiator } = await readyDevice(counting());
    const statuses = [
      await initiator.execute(READ),
      await initiator.execute({ ...READ, cdb: Uint8Array.from(READ.cdb) }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([STATUS.GOOD, STATUS.GOOD]);
  });

  test.each([
    ["empty", 0],
    ["too long", 65_537],
  ])("a CDB that is %s is refused", async (_title, length) => {
    const { initiator } = await readyDevice(counting());
    await expect(initiator.execute({ cdb: new Uint8Array(length) })).rejects.toThrow(
      expect.objectContaining({ code: "CDB_LENGTH" }),
    );
  });

  test("more data-out than the command takes: the rest is residual", async () => {
    let seen: Uint8Array | undefined;
    const { initiator } = await readyDevice(
      handlerOf({
        exec: ({ buffer, cdb }) => {
          if (cdb[0] === 0x2a) seen = buffer.slice();
          return good;
        },
      }),
    );
    const dataOut = Uint8Array.from({ length: 1024 }, (_, i) => i >> 2);
    const response = await initiator.execute({ cdb: write10(0, 1), dataOut });
    expect(response).toMatchObject({ status: STATUS.GOOD, residual: 512 });
    expect(seen).toEqual(dataOut.slice(0, 512));
  });

  test("the task attribute reaches the handler", async () => {
    const seen: number[] = [];
    const { initiator } = await readyDevice(
      handlerOf({
        exec: ({ taskAttribute }) => {
          seen.push(taskAttribute);
          return good;
        },
      }),
    );
    await initiator.execute(READ);
    await initiator.execute({ ...READ, taskAttribute: SCST_CMD_QUEUE_HEAD_OF_QUEUE });
    expect(seen).toEqual([SCST_CMD_QUEUE_SIMPLE, SCST_CMD_QUEUE_HEAD_OF_QUEUE]);
  });
});

describe("submit", () => {
  test("a task may be submitted again from its own end", async () => {
    const { initiator } = await readyDevice(handlerOf());
    let rounds = 0;
    await new Promise<void>((resolve) => {
      const task: LocalTask = {
        lun: 0,
        cdb: Uint8Array.from(READ.cdb),
        expectedDirection: SCST_DATA_READ,
        expectedLength: 512,
        done() {
          rounds++;
          if (rounds < 1000) initiator.submit(task);
          else resolve();
        },
      };
      initiator.submit(task);
    });
    expect(rounds).toBe(1000);
  });

  test("what done() throws reaches the submitter, and the command is freed", async () => {
    const { initiator } = await readyDevice(handlerOf());
    const task: LocalTask = {
      lun: 9,
      cdb: new Uint8Array(6),
      expectedDirection: SCST_DATA_NONE,
      expectedLength: 0,
      done() {
        throw new Error("the test's own");
      },
    };
    expect(() => initiator.submit(task)).toThrow("the test's own");
    expect((await initiator.execute(READ)).status).toBe(STATUS.GOOD);
    await initiator.close();
  });
});

describe("close", () => {
  test("aborts what runs, and waits for it", async () => {
    const gate = new Gate();
    const { initiator } = await readyDevice(
      handlerOf({ exec: (command) => (command.cdb[0] === 0x28 ? gate.hold(command) : good) }),
    );
    const running = initiator.execute(READ);
    let closed = false;
    const closing = initiator.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    gate.openAll();
    await closing;
    expect((await running).aborted).toBe(true);
  });
});

test("two targets have their own LUNs of the same device", async () => {
  const { core, initiator } = await readyDevice(handlerOf());
  const other = new LocalTarget(core, "other");
  other.addLun(3, "disk");
  const second = other.connect("initiator");
  const senses = [
    await initiator.execute({ ...READ, lun: 3 }),
    await second.execute({ ...READ, lun: 3 }),
    await second.execute({ ...READ, lun: 0 }),
  ].map(({ sense }) => senseText(sense));
  expect(senses).toEqual(["5/25/00", "6/29/00", "5/25/00"]);
});

describe("a target that is closed", () => {
  test("ends its sessions: commands are aborted, those to come at once", async () => {
    const gate = new Gate();
    const { core, target, initiator } = await readyDevice(handlerOf({ exec: gate.hold }));
    const running = initiator.execute(READ);
    const closed = target.close();
    expect(initiator.closed).toBe(true);
    expect((await initiator.execute(READ)).aborted).toBe(true);
    gate.openAll();
    expect((await running).aborted).toBe(true);
    await closed;
    expect([...core.targets.keys()]).toEqual([]);
    expect((await initiator.execute(READ)).aborted).toBe(true);
  });
});
