/** What is counted for whom. */
import { describe, expect, test } from "vitest";
import { countersSnapshot } from "../../../src/core/observe/counters.ts";
import {
  SCST_ABORT_TASK_SET,
  SCST_DATA_READ,
  SCST_USER_EXEC,
} from "../../../src/protocol/scst/index.ts";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import { Bench, type Initiator, type Request } from "../../support/bench.ts";
import { inquiry, read10, write10 } from "../../support/cdbs.ts";

function counted(bench: Bench, initiator: Initiator) {
  const device = countersSnapshot(bench.core.devices.get("disk")!.counters);
  expect(countersSnapshot(initiator.session.counters)).toEqual(device);
  return device;
}

/** A device whose power-on unit attention is in the counters already. */
const BEFORE = {
  commands: { total: 1, read: 0, write: 0, bidi: 0, none: 1, unknown: 0 },
  unaligned: { read: 0, write: 0, bidi: 0 },
  bytesIn: 0,
  bytesOut: 0,
  checkConditions: { UNIT_ATTENTION: 1 },
  busy: 0,
  taskSetFull: 0,
  reservationConflict: 0,
  taskAborted: 0,
  aborted: 0,
  otherStatus: 0,
};

describe("a command counts for its session and its device", () => {
  const read = (lba: number, blocks: number): Request => ({
    cdb: read10(lba, blocks),
    dataInLength: blocks * 512,
  });

  test.each<[string, Request, object, object]>([
    ["a read of 4 KiB", read(8, 8), { read: 1 }, { bytesIn: 4096 }],
    [
      "a read that begins inside 4 KiB",
      read(7, 8),
      { read: 1 },
      { bytesIn: 4096, unaligned: { read: 1, write: 0, bidi: 0 } },
    ],
    [
      "a read that ends inside 4 KiB",
      read(8, 9),
      { read: 1 },
      { bytesIn: 4608, unaligned: { read: 1, write: 0, bidi: 0 } },
    ],
    [
      "a write",
      { cdb: write10(0, 16), dataOut: new Uint8Array(8192) },
      { write: 1 },
      { bytesOut: 8192 },
    ],
    [
      "one that has no address",
      { cdb: inquiry(36), dataInLength: 36 },
      { read: 1 },
      { bytesIn: 36 },
    ],
    ["one without data", { cdb: [0, 0, 0, 0, 0, 0] }, { none: 2 }, {}],
    [
      "one that nobody knows",
      { cdb: [0xff, 0, 0, 0, 0, 0] },
      { unknown: 1 },
      { checkConditions: { UNIT_ATTENTION: 1, ILLEGAL_REQUEST: 1 } },
    ],
  ])("%s", (_title, request, commands, others) => {
    const [bench, initiator] = Bench.ready();
    initiator.send(request);
    bench.serve();
    expect(counted(bench, initiator)).toEqual({
      ...BEFORE,
      commands: { ...BEFORE.commands, total: 2, ...commands },
      ...others,
    });
  });

  test.each([
    ["busy", STATUS.BUSY],
    ["taskSetFull", STATUS.TASK_SET_FULL],
    ["reservationConflict", STATUS.RESERVATION_CONFLICT],
    ["otherStatus", STATUS.CONDITION_MET],
  ])("%s", (name, status) => {
    const [bench, initiator] = Bench.ready();
    initiator.send({ cdb: [0, 0, 0, 0, 0, 0] });
    bench.program.reply(bench.program.expectGet(), ({ execReply }) => {
      execReply.replyType = 1;
      execReply.status = status;
    });
    expect(counted(bench, initiator)).toMatchObject({ [name]: 1, commands: { none: 2 } });
  });

  test("one that its own initiator aborts", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(read(0, 1));
    expect(bench.program.expectGet().subcode).toBe(SCST_USER_EXEC);
    initiator.send(read(0, 1));
    initiator.manage(SCST_ABORT_TASK_SET);
    bench.serve();
    expect(counted(bench, initiator).aborted).toBeGreaterThan(0);
  });
});

test("the core's own reads and writes are not the initiator's", () => {
  const [bench, initiator] = Bench.ready();
  const cdb = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
  initiator.send({ cdb, dataOut: new Uint8Array(1024) });
  expect(bench.serve()).toContain("EXEC");
  expect(counted(bench, initiator)).toMatchObject({
    commands: { total: 2, write: 1 },
    bytesOut: 1024,
    bytesIn: 0,
  });
});

test("a LUN that is missing counts for the session alone", () => {
  const [bench, initiator] = Bench.ready();
  initiator.send({ cdb: inquiry(36), dataInLength: 36, lun: 7, direction: SCST_DATA_READ });
  expect(countersSnapshot(initiator.session.counters)).toMatchObject({
    commands: { total: 2, read: 1 },
    bytesIn: 36,
  });
  const device = countersSnapshot(bench.core.devices.get("disk")!.counters);
  expect(device).toEqual(BEFORE);
});

test("a target keeps what its sessions have counted", () => {
  const [bench, initiator] = Bench.ready();
  const before = bench.core.snapshot().targets[0]?.counters;
  expect(before?.commands.total).toBe(1);
  initiator.close();
  bench.serve();
  const [target] = bench.core.snapshot().targets;
  expect(target?.sessions).toEqual([]);
  expect(target?.counters).toEqual(before);
});
