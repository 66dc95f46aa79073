/** What the CDB says against what the initiator expects to send and to get. */
import { describe, expect, test } from "vitest";
import {
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_DATA_WRITE,
  SCST_USER_EXEC,
} from "../../src/protocol/scst/index.ts";
import { STATUS } from "../../src/protocol/scsi/index.ts";
import { Bench, NOTHING_LEFT, type Request } from "../support/bench.ts";
import { read10, synchronizeCache10, write10 } from "../support/cdbs.ts";

const READ = SCST_DATA_READ;
const WRITE = SCST_DATA_WRITE;
const NONE = SCST_DATA_NONE;
const BIDI = SCST_DATA_BIDI;
const UNKNOWN = SCST_DATA_UNKNOWN;

const MODE_SELECT_24 = [0x15, 0x10, 0, 0, 24, 0];

/** What the handler sees of the command, and what the initiator is told. */
interface Seen {
  readonly exec: readonly [direction: number, bufflen: number, dataLen: number] | undefined;
  readonly sense: string;
  readonly residual: number;
}

function run(request: Request, blockSize = 512): Seen {
  const [bench, initiator] = Bench.ready({ blockSize });
  const sent = initiator.send(request);
  let exec: Seen["exec"];
  for (let get = bench.program.get(); get !== undefined; get = bench.program.get()) {
    const { dataDirection, bufflen, dataLen } = get.execCmd;
    if (get.subcode === SCST_USER_EXEC) exec = [dataDirection, bufflen, dataLen];
    bench.succeed(get);
  }
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
  const { status, sense, residual } = sent.response!;
  expect(status).toBe(sense === "" ? STATUS.GOOD : STATUS.CHECK_CONDITION);
  return { exec, sense, residual };
}

const good = (exec: Seen["exec"], residual: number): Seen => ({ exec, sense: "", residual });
const refused = (sense: string, residual: number): Seen => ({ exec: undefined, sense, residual });

describe("data-in: the handler gives what the CDB asks for, the rest is residual", () => {
  test.each([
    ["as much as the CDB says", 1, READ, 512, good([READ, 512, 512], 0)],
    ["more room", 1, READ, 4096, good([READ, 512, 512], 3584)],
    ["less room", 8, READ, 512, good([READ, 4096, 4096], -3584)],
    ["less room, inside a block", 1, READ, 100, good([READ, 512, 512], -412)],
    ["room for nothing", 1, READ, 0, good([READ, 512, 512], -512)],
    ["room, and no blocks to read", 0, READ, 512, good([NONE, 0, 0], 512)],
    ["nothing said", 1, UNKNOWN, 0, good([READ, 512, 512], 0)],
    ["data-out expected", 1, WRITE, 512, good([NONE, 0, 512], 512)],
  ])("%s", (_title, blocks, direction, expectedLength, expected) => {
    expect(run({ cdb: read10(0, blocks), direction, expectedLength })).toEqual(expected);
  });
});

describe("data-out: what was sent is written, in whole blocks", () => {
  test.each([
    ["as much as the CDB says", 1, WRITE, 512, good([WRITE, 512, 512], 0)],
    ["more is sent", 1, WRITE, 4096, good([WRITE, 512, 512], 3584)],
    ["fewer whole blocks", 8, WRITE, 512, good([WRITE, 512, 512], -3584)],
    ["not whole blocks", 8, WRITE, 700, refused("5/0E/03", -3396)],
    ["less than a block", 1, WRITE, 100, refused("5/0E/03", -412)],
    ["data, and no blocks to write", 0, WRITE, 512, good([NONE, 0, 0], 512)],
    ["nothing said", 1, UNKNOWN, 0, good([WRITE, 512, 512], 0)],
    ["data-in expected", 1, READ, 512, refused("5/49/00", 512)],
    ["both expected", 1, BIDI, 512, refused("5/49/00", 512)],
    ["none expected", 1, NONE, 0, refused("5/49/00", 0)],
  ])("%s", (_title, blocks, direction, expectedLength, expected) => {
    const dataOut = new Uint8Array(expectedLength);
    expect(run({ cdb: write10(0, blocks), direction, expectedLength, dataOut })).toEqual(expected);
  });

  test("blocks of 4096 and an initiator that thinks of 512", () => {
    const dataOut = new Uint8Array(512);
    expect(run({ cdb: write10(0, 1), dataOut }, 4096)).toEqual(refused("5/0E/03", -3584));
  });

  test.each([
    ["whole", 24, good([WRITE, 24, 24], 0)],
    ["cut: it is no number of blocks", 20, good([WRITE, 20, 20], -4)],
    ["longer", 30, good([WRITE, 24, 24], 6)],
  ])("a parameter list, %s", (_title, length, expected) => {
    expect(run({ cdb: MODE_SELECT_24, dataOut: new Uint8Array(length) })).toEqual(expected);
  });
});

describe("no data", () => {
  test.each([
    ["nothing expected", NONE, 0, good([NONE, 0, 0], 0)],
    ["nothing said", UNKNOWN, 0, good([NONE, 0, 0], 0)],
  ])("%s", (_title, direction, expectedLength, expected) => {
    expect(run({ cdb: synchronizeCache10(), direction, expectedLength })).toEqual(expected);
  });

  test("VMware sends TEST UNIT READY with a buffer for data-in", () => {
    const request = { cdb: [0, 0, 0, 0, 0, 0], direction: READ, expectedLength: 512 };
    expect(run(request)).toEqual(good([NONE, 0, 0], 512));
  });
});

test("the data that the handler finds are the initiator's", () => {
  const [bench, initiator] = Bench.ready();
  const dataOut = Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff);
  initiator.send({ cdb: write10(0, 2), dataOut });
  bench.succeed(bench.program.expectGet());
  const { pbuf, bufflen } = bench.program.expectGet().execCmd;
  const segment = bench.program.arena.find(pbuf, bufflen)!;
  const start = pbuf - segment.base;
  expect(segment.bytes.subarray(start, start + bufflen)).toEqual(dataOut);
});
