/** Buffer pools by name: sizes, sharing, and what strict security does. */
import { describe, expect, test } from "vitest";
import { createCore } from "../../../src/core/index.ts";
import {
  SCST_USER_ALLOC_MEM,
  SCST_USER_EXEC,
  SCST_USER_FLUSH_CACHE,
  ScstUserDevDesc,
} from "../../../src/protocol/scst/index.ts";
import { Arena, LoopbackSource } from "../../../src/sdk/memory/arena.ts";
import { Bench, errnoOf, Initiator, NOTHING_LEFT, TestDriver } from "../../support/bench.ts";
import { read10, write10 } from "../../support/cdbs.ts";
import { RawProgram } from "../../support/raw-program.ts";
import { subcommandName } from "../../support/subcommands.ts";

type DevDesc = ReturnType<typeof ScstUserDevDesc.view>;
type Pool = Partial<
  Pick<
    DevDesc,
    "sgvName" | "sgvShared" | "sgvDisableClusteredPool" | "sgvSingleAllocPages" | "sgvPurgeInterval"
  >
>;

function register(program: RawProgram, name: string, pool: Pool = {}): string {
  const result = program.register((description) => {
    description.blockSize = 512;
    description.name = name;
    description.opt.memoryReuseType = 3;
    description.opt.onFreeCmdType = 1;
    Object.assign(description, pool);
  });
  return errnoOf(result);
}

const read = (lun: number, blocks = 1) => ({
  cdb: read10(0, blocks),
  dataInLength: blocks * 512,
  lun,
});

describe("who gets a pool", () => {
  const SHARED = { sgvName: "pool", sgvShared: 1 };

  test.each<[string, Pool, Pool, boolean, string]>([
    ["each its own", {}, {}, true, "0"],
    ["one, shared", SHARED, SHARED, true, "0"],
    ["one of another program, shared", SHARED, SHARED, false, "ENOMEM"],
    ["a private one that another shares", SHARED, { sgvName: "pool" }, true, "ENOMEM"],
    ["a private one that is there", { sgvName: "pool" }, { sgvName: "pool" }, true, "ENOMEM"],
    // As in SCST: who comes second decides.
    ["a shared one that is private", { sgvName: "pool" }, SHARED, true, "0"],
    ["the name of the first device's", {}, { sgvName: "first" }, true, "ENOMEM"],
    ["the name of its clustered one", {}, { sgvName: "first-clust" }, true, "ENOMEM"],
    [
      "that name where there is none",
      { sgvDisableClusteredPool: 1 },
      { sgvName: "first-clust" },
      true,
      "0",
    ],
    ["pages of no number", {}, { sgvSingleAllocPages: -1 }, true, "ENOMEM"],
    ["pages of some number", {}, { sgvSingleAllocPages: 3 }, true, "0"],
  ])("%s", (_title, first, second, sameProgram, expected) => {
    const core = createCore();
    const arena = new Arena(new LoopbackSource());
    expect(register(new RawProgram(core, { arena }), "first", first)).toBe("0");
    const program = new RawProgram(core, sameProgram ? { arena } : {});
    expect(register(program, "second", second)).toBe(expected);
    expect(core.devices.size).toBe(expected === "0" ? 2 : 1);
  });

  test("a registration that fails leaves no pool behind", () => {
    const core = createCore();
    expect(register(new RawProgram(core), "a/b")).toBe("EINVAL");
    expect([...core.bufferPools.statistics()]).toEqual([]);
  });

  test("a pool ends with its last device", () => {
    const core = createCore();
    const arena = new Arena(new LoopbackSource());
    const programs = ["first", "second"].map((name) => {
      const program = new RawProgram(core, { arena });
      expect(register(program, name, SHARED)).toBe("0");
      return program;
    });
    expect([...core.bufferPools.statistics()].map(({ name }) => name)).toEqual(["pool"]);
    programs[0]?.device.close();
    expect(register(new RawProgram(core), "third", { sgvName: "pool" })).toBe("ENOMEM");
    programs[1]?.device.close();
    expect(register(new RawProgram(core), "third", { sgvName: "pool" })).toBe("0");
  });
});

