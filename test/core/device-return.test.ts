/** A handler dies and is started again: its LUNs come back, and nothing is left of the dead. */
import { describe, expect, test } from "vitest";
import { MemoryStateStore } from "../../src/core/reservations/state-store.ts";
import { SCST_ABORT_TASK_SET } from "../../src/protocol/scst/index.ts";
import { PERSISTENT_RESERVE_OUT, STATUS } from "../../src/protocol/scsi/index.ts";
import { good, loopbackChannel, registerDevice } from "../../src/sdk/index.ts";
import { Bench, type Initiator, registerDisk, senseText, type Sent } from "../support/bench.ts";
import { inquiry, read10, write10 } from "../support/cdbs.ts";
import { handlerOf, readyDevice } from "../support/device.ts";
import { RawProgram } from "../support/raw-program.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };

const GONE = "5/25/00";
const POWER_ON = "6/29/00";
const LUNS_CHANGED = "6/3F/0E";

/** Answers what `program` is asked, attachments too. */
function serve(bench: Bench, program: RawProgram): void {
  for (let get = program.get(); get !== undefined; get = program.get()) {
    bench.succeed(get, program);
  }
}

/** A program that registers a device of the name once more. */
function again(bench: Bench, name = "disk"): RawProgram {
  const program = new RawProgram(bench.core);
  expect(registerDisk(program, { name })).toBe(0);
  serve(bench, program);
  return program;
}

/** The sense of TEST UNIT READY, until there is none. */
function attentions(bench: Bench, initiator: Initiator, program: RawProgram, lun = 0): string[] {
  const senses: string[] = [];
  for (;;) {
    const sent = initiator.testUnitReady(lun);
    serve(bench, program);
    const sense = sent.response?.sense ?? "";
    if (sense === "") return senses;
    senses.push(sense);
  }
}

function lunsOf({ session }: Initiator): number[] {
  return [...session.nexuses.keys()].sort((a, b) => a - b);
}

