/** LUNs that come and go under living sessions, and what may be registered at all. */
import { describe, expect, test } from "vitest";
import { createCore } from "../../src/core/index.ts";
import {
  SCST_MAX_LUN,
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXEC,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, NOTHING_LEFT, registerDisk, TestDriver } from "../support/bench.ts";
import { read10 } from "../support/cdbs.ts";
import { RawProgram } from "../support/raw-program.ts";
import { subcommandName } from "../support/subcommands.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };

describe("ATTACH_SESS", () => {
  test("says who sees the device, and where", () => {
    const bench = new Bench();
    registerDisk(bench.program);
    bench.target.addLun(5, "disk");
    bench.login("iqn.2026-01.example:host");
    const { subcode, sess } = bench.program.expectGet();
    const { lun, threadsNum, rdOnly, initiatorName, targetName } = sess;
    expect({ subcode, lun, threadsNum, rdOnly, initiatorName, targetName }).toEqual({
      subcode: SCST_USER_ATTACH_SESS,
      lun: 5,
      threadsNum: 0,
      rdOnly: 0,
      initiatorName: "iqn.2026-01.example:host",
      targetName: "target",
    });
    expect(sess.sessH).not.toBe(0n);
  });

  test("a second session of the same initiator has a name of its own", () => {
    const bench = Bench.withDisk();
    for (let i = 0; i < 3; i++) bench.login("host");
    const names = bench.program.drain().map(({ sess }) => sess.initiatorName);
    expect(names).toEqual(["host", "host_1", "host_2"]);
  });

  test("commands wait for its reply", () => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const sent = initiator.testUnitReady();
    expect(sent.response).toBeUndefined();
    bench.answerAttach();
    expect(sent.response?.sense).toBe("6/29/00");
  });

  test("a device that refuses is no LUN of that session", () => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const sent = initiator.testUnitReady();
    bench.answerAttach(-13);
    expect(sent.response?.sense).toBe("5/25/00");
    expect(bench.connect("other").testUnitReady().response?.sense).toBe("6/29/00");
  });

  test("a device that does not answer for 5 seconds is none either", () => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const sent = initiator.testUnitReady();
    bench.clock.advance(4999);
    expect(sent.response).toBeUndefined();
    bench.clock.advance(1);
    expect(sent.response?.sense).toBe("5/25/00");
    bench.answerAttach();
    expect(initiator.testUnitReady().response?.sense).toBe("5/25/00");
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("a LUN that is added under a session", () => {
  test("is attached, and has its unit attention; the session hears of it once", () => {
    const [bench, initiator] = Bench.ready();
    bench.target.addLun(1, "disk");
    bench.answerAttach();
    const senses = [1, 0, 1].map((lun) => initiator.testUnitReady(lun).response?.sense);
    expect(senses).toEqual(["6/29/00", "6/3F/0E", undefined]);
    const sent = initiator.testUnitReady(0);
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
  });

  test("LUNs above 255 are found too", () => {
    const [bench, initiator] = Bench.ready();
    bench.target.addLun(SCST_MAX_LUN, "disk");
    bench.answerAttach();
    expect(initiator.testUnitReady(SCST_MAX_LUN).response?.sense).toBe("6/29/00");
  });
});

describe("a LUN that is taken away under a session", () => {
  test("is detached, and gone", () => {
    const [bench, initiator] = Bench.ready();
    bench.target.removeLun(0);
    expect(bench.program.expectGet().subcode).toBe(SCST_USER_DETACH_SESS);
    expect(initiator.testUnitReady().response?.sense).toBe("5/25/00");
    expect(bench.program.device.device?.nexuses.size).toBe(0);
  });

  test("commands under way come to their end, and DETACH_SESS comes after them", () => {
    const [bench, initiator] = Bench.ready();
    const [running, waiting] = [initiator.send(READ), initiator.send(READ)];
    const first = bench.program.expectGet();
    bench.target.removeLun(0);
    const [second, ...others] = bench.program.drain();
    expect([subcommandName(second!.subcode), others]).toEqual(["EXEC", []]);
    bench.succeed(first);
    expect(bench.program.drain()).toEqual([]);
    bench.succeed(second!);
    expect([running, waiting].map(({ response }) => response?.status)).toEqual([0, 0]);
    expect(bench.serve()).toEqual(["DETACH_SESS"]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("DETACH_SESS comes after the ON_FREE_CMD of the last command", () => {
    const [bench, initiator] = Bench.ready({ opt: { onFreeCmdType: 0 } });
    initiator.send(READ);
    bench.target.removeLun(0);
    expect(bench.serve()).toEqual(["EXEC", "ON_FREE_CMD", "DETACH_SESS"]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("may come again as another device", () => {
    const [bench, initiator] = Bench.ready();
    const second = new RawProgram(bench.core);
    registerDisk(second, { name: "second" });
    bench.target.removeLun(0);
    bench.target.addLun(0, "second");
    const get = second.expectGet();
    expect(get.subcode).toBe(SCST_USER_ATTACH_SESS);
    second.reply(get, (reply) => {
      reply.result = 0;
    });
    const senses = [0, 0].map((lun) => initiator.testUnitReady(lun).response?.sense);
    expect(senses).toEqual(["6/29/00", "6/3F/0E"]);
    initiator.send(READ);
    expect(second.expectGet().subcode).toBe(SCST_USER_EXEC);
  });
});

describe("what is refused", () => {
  const driver = new TestDriver();

  test.each([
    ["a negative LUN", () => Bench.withDisk().target.addLun(-1, "disk"), "LUN_RANGE"],
    ["a LUN too high", () => Bench.withDisk().target.addLun(SCST_MAX_LUN + 1, "disk"), "LUN_RANGE"],
    ["half a LUN", () => Bench.withDisk().target.addLun(1.5, "disk"), "LUN_RANGE"],
    ["a LUN that is taken", () => Bench.withDisk().target.addLun(0, "disk"), "LUN_TAKEN"],
    ["a device that is not there", () => Bench.withDisk().target.addLun(1, "x"), "DEVICE_UNKNOWN"],
    ["a LUN that is not there", () => Bench.withDisk().target.removeLun(1), "LUN_UNKNOWN"],
    ["a target's name twice", twoTargets, "TARGET_NAME_TAKEN"],
    ["no initiator name", () => new Bench().login(""), "INITIATOR_NAME_LENGTH"],
    ["a long initiator name", () => new Bench().login("x".repeat(256)), "INITIATOR_NAME_LENGTH"],
    ["a target with sessions, to remove", removeTargetInUse, "TARGET_IN_USE"],
  ])("%s", (_title, wrong, code) => {
    expect(wrong).toThrow(expect.objectContaining({ name: "UsageError", code }));
  });

  function twoTargets(): void {
    const core = createCore();
    for (let i = 0; i < 2; i++) core.addTarget({ name: "t", driver });
  }

  function removeTargetInUse(): void {
    const bench = Bench.withDisk();
    bench.login();
    bench.core.removeTarget(bench.target);
  }

  test("a name of 255 characters twice is cut for the number behind it", () => {
    const bench = Bench.withDisk();
    for (let i = 0; i < 2; i++) bench.login("x".repeat(255));
    const names = bench.program.drain().map(({ sess }) => sess.initiatorName);
    expect(names).toEqual(["x".repeat(255), `${"x".repeat(253)}_1`]);
  });
});