describe("buffers of one size", () => {
  test.each([
    [1, 3 * 4096],
    [24, 3 * 4096],
    // Too big to be kept: as much as is needed.
    [25, 25 * 512],
  ])("of 3 pages: for %i blocks %i bytes are asked", (blocks, expected) => {
    const bench = new Bench();
    expect(register(bench.program, "disk", { sgvSingleAllocPages: 3 })).toBe("0");
    bench.target.addLun(0, "disk");
    const initiator = bench.connect();
    initiator.testUnitReady();
    initiator.send(read(0, blocks));
    expect(bench.program.expectGet().execCmd.allocLen).toBe(expected);
  });

  test("one serves short and long commands", () => {
    const bench = new Bench();
    register(bench.program, "disk", { sgvSingleAllocPages: 3 });
    bench.target.addLun(0, "disk");
    const initiator = bench.connect();
    initiator.testUnitReady();
    for (const blocks of [1, 1, 24, 9]) {
      initiator.send(read(0, blocks));
      bench.serve();
    }
    const [statistics] = bench.core.bufferPools.statistics();
    expect(statistics).toMatchObject({ total: 4, hits: 3, cachedBytes: 3 * 4096 });
  });
});

describe("two devices of one program", () => {
  function twoDisks() {
    const bench = new Bench();
    const other = new RawProgram(bench.core, { arena: bench.program.arena });
    const pool = { sgvName: "pool", sgvShared: 1 };
    expect(register(bench.program, "a", pool)).toBe("0");
    expect(register(other, "b", pool)).toBe("0");
    bench.target.addLun(0, "a");
    bench.target.addLun(1, "b");
    const initiator = bench.login();
    for (const program of [bench.program, other]) {
      for (const get of program.drain()) program.reply(get, (reply) => (reply.result = 0));
    }
    for (const lun of [0, 1]) initiator.testUnitReady(lun);
    return { bench, other, initiator };
  }

  test("a buffer that one has got serves the other, and goes back to whose it is", () => {
    const { bench, other, initiator } = twoDisks();
    initiator.send(read(0));
    const get = bench.program.expectGet();
    const { address } = bench.program.allocate(4096);
    bench.program.good(get, 512, address);
    initiator.send(read(1));
    const shared = other.expectGet();
    expect([shared.subcode, shared.execCmd.pbuf]).toEqual([SCST_USER_EXEC, address]);
    other.good(shared, 512);
    expect(other.ioctl(SCST_USER_FLUSH_CACHE)).toBe(0);
    expect(other.drain()).toEqual([]);
    expect(bench.serve()).toEqual(["ON_CACHED_MEM_FREE"]);
  });

  test("one goes while the other's command has its buffer", () => {
    const { bench, other, initiator } = twoDisks();
    initiator.send(read(0));
    bench.serve();
    const sent = initiator.send(read(1));
    const get = other.expectGet();
    bench.program.device.close();
    other.good(get, 512);
    expect(sent.response?.status).toBe(0);
    const [statistics] = bench.core.bufferPools.statistics();
    expect(statistics).toMatchObject({ cachedBytes: 0, waitingBytes: 0 });
    // The LUNs have changed, which it is told.
    initiator.testUnitReady(1);
    initiator.send(read(1));
    expect(other.expectGet().execCmd.pbuf, "nobody gets it again").toBe(0);
  });
});

