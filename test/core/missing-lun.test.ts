import { describe, expect, test } from "vitest";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, NOTHING_LEFT } from "../support/bench.ts";
import { inquiry, read10, reportLuns, requestSense, write10 } from "../support/cdbs.ts";
import { toHex } from "../support/hex.ts";

const NO_LUN = 7;
const REFUSED = { status: STATUS.CHECK_CONDITION, sense: "5/25/00", dataIn: "" };
const INVALID_FIELD = { status: STATUS.CHECK_CONDITION, sense: "5/24/00", dataIn: "" };
const answered = (dataIn: string) => ({ status: STATUS.GOOD, sense: "", dataIn });

/** Qualifier 011b, type 1Fh; the texts are SCST's. */
const STANDARD_INQUIRY = "7f0006021f000000" + hexOf("SCST_NOLUN".padEnd(28));
const LUN_NOT_SUPPORTED = "700005000000000a00000000250000000000";

function hexOf(text: string): string {
  return Buffer.from(text, "latin1").toString("hex");
}

describe("a LUN behind which there is nothing", () => {
  test.each([
    ["INQUIRY", inquiry(96), 96, answered(STANDARD_INQUIRY), 60],
    ["INQUIRY, short", inquiry(5), 96, answered("7f0006021f"), 91],
    ["INQUIRY without room", inquiry(0), 0, answered(""), 0],
    ["INQUIRY for a VPD page", inquiry(96, 0x83), 96, REFUSED, 96],
    ["REQUEST SENSE", requestSense(18), 18, answered(LUN_NOT_SUPPORTED), 0],
    ["REQUEST SENSE, short", requestSense(4), 18, answered("70000500"), 14],
    ["REPORT LUNS", reportLuns(64), 64, answered("00000008000000000000000000000000"), 48],
    ["REPORT LUNS, short", reportLuns(15), 15, INVALID_FIELD, 15],
    ["TEST UNIT READY", [0, 0, 0, 0, 0, 0], 0, REFUSED, 0],
    ["READ(10)", read10(0, 1), 512, REFUSED, 512],
    ["an unknown opcode", [0xff, 0, 0, 0, 0, 0], 0, REFUSED, 0],
  ])("%s", (_title, cdb, dataInLength, expected, residual) => {
    const [bench, initiator] = Bench.ready();
    const { response } = initiator.send({ cdb, lun: NO_LUN, dataInLength });
    const { status, sense, dataIn } = response!;
    expect({ status, sense, dataIn: toHex(dataIn) }).toEqual(expected);
    expect(response?.residual).toBe(residual);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    expect(bench.program.drain()).toEqual([]);
  });

  test("a WRITE is refused before its data are fetched", () => {
    const [bench, initiator] = Bench.ready();
    bench.driver.holdData = true;
    const dataOut = new Uint8Array(512);
    const { response } = initiator.send({ cdb: write10(0, 1), lun: NO_LUN, dataOut });
    expect(response).toMatchObject({ status: STATUS.CHECK_CONDITION, sense: "5/25/00" });
    expect(bench.driver.waitingForData).toEqual([]);
  });

  test.each([-1, 256, 16_383])("LUN %i", (lun) => {
    const [, initiator] = Bench.ready();
    expect(initiator.testUnitReady(lun).response?.sense).toBe("5/25/00");
  });

  test("a target without any LUN answers the same", () => {
    const bench = new Bench();
    const initiator = bench.login();
    const { response } = initiator.send({ cdb: reportLuns(64), dataInLength: 64 });
    expect(toHex(response!.dataIn)).toBe("0000000000000000");
    expect(initiator.testUnitReady().response?.sense).toBe("5/25/00");
  });
});

describe("REPORT LUNS", () => {
  function withLuns(...luns: readonly number[]): Bench {
    const bench = Bench.withDisk();
    for (const lun of luns) bench.target.addLun(lun, "disk");
    return bench;
  }

  /** What an initiator that has just logged in is told. */
  function answerOf(bench: Bench, cdb: readonly number[]) {
    const sent = bench.connect().send({ cdb, dataInLength: 64 });
    expect(bench.serve()).toEqual(["ALLOC_MEM"]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    return sent.response;
  }

  test.each([
    ["ADDRESSABLE", 0, true],
    ["well-known ones", 1, false],
    ["ALL", 2, true],
    ["administrative ones", 0x10, false],
  ])("SELECT REPORT: %s", (_title, selectReport, allowed) => {
    const response = answerOf(Bench.withDisk(), reportLuns(64, selectReport));
    expect(response).toMatchObject(allowed ? { status: 0 } : { sense: "5/24/00" });
    if (!allowed) expect(toHex(response!.senseBytes.subarray(15, 18))).toBe("c00002");
  });

  test("lists them in order, above 255 by flat space addressing", () => {
    const response = answerOf(withLuns(300, 1, 255), reportLuns(64));
    const luns = [0, 0x0001, 0x00ff, 0x412c].map((lun) => lun.toString(16).padStart(4, "0"));
    expect(toHex(response!.dataIn)).toBe(
      `0000002000000000${luns.map((lun) => `${lun}000000000000`).join("")}`,
    );
  });

  test("is cut to the allocation length, and says how long it would be", () => {
    const response = answerOf(withLuns(1, 2, 3), reportLuns(16));
    expect(toHex(response!.dataIn)).toBe("00000020000000000000000000000000");
  });
});