describe("a device that comes back", () => {
  test("is the LUN again, which initiators are told", () => {
    const [bench, a] = Bench.ready();
    bench.program.device.close();
    expect(a.testUnitReady().response?.sense).toBe(GONE);
    const { dataIn } = a.send({ cdb: inquiry(36), dataInLength: 36 }).response!;
    expect(dataIn[0]).toBe(0x7f);
    expect([lunsOf(a), [...bench.target.luns.keys()]]).toEqual([[], []]);
    expect(bench.target.defaultGroup.vacantLuns.get(0)).toEqual({
      deviceName: "disk",
      readOnly: false,
    });

    const program = again(bench);
    expect(attentions(bench, a, program)).toEqual([POWER_ON, LUNS_CHANGED]);
    expect([lunsOf(a), [...bench.target.luns.keys()]]).toEqual([[0], [0]]);
    expect(bench.target.defaultGroup.vacantLuns.size).toBe(0);
  });

  test("in every group that had it, at every LUN, as it was", () => {
    const bench = Bench.withDisk();
    const group = bench.target.addGroup("group");
    group.addInitiator("a");
    for (const lun of [3, 4]) group.addLun(lun, "disk", { readOnly: lun === 4 });
    const [a, b] = [bench.connect("a"), bench.connect("b")];
    bench.program.device.close();
    again(bench);
    expect([lunsOf(a), lunsOf(b)]).toEqual([[3, 4], [0]]);
    expect([3, 4].map((lun) => group.luns.get(lun)?.readOnly)).toEqual([false, true]);
  });

  test("for sessions that came meanwhile too", () => {
    const [bench] = Bench.ready();
    bench.program.device.close();
    const b = bench.login("b");
    const program = again(bench);
    expect(attentions(bench, b, program)).toEqual([POWER_ON, LUNS_CHANGED]);
  });

  test("commands wait for ATTACH_SESS", () => {
    const [bench, a] = Bench.ready();
    bench.program.device.close();
    const program = new RawProgram(bench.core);
    registerDisk(program);
    const sent = a.testUnitReady();
    expect(sent.response).toBeUndefined();
    serve(bench, program);
    expect(sent.response?.sense).toBe(POWER_ON);
  });

  const STAYS_AWAY: readonly [string, (bench: Bench) => void][] = [
    ["its LUN was taken away", ({ target }) => target.removeLun(0)],
    ["all LUNs were", ({ target }) => target.defaultGroup.clear()],
  ];

  test.each(STAYS_AWAY)("not if %s meanwhile", (_title, change) => {
    const [bench, a] = Bench.ready();
    bench.program.device.close();
    change(bench);
    again(bench);
    expect(lunsOf(a)).toEqual([]);
  });

  test("not if its LUN was taken away before", () => {
    const [bench, a] = Bench.ready();
    bench.target.removeLun(0);
    bench.serve();
    bench.program.device.close();
    again(bench);
    expect(lunsOf(a)).toEqual([]);
  });

  test("not if the LUN has another device by now", () => {
    const [bench, a] = Bench.ready();
    bench.program.device.close();
    const other = new RawProgram(bench.core);
    registerDisk(other, { name: "other" });
    bench.target.addLun(0, "other");
    serve(bench, other);
    again(bench);
    expect(a.session.nexusOf(0)?.device.name).toBe("other");
  });

  test("not where the LUN was given the device itself", () => {
    const bench = new Bench();
    registerDisk(bench.program);
    bench.target.addLun(0, bench.program.device.device!);
    const a = bench.connect();
    bench.program.device.close();
    again(bench);
    expect(lunsOf(a)).toEqual([]);
  });

  test("a LUN that is replaced while its device is away is another from then on", () => {
    const [bench, a] = Bench.ready();
    const other = new RawProgram(bench.core);
    registerDisk(other, { name: "other" });
    bench.program.device.close();
    bench.target.defaultGroup.replaceLun(0, "other", { readOnly: true });
    serve(bench, other);
    expect(a.session.nexusOf(0)).toMatchObject({ readOnly: true, device: { name: "other" } });
  });

  test("persistent reservations with APTPL are there again, others are not", () => {
    for (const aptpl of [true, false]) {
      const bench = Bench.withDisk({ stateStore: new MemoryStateStore() });
      const [a, b] = [bench.connect("a"), bench.connect("b")];
      for (const initiator of [a, b]) initiator.testUnitReady();
      const taken = (["REGISTER", "RESERVE"] as const).map((action) => {
        const sent = reserve(a, action, aptpl);
        bench.serve();
        return sent;
      });
      const conflicting = b.send(WRITE);
      bench.serve();
      expect([...taken, conflicting].map(({ response }) => response?.status)).toEqual([
        STATUS.GOOD,
        STATUS.GOOD,
        STATUS.RESERVATION_CONFLICT,
      ]);
      bench.program.device.close();
      const program = again(bench);
      for (const initiator of [a, b]) attentions(bench, initiator, program);
      const [own, others] = [a, b].map((initiator) => initiator.send(WRITE));
      serve(bench, program);
      expect(own?.response?.status).toBe(STATUS.GOOD);
      expect(others?.response?.status).toBe(aptpl ? STATUS.RESERVATION_CONFLICT : STATUS.GOOD);
    }
  });

  test("through the SDK: the same handler, registered again, has its sessions again", async () => {
    let executed = 0;
    const handler = handlerOf({
      exec: () => {
        executed++;
        return good;
      },
    });
    const { core, device, initiator } = await readyDevice(handler);
    const read = async () => {
      const { status, sense } = await initiator.execute({ cdb: READ.cdb, dataInLength: 512 });
      return status === STATUS.GOOD ? "GOOD" : senseText(sense);
    };
    expect(await read()).toBe("GOOD");
    await device.close();
    expect(await read()).toBe(GONE);
    const second = await registerDevice(loopbackChannel(core), "disk", handler);
    const heard = [await read(), await read(), await read()];
    expect(heard).toEqual([POWER_ON, LUNS_CHANGED, "GOOD"]);
    expect(executed).toBe(2);
    await second.close();
  });

  test("a hundred times: nothing is left of the others", () => {
    const [bench, a] = Bench.ready();
    let program = bench.program;
    for (let i = 0; i < 100; i++) {
      const sent = [a.send(READ), a.send(WRITE), a.send(READ)];
      program.get();
      a.manage(SCST_ABORT_TASK_SET);
      const { device } = program.device;
      program.device.close();
      for (const { response } of sent) expect(response).toBeDefined();
      expect(device!.nexuses.size + device!.leaving.size + device!.table.used).toBe(0);
      program = again(bench);
      expect(attentions(bench, a, program)).toEqual([POWER_ON, LUNS_CHANGED]);
    }
    const { session } = a;
    expect([session.active.length, session.nexuses.size, session.leaving.size]).toEqual([0, 1, 0]);
    expect([bench.core.devices.size, bench.core.commandMemory.used]).toEqual([1, 0]);
    expect(bench.driver.done).toHaveLength(100);
    program.device.close();
    expect(bench.clock.timers).toBe(0);
  });
});

/** PERSISTENT RESERVE OUT: a registration with key 1, or Write Exclusive by that key. */
function reserve(initiator: Initiator, action: "REGISTER" | "RESERVE", aptpl: boolean): Sent {
  const registers = action === "REGISTER";
  const type = registers ? 0 : 1;
  const dataOut = new Uint8Array(24);
  // RESERVATION KEY ends in byte 7, SERVICE ACTION RESERVATION KEY in byte 15.
  dataOut[registers ? 15 : 7] = 1;
  if (registers && aptpl) dataOut[20] = 1;
  return initiator.send({
    cdb: [0x5f, PERSISTENT_RESERVE_OUT[action], type, 0, 0, 0, 0, 0, 24, 0],
    dataOut,
  });
}
