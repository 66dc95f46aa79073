/** Ten thousand LUNs: no command looks through them. */
import { afterEach, beforeAll, expect, test } from "vitest";
import { SCST_USER_ATTACH_SESS } from "../../../src/protocol/scst/index.ts";
import { STATUS, unpackLun } from "../../../src/protocol/scsi/index.ts";
import { Bench, type Initiator, NOTHING_LEFT } from "../../support/bench.ts";
import { read10, reportLuns } from "../../support/cdbs.ts";

const COUNT = 10_000;
const SOME = [0, 1, 255, 256, 257, 4096, COUNT - 1];

const restores: (() => unknown)[] = [];
let bench: Bench;
let initiator: Initiator;

beforeAll(() => {
  bench = Bench.withDisk();
  bench.core.enter();
  for (let lun = 1; lun < COUNT; lun++) bench.target.addLun(lun, "disk");
  bench.core.leave();
  initiator = bench.connect();
});

afterEach(() => {
  for (const restore of restores.splice(0)) restore();
});

test("each LUN leads to its nexus", () => {
  expect(initiator.session.nexuses.size).toBe(COUNT);
  for (let lun = 0; lun < COUNT; lun++) {
    if (initiator.session.nexusOf(lun)?.lun !== lun) expect.fail(`LUN ${lun}`);
  }
  expect(initiator.session.nexusOf(COUNT)).toBeUndefined();
});

test("REPORT LUNS has them all, in order", () => {
  const length = 8 + COUNT * 8;
  const sent = initiator.send({ cdb: reportLuns(length), dataInLength: length, lun: 9999 });
  bench.serve();
  const { status, dataIn, residual } = sent.response!;
  expect({ status, length: dataIn.length, residual }).toEqual({ status: 0, length, residual: 0 });
  expect(new DataView(dataIn.buffer, dataIn.byteOffset).getUint32(0)).toBe(COUNT * 8);
  for (let lun = 0; lun < COUNT; lun++) {
    if (unpackLun(dataIn, 8 + lun * 8) !== lun) expect.fail(`entry ${lun}`);
  }
});

test("a short REPORT LUNS says how many there are", () => {
  const sent = initiator.send({ cdb: reportLuns(16), dataInLength: 16 });
  bench.serve();
  const { dataIn } = sent.response!;
  expect([dataIn.length, new DataView(dataIn.buffer, dataIn.byteOffset).getUint32(0)]).toEqual([
    16,
    COUNT * 8,
  ]);
});

test.each(SOME)("a command for LUN %i goes through no collection", (lun) => {
  const walked = watchWalks();
  const attention = initiator.testUnitReady(lun);
  const sent = initiator.send({ cdb: read10(0, 1), dataInLength: 512, lun });
  bench.serve();
  expect([attention, sent].map(({ response }) => response?.status)).toEqual([
    STATUS.CHECK_CONDITION,
    STATUS.GOOD,
  ]);
  expect(walked.filter((size) => size >= COUNT - 1)).toEqual([]);
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
});

test("the watch sees who walks", () => {
  const walked = watchWalks();
  for (const lun of initiator.session.nexuses.keys()) if (lun > 2) break;
  expect(walked).toContain(COUNT);
});

test("a new LUN is attached once, and told once", () => {
  bench.target.addLun(COUNT, "disk");
  const [get, ...others] = bench.program.drain();
  expect([get?.subcode, others]).toEqual([SCST_USER_ATTACH_SESS, []]);
  bench.succeed(get!);
  const senses = SOME.map((lun) => initiator.testUnitReady(lun).response?.sense);
  expect(senses).toEqual(["6/3F/0E", ...SOME.slice(1).map(() => undefined)]);
});

/** The sizes of the maps and sets that are walked from now on. */
function watchWalks(): number[] {
  const walked: number[] = [];
  for (const prototype of [Map.prototype, Set.prototype]) {
    for (const name of ["keys", "values", "entries", "forEach", Symbol.iterator]) {
      const property = Object.getOwnPropertyDescriptor(prototype, name)!;
      const walk = property.value as (...args: unknown[]) => unknown;
      function watched(this: { size: number }, ...args: unknown[]): unknown {
        walked.push(this.size);
        return walk.apply(this, args);
      }
      Object.defineProperty(prototype, name, { ...property, value: watched });
      restores.push(() => Object.defineProperty(prototype, name, property));
    }
  }
  return walked;
}
