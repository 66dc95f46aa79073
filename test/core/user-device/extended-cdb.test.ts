import { describe, expect, test } from "vitest";
import {
  SCST_DATA_NONE,
  SCST_INFO_VALID,
  SCST_LBA_NOT_VALID,
  SCST_USER_EXEC,
  SCST_USER_GET_EXTENDED_CDB,
  SCST_USER_PARSE,
  ScstUserGetExtCdb,
} from "../../../src/protocol/scst/index.ts";
import { Bench, errnoOf, type Initiator } from "../../support/bench.ts";
import { synchronizeCache10, variableLength } from "../../support/cdbs.ts";
import type { GetCmdView } from "../../support/raw-program.ts";
import { toHex } from "../../support/hex.ts";

const LENGTH = 260;
const LONG = variableLength(LENGTH, 0xfffe);
const REST = toHex(Uint8Array.from(LONG.slice(16)));

/** GET_EXTENDED_CDB for a handle: the errno and what came. */
function extendedCdb(bench: Bench, cmdH: number, at?: number): [errno: string, rest: string] {
  const { program } = bench;
  const into = program.allocate(LENGTH);
  into.bytes.fill(0);
  const bytes = ScstUserGetExtCdb.encode({ cmdH, extCdbBuffer: at ?? into.address });
  const result = program.ioctlWith(SCST_USER_GET_EXTENDED_CDB, bytes);
  return [errnoOf(result), toHex(into.bytes.subarray(0, LENGTH - 16))];
}

/** The handler parses by itself, so that the long CDB reaches it. */
function sent(cdb: readonly number[] = LONG): [Bench, Initiator, GetCmdView] {
  const [bench, initiator] = Bench.ready();
  const device = bench.program.device.device!;
  device.options = { ...device.options, parseType: 1 };
  initiator.send({ cdb });
  return [bench, initiator, bench.program.expectGet()];
}

function parse(bench: Bench, get: GetCmdView): void {
  bench.program.reply(get, ({ parseReply }) => {
    parseReply.queueType = 1;
    parseReply.dataDirection = SCST_DATA_NONE;
    parseReply.opFlags = SCST_INFO_VALID | SCST_LBA_NOT_VALID;
  });
}

const NOTHING = "00".repeat(LENGTH - 16);

describe("GET_EXTENDED_CDB", () => {
  test("the message has 16 bytes and the length; the call has the rest", () => {
    const [bench, , get] = sent();
    expect(get.subcode).toBe(SCST_USER_PARSE);
    expect(get.parseCmd.cdbLen).toBe(LENGTH);
    expect(toHex(get.parseCmd.cdb)).toBe(toHex(Uint8Array.from(LONG.slice(0, 16))));
    expect(extendedCdb(bench, get.cmdH)).toEqual(["0", REST]);
  });

  test("at EXEC too", () => {
    const [bench, , get] = sent();
    parse(bench, get);
    const exec = bench.program.expectGet();
    expect([exec.subcode, exec.execCmd.cdbLen]).toEqual([SCST_USER_EXEC, LENGTH]);
    expect(extendedCdb(bench, exec.cmdH)).toEqual(["0", REST]);
  });

  test("of a short CDB: 0, and nothing is copied", () => {
    const [bench, , get] = sent(synchronizeCache10());
    expect(extendedCdb(bench, get.cmdH)).toEqual(["0", NOTHING]);
  });

  test("a handle that there is not: ESRCH", () => {
    const [bench] = sent();
    expect(extendedCdb(bench, 54_321)).toEqual(["ESRCH", NOTHING]);
  });

  test("one that the handler has not got: EINVAL", () => {
    const [bench, , get] = sent();
    parse(bench, get);
    expect(extendedCdb(bench, get.cmdH)).toEqual(["EINVAL", NOTHING]);
  });

  test("to nowhere: EFAULT", () => {
    const [bench, , get] = sent();
    expect(extendedCdb(bench, get.cmdH, 1)).toEqual(["EFAULT", NOTHING]);
  });

  test("in the background still", () => {
    const [bench, , get] = sent();
    bench.driver.holdResponses = true;
    parse(bench, get);
    const exec = bench.program.expectGet();
    bench.program.reply(exec, ({ execReply }) => {
      execReply.replyType = 0;
    });
    expect(extendedCdb(bench, exec.cmdH)).toEqual(["0", REST]);
  });
});
