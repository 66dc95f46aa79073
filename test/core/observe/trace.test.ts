/** The ring of the last commands. */
import { describe, expect, test } from "vitest";
import type { TraceEntry } from "../../../src/core/index.ts";
import { traceLine, TRACE_CAPACITY_MAX } from "../../../src/core/index.ts";
import { CommandTrace } from "../../../src/core/observe/trace.ts";
import { SCST_ABORT_TASK_SET } from "../../../src/protocol/scst/index.ts";
import { Bench } from "../../support/bench.ts";
import { inquiry, read10, variableLength, write10 } from "../../support/cdbs.ts";

const read = (lba: number) => ({ cdb: read10(lba, 8), dataInLength: 4096 });

function lbas(entries: readonly TraceEntry[]): unknown[] {
  return entries.map(({ fields }) => fields["logicalBlockAddress"] ?? 0);
}

describe("the ring", () => {
  test.each([
    [4, 0, []],
    [4, 3, [1, 2, 3]],
    [4, 4, [1, 2, 3, 4]],
    [4, 5, [2, 3, 4, 5]],
    [4, 11, [8, 9, 10, 11]],
    [1, 3, [3]],
  ])("of %i has the last of %i commands, the oldest first", (capacity, count, expected) => {
    const [bench, initiator] = Bench.ready();
    const trace = bench.core.observer.startTrace({ capacity });
    for (let lba = 1; lba <= count; lba++) {
      initiator.send(read(lba));
      bench.serve();
    }
    expect(lbas(trace.entries())).toEqual(expected);
    expect(trace.count).toBe(count);
  });

  test.each([0, -1, 1.5, Number.NaN, TRACE_CAPACITY_MAX + 1])("of %f: refused", (capacity) => {
    expect(() => new CommandTrace({ capacity })).toThrow(
      expect.objectContaining({ code: "TRACE_CAPACITY" }),
    );
  });

  test("stays as it was when it is stopped, and a new one is empty", () => {
    const [bench, initiator] = Bench.ready();
    const { observer } = bench.core;
    const first = observer.startTrace();
    initiator.send(read(1));
    bench.serve();
    observer.stopTrace();
    initiator.send(read(2));
    bench.serve();
    expect(lbas(first.entries())).toEqual([1]);
    expect(observer.trace).toBeUndefined();
    expect(observer.startTrace().entries()).toEqual([]);
  });
});

describe("filters", () => {
  const own = { target: "target", session: "a", device: "disk" };

  test.each([
    ["nothing", {}, [1, 2, 3]],
    ["a session", { session: "b" }, [2]],
    ["a device", { device: "disk" }, [1, 2]],
    ["a session and a device", { session: "a", device: "disk" }, [1]],
    ["a target", { target: "target" }, [1, 2, 3]],
    ["another target", { target: "other" }, []],
  ])("%s", (_title, options, expected) => {
    const bench = Bench.withDisk();
    const [a, b] = [bench.connect("a"), bench.connect("b")];
    for (const each of [a, b]) each.testUnitReady();
    const trace = bench.core.observer.startTrace(options);
    a.send(read(1));
    b.send(read(2));
    bench.serve();
    a.send({ ...read(3), lun: 9 });
    const entries = trace.entries();
    expect(lbas(entries)).toEqual(expected);
    expect(
      entries.filter((entry) => entry.device !== "").every((e) => e.device === own.device),
    ).toBe(true);
  });
});

describe("decoded", () => {
  function traced(act: (bench: Bench, send: (request: object) => void) => void): TraceEntry {
    const [bench, initiator] = Bench.ready();
    bench.clock.advance(1000);
    const trace = bench.core.observer.startTrace();
    act(bench, (request) => initiator.send(request as Parameters<typeof initiator.send>[0]));
    const [entry] = trace.entries();
    return entry as TraceEntry;
  }

  test("a read", () => {
    const entry = traced((bench, send) => {
      send(read(0x1234));
      bench.clock.advance(2.5);
      bench.serve();
    });
    expect(entry).toEqual({
      timeUs: 1_000_000,
      latencyUs: 2500,
      target: "target",
      session: "initiator",
      device: "disk",
      lun: 0,
      command: "READ(10)",
      cdb: "28000000123400000800",
      fields: { logicalBlockAddress: 0x1234, transferLength: 8 },
      direction: "read",
      bytesIn: 4096,
      bytesOut: 0,
      status: "GOOD",
    });
    expect(traceLine(entry)).toBe(
      "1.000000 initiator LUN 0 READ(10) logicalBlockAddress=4660 transferLength=8 GOOD, " +
        "4096 in, 2500 µs",
    );
  });

  test("a write with FUA", () => {
    const entry = traced((bench, send) => {
      const cdb = write10(1, 1).map((byte, i) => (i === 1 ? 0x08 : byte));
      send({ cdb, dataOut: new Uint8Array(512) });
      bench.serve();
    });
    expect(entry).toMatchObject({
      command: "WRITE(10)",
      fields: { fua: true, logicalBlockAddress: 1, transferLength: 1 },
      direction: "write",
      bytesOut: 512,
    });
  });

  test("a CHECK CONDITION", () => {
    const entry = traced((_bench, send) => send({ cdb: [0xff, 0, 0, 0, 0, 0] }));
    expect(entry).toMatchObject({
      command: "opcode FFh",
      fields: {},
      status: "CHECK CONDITION",
      sense: {
        key: "ILLEGAL REQUEST",
        asc: 0x20,
        ascq: 0,
        name: "INVALID COMMAND OPERATION CODE",
      },
    });
    expect(traceLine(entry)).toContain("ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE");
  });

  test("an INQUIRY to a LUN that is missing", () => {
    const entry = traced((_bench, send) => send({ cdb: inquiry(36), dataInLength: 36, lun: 5 }));
    expect(entry).toMatchObject({ command: "INQUIRY", device: "", lun: 5, status: "GOOD" });
  });

  test("of a long CDB the first 16 bytes", () => {
    const entry = traced((bench, send) => {
      send({ cdb: variableLength(32, 9) });
      bench.serve();
    });
    expect(entry.cdb).toHaveLength(32);
    expect(entry.cdb.startsWith("7f")).toBe(true);
  });

  test("one that was aborted", () => {
    const [bench, initiator] = Bench.ready();
    const trace = bench.core.observer.startTrace();
    initiator.send(read(1));
    initiator.manage(SCST_ABORT_TASK_SET);
    bench.serve();
    expect(trace.entries().map(({ status }) => status)).toEqual(["ABORTED"]);
  });
});