describe("whose memory a command has, by memory_reuse_type and direction", () => {
  const NONE = 0;
  const READS = 1;
  const WRITES = 2;
  const ALL = 3;
  const READ = 2;
  const WRITE = 1;
  const BIDI = 3;
  const CLASS = 8192;
  const NEEDED = 4608;

  // The second of two equal commands has the first one's buffer, or the handler is asked again.
  test.each([
    [NONE, READ, "EXEC", NEEDED],
    [NONE, WRITE, "ALLOC_MEM", NEEDED],
    [NONE, BIDI, "ALLOC_MEM", CLASS + 512],
    [READS, READ, "kept", CLASS],
    [READS, WRITE, "ALLOC_MEM", NEEDED],
    [READS, BIDI, "ALLOC_MEM", CLASS + 512],
    [WRITES, READ, "EXEC", NEEDED],
    [WRITES, WRITE, "kept", CLASS],
    [WRITES, BIDI, "ALLOC_MEM", CLASS + 512],
    [ALL, READ, "kept", CLASS],
    [ALL, WRITE, "kept", CLASS],
    // Two pages, and 512 bytes on a third: a buffer of four.
    [ALL, BIDI, "kept", 2 * CLASS],
  ])("type %i, direction %i: %s, %i bytes", (memoryReuseType, direction, expected, length) => {
    const [bench, initiator] = Bench.ready({ opt: { memoryReuseType, parseType: 1 } });
    const parse = () =>
      bench.program.reply(bench.program.expectGet(), ({ parseReply }) => {
        parseReply.dataDirection = direction;
        parseReply.bufflen = NEEDED;
        parseReply.outBufflen = direction === BIDI ? 512 : 0;
        parseReply.dataLen = NEEDED;
        parseReply.opFlags = 0x20;
        parseReply.queueType = 1;
      });
    parse();
    bench.serve();
    const asked: [string, number][] = [];
    for (let i = 0; i < 2; i++) {
      initiator.send({ cdb: [0xc1, 0, 0, 0, 0, 0], direction: 0 });
      parse();
      for (let get = bench.program.get(); get !== undefined; get = bench.program.get()) {
        const { subcode } = get;
        const { pbuf, allocLen } = get.execCmd;
        if (subcode === SCST_USER_ALLOC_MEM) asked.push(["ALLOC_MEM", get.allocCmd.allocLen]);
        else if (pbuf === 0) asked.push([subcommandName(subcode), allocLen]);
        bench.succeed(get);
      }
    }
    const first = direction === READ ? "EXEC" : "ALLOC_MEM";
    const all = [
      [first, length],
      [first, length],
    ];
    expect(asked).toEqual(expected === "kept" ? all.slice(1) : all);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("strict security", () => {
  function leak(strictSecurity: boolean): number | undefined {
    const bench = new Bench({ core: createCore({ strictSecurity }) });
    register(bench.program, "disk");
    bench.target.addLun(0, "disk");
    const driver = new TestDriver();
    const target = bench.core.addTarget({ name: "second", driver });
    target.addLun(0, "disk");
    const [owner, reader] = [bench.target, target].map(
      (each) => new Initiator(each.openSession({ initiatorName: "i" })),
    );
    bench.answerAttach();
    for (const each of [owner, reader]) each?.testUnitReady();
    owner?.send({ cdb: write10(0, 1), dataOut: new Uint8Array(512).fill(0xa5) });
    bench.serve();
    // A handler that says that it has read, and has not.
    const sent = reader?.send(read(0));
    bench.serve();
    expect(sent?.response?.status).toBe(0);
    return sent?.response?.dataIn[100];
  }

  test("off: a handler that reads nothing shows what another initiator wrote", () => {
    expect(leak(false)).toBe(0xa5);
  });

  test("on: it shows zeros", () => {
    expect(leak(true)).toBe(0);
  });

  test("on: what is written is not touched", () => {
    const bench = new Bench({ core: createCore({ strictSecurity: true }) });
    register(bench.program, "disk");
    bench.target.addLun(0, "disk");
    const initiator = bench.connect();
    initiator.testUnitReady();
    for (let i = 1; i < 3; i++) {
      initiator.send({ cdb: write10(0, 1), dataOut: new Uint8Array(512).fill(i) });
      let get = bench.program.expectGet();
      if (get.subcode === SCST_USER_ALLOC_MEM) {
        bench.succeed(get);
        get = bench.program.expectGet();
      }
      expect(bench.program.arena.find(get.execCmd.pbuf, 512)).toBeDefined();
      const segment = bench.program.arena.find(get.execCmd.pbuf, 512)!;
      expect(segment.bytes[get.execCmd.pbuf - segment.base]).toBe(i);
      bench.succeed(get);
    }
  });
});
