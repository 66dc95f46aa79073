/** A target driver that has to map memory before it uses it. */
import { describe, expect, test } from "vitest";
import {
  SCST_ABORT_TASK_SET,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_ON_CACHED_MEM_FREE,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, Initiator, NOTHING_LEFT } from "../support/bench.ts";
import { inquiry, read10, write10 } from "../support/cdbs.ts";
import { MappingDriver } from "../support/mapping-driver.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const BIG_BLOCKS = 4 * 1024 * 2 + 1;
const BIG = { cdb: read10(0, BIG_BLOCKS), dataInLength: BIG_BLOCKS * 512 };

function ready(opt: Readonly<Record<string, number>> = {}) {
  const bench = Bench.withDisk({ opt });
  const driver = new MappingDriver();
  const target = bench.core.addTarget({ name: "rdma", driver });
  target.addLun(0, "disk");
  const initiator = new Initiator(target.openSession({ initiatorName: "i" }));
  bench.answerAttach();
  initiator.testUnitReady();
  return { bench, driver, initiator, target };
}

describe("a buffer of the pool", () => {
  test("is mapped once, for reads and writes, and unmapped before the handler may free it", () => {
    const { bench, driver, initiator } = ready();
    for (const request of [READ, READ, WRITE, READ]) {
      const sent = initiator.send(request);
      bench.serve();
      expect(sent.response?.status).toBe(STATUS.GOOD);
    }
    expect([driver.maps, driver.mapped.size]).toEqual([1, 1]);
    driver.hold = true;
    bench.program.ioctl(SCST_USER_FLUSH_CACHE);
    expect(bench.program.drain()).toEqual([]);
    driver.letGo();
    expect(bench.program.expectGet().subcode).toBe(SCST_USER_ON_CACHED_MEM_FREE);
    expect(driver.mapped.size).toBe(0);
  });

  test("is not mapped for a driver that has no need to", () => {
    const { bench, driver, initiator } = ready();
    const other = bench.connect("other");
    other.testUnitReady();
    other.send(READ);
    bench.serve();
    expect(driver.maps).toBe(0);
    initiator.send(READ);
    bench.serve();
    expect(driver.maps).toBe(1);
  });

  test("is unmapped when the driver's last target goes", () => {
    const { bench, driver, initiator, target } = ready();
    initiator.send(READ);
    bench.serve();
    initiator.close();
    bench.serve();
    bench.core.removeTarget(target);
    expect(driver.mapped.size).toBe(0);
  });

  test("is unmapped when its handler is gone", () => {
    const { bench, driver, initiator } = ready();
    initiator.send(READ);
    bench.serve();
    bench.program.device.close();
    expect(driver.mapped.size).toBe(0);
  });
});

test.each([
  ["that is not kept", { memoryReuseType: 0 }, READ, ["EXEC"]],
  ["that is not kept, of a write", { memoryReuseType: 0 }, WRITE, ["ALLOC_MEM", "EXEC"]],
  ["too big to be kept", {}, BIG, ["EXEC", "ON_CACHED_MEM_FREE"]],
])("a buffer %s is mapped for one command", (_title, opt, request, subcommands) => {
  const { bench, driver, initiator } = ready(opt);
  for (let count = 1; count <= 2; count++) {
    initiator.send(request);
    expect(bench.serve()).toEqual(subcommands);
    expect([driver.maps, driver.mapped.size]).toEqual([count, 0]);
  }
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
});

test("ON_FREE_CMD comes after the buffer is unmapped", () => {
  const { bench, driver, initiator } = ready({ memoryReuseType: 0, onFreeCmdType: 0 });
  bench.serve();
  initiator.send(READ);
  const get = bench.program.expectGet();
  bench.driver.holdResponses = true;
  driver.holdResponses = true;
  bench.succeed(get);
  driver.hold = true;
  driver.deliver();
  expect(bench.program.drain()).toEqual([]);
  driver.letGo();
  expect(bench.serve()).toEqual(["ON_FREE_CMD"]);
});

describe("while the driver is at it", () => {
  test.each([
    ["a read", READ],
    ["a write", WRITE],
  ])("%s waits", (_title, request) => {
    const { bench, driver, initiator } = ready();
    driver.hold = true;
    const sent = initiator.send(request);
    bench.serve();
    expect(sent.response).toBeUndefined();
    driver.letGo();
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a write that is aborted ends, and the buffer serves the next", () => {
    const { bench, driver, initiator } = ready();
    driver.hold = true;
    const aborted = initiator.send(WRITE);
    bench.serve();
    initiator.manage(SCST_ABORT_TASK_SET);
    bench.serve();
    expect(aborted.response?.aborted).toBe(true);
    expect(driver.done).toHaveLength(1);
    const next = initiator.send(WRITE);
    bench.serve();
    expect(next.response).toBeUndefined();
    driver.letGo();
    bench.serve();
    expect([driver.maps, next.response?.status]).toEqual([1, STATUS.GOOD]);
  });

  test("a buffer that leaves meanwhile is unmapped right away", () => {
    const { bench, driver, initiator } = ready();
    driver.hold = true;
    initiator.send(WRITE);
    bench.serve();
    initiator.manage(SCST_ABORT_TASK_SET);
    bench.serve();
    bench.program.ioctl(SCST_USER_FLUSH_CACHE);
    expect(bench.program.drain()).toEqual([]);
    driver.hold = false;
    driver.letGo();
    expect(driver.mapped.size).toBe(0);
    expect(bench.serve()).toEqual(["ON_CACHED_MEM_FREE"]);
  });

  test("a response that waits is sent, whoever aborts its command", () => {
    const { bench, driver, initiator } = ready();
    driver.hold = true;
    const sent = initiator.send(READ);
    bench.serve();
    initiator.manage(SCST_ABORT_TASK_SET);
    bench.serve();
    expect(driver.done).toHaveLength(0);
    driver.letGo();
    expect(sent.response).toMatchObject({ status: STATUS.GOOD, aborted: false });
    bench.serve();
    expect(driver.done).toHaveLength(1);
  });

  test("the core's own answer for a missing LUN waits, too", () => {
    const { bench, driver, initiator } = ready();
    driver.hold = true;
    const sent = initiator.send({ cdb: inquiry(36), dataInLength: 36, lun: 3 });
    expect(sent.response).toBeUndefined();
    driver.hold = false;
    driver.letGo();
    expect(sent.response?.dataIn).toHaveLength(36);
    expect(driver.mapped.size).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe.each([
  ["at once", false],
  ["later", true],
])("a buffer that can't be mapped, which is told %s", (_title, hold) => {
  test.each([
    ["a write was not executed", WRITE, STATUS.BUSY, ""],
    ["a read was", READ, STATUS.CHECK_CONDITION, "4/44/00"],
  ])("%s", (_what, request, status, sense) => {
    const { bench, driver, initiator } = ready();
    driver.works = false;
    driver.hold = hold;
    const sent = initiator.send(request);
    bench.serve();
    driver.letGo();
    expect(sent.response).toMatchObject({ status, sense });
    driver.works = true;
    driver.hold = false;
    const next = initiator.send(request);
    bench.serve();
    expect(next.response?.status).toBe(STATUS.GOOD);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});
