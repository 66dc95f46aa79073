/** Buffers between the handler and the core: reuse, PREALLOC_BUFFER, FLUSH_CACHE, ON_FREE_CMD. */
import { describe, expect, test } from "vitest";
import {
  SCST_USER_FLUSH_CACHE,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PREALLOC_BUFFER,
  ScstUserPreallocBuffer,
} from "../../../src/protocol/scst/index.ts";
import { SENSE, STATUS } from "../../../src/protocol/scsi/index.ts";
import { Bench, errnoOf, NOTHING_LEFT } from "../../support/bench.ts";
import { read10, write10 } from "../../support/cdbs.ts";
import type { RawProgram } from "../../support/raw-program.ts";
import { subcommandName } from "../../support/subcommands.ts";

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const MINUTE = 60_000;

function prealloc(program: RawProgram, pbuf: number, bufflen: number): string {
  const bytes = ScstUserPreallocBuffer.encode({ in: { pbuf, bufflen, forClustPool: 0 } });
  return errnoOf(program.ioctlWith(SCST_USER_PREALLOC_BUFFER, bytes));
}

describe("which buffers are kept for the next command", () => {
  const NONE = 0;
  const READS = 1;
  const WRITES = 2;
  const ALL = 3;

  test.each([
    ["none", NONE, READ, false],
    ["none", NONE, WRITE, false],
    ["those of reads", READS, READ, true],
    ["those of reads", READS, WRITE, false],
    ["those of writes", WRITES, READ, false],
    ["those of writes", WRITES, WRITE, true],
    ["all", ALL, READ, true],
    ["all", ALL, WRITE, true],
  ])("%s (%i)", (_title, memoryReuseType, request, kept) => {
    const [bench, initiator] = Bench.ready({ opt: { memoryReuseType } });
    initiator.send(request);
    bench.serve();
    expect(bench.program.device.device?.pool.size).toBe(kept ? 1 : 0);
    const sent = initiator.send(request);
    const [get] = bench.program.drain();
    const { pbuf } = get!.execCmd;
    expect(subcommandName(get!.subcode)).toBe(kept || request === READ ? "EXEC" : "ALLOC_MEM");
    if (kept) expect(pbuf).not.toBe(0);
    bench.succeed(get!);
    bench.serve();
    expect(sent.response?.status).toBe(STATUS.GOOD);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("how much is asked for: a whole class where it is kept, else what is needed", () => {
    const lengths = [0, 3].map((memoryReuseType) => {
      const [bench, initiator] = Bench.ready({ opt: { memoryReuseType } });
      initiator.send({ cdb: read10(0, 9), dataInLength: 9 * 512 });
      return bench.program.expectGet().execCmd.allocLen;
    });
    expect(lengths).toEqual([9 * 512, 8192]);
  });

  test("a buffer that is too big to keep goes back at once", () => {
    const [bench, initiator] = Bench.ready();
    const blocks = 4 * 1024 * 2 + 1;
    initiator.send({ cdb: read10(0, blocks), dataInLength: blocks * 512 });
    expect(bench.serve()).toEqual(["EXEC", "ON_CACHED_MEM_FREE"]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("ON_CACHED_MEM_FREE", () => {
  test("comes when nobody has wanted the buffer for the purge interval", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(READ);
    const get = bench.program.expectGet();
    const { address } = bench.program.allocate(4096);
    bench.program.good(get, 512, address);
    bench.clock.advance(MINUTE);
    expect(bench.program.drain()).toEqual([]);
    bench.clock.advance(MINUTE);
    const freed = bench.program.expectGet();
    expect([freed.subcode, freed.onCachedMemFree.pbuf]).toEqual([
      SCST_USER_ON_CACHED_MEM_FREE,
      address,
    ]);
    bench.succeed(freed);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test.each([
    ["the device's own interval", 5, 10_000],
    ["never", -1, 1_000_000_000],
  ])("%s", (_title, purgeIntervalSeconds, wait) => {
    const [bench, initiator] = Bench.ready({ purgeIntervalSeconds });
    initiator.send(READ);
    bench.serve();
    bench.clock.advance(wait);
    expect(bench.serve()).toEqual(purgeIntervalSeconds < 0 ? [] : ["ON_CACHED_MEM_FREE"]);
  });

  test("FLUSH_CACHE asks for all of them back", () => {
    const [bench, initiator] = Bench.ready();
    for (const blocks of [1, 16, 64]) {
      initiator.send({ cdb: read10(0, blocks), dataInLength: blocks * 512 });
    }
    bench.serve();
    expect(bench.program.ioctl(SCST_USER_FLUSH_CACHE)).toBe(0);
    expect(bench.serve()).toEqual(Array(3).fill("ON_CACHED_MEM_FREE"));
    expect(bench.program.device.device?.pool.size).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("PREALLOC_BUFFER", () => {
  test("the next command of that size finds the buffer", () => {
    const [bench, initiator] = Bench.ready();
    const { address } = bench.program.allocate(65_536);
    expect(prealloc(bench.program, address, 65_536)).toBe("0");
    initiator.send({ cdb: read10(0, 128), dataInLength: 65_536 });
    const { pbuf, allocLen } = bench.program.expectGet().execCmd;
    expect([pbuf, allocLen]).toEqual([address, 0]);
  });

  test.each([
    ["inside a page", 512, 4096, "EINVAL"],
    ["of no length", 0, 0, "ENOMEM"],
    ["of no whole power of two of pages", 0, 20_480, "ENOMEM"],
    ["longer than the memory", 0, 1024 * 1024 * 1024, "EFAULT"],
  ])("a buffer %s: %s", (_title, offset, length, errno) => {
    const [bench] = Bench.ready();
    const { address } = bench.program.allocate(65_536);
    expect(prealloc(bench.program, address + offset, length)).toBe(errno);
    expect(bench.program.device.device?.pool.size).toBe(0);
  });

  test("one that is too big to be kept comes back at once", () => {
    const [bench] = Bench.ready();
    const { address } = bench.program.allocate(8 * 1024 * 1024);
    expect(prealloc(bench.program, address, 8 * 1024 * 1024)).toBe("0");
    const { subcode, onCachedMemFree } = bench.program.expectGet();
    expect([subcode, onCachedMemFree.pbuf]).toEqual([SCST_USER_ON_CACHED_MEM_FREE, address]);
  });

  test("one address twice is two buffers: the handler knows what it does", () => {
    const [bench, initiator] = Bench.ready();
    const { address } = bench.program.allocate(65_536);
    for (let i = 0; i < 2; i++) expect(prealloc(bench.program, address, 65_536)).toBe("0");
    for (let i = 0; i < 2; i++) {
      initiator.send({ cdb: read10(0, 128), dataInLength: 65_536 });
      expect(bench.program.expectGet().execCmd.pbuf).toBe(address);
    }
  });
});

describe("ON_FREE_CMD", () => {
  const CALL = { onFreeCmdType: 0 };

  test("says what has become of the command and its buffer", () => {
    const [bench, initiator] = Bench.ready({ opt: { ...CALL, memoryReuseType: 0 } });
    initiator.send(READ);
    const get = bench.program.expectGet();
    const { address } = bench.program.allocate(512);
    bench.program.good(get, 100, address);
    const freed = bench.program.expectGet();
    expect([freed.subcode, freed.cmdH]).toEqual([SCST_USER_ON_FREE_CMD, get.cmdH]);
    const { pbuf, respDataLen, bufferCached, aborted, status, deliveryStatus } = freed.onFreeCmd;
    expect({ pbuf, respDataLen, bufferCached, aborted, status, deliveryStatus }).toEqual({
      pbuf: address,
      respDataLen: 100,
      bufferCached: 0,
      aborted: 0,
      status: 0,
      deliveryStatus: 0,
    });
    expect(bench.leftOver).toEqual({ commands: 1, userCommands: 1 });
    bench.succeed(freed);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a kept buffer is free for others after its reply only", () => {
    const [bench, initiator] = Bench.ready({ opt: CALL });
    initiator.send(READ);
    bench.succeed(bench.program.expectGet());
    const freed = bench.program.expectGet();
    expect(freed.onFreeCmd.bufferCached).toBe(1);
    expect(bench.program.device.device?.pool.size).toBe(0);
    bench.succeed(freed);
    expect(bench.program.device.device?.pool.size).toBe(1);
  });

  test("a response that did not reach the initiator is told", () => {
    const [bench, initiator] = Bench.ready({ opt: CALL });
    bench.driver.holdResponses = true;
    initiator.send(READ);
    bench.succeed(bench.program.expectGet());
    expect(bench.program.drain()).toEqual([]);
    bench.driver.deliver(false);
    const { onFreeCmd } = bench.program.expectGet();
    expect((onFreeCmd.deliveryStatus << 24) >> 24).toBe(-1);
  });

  test("is not sent for a command that the handler never saw", () => {
    const [bench, initiator] = Bench.ready({ opt: CALL });
    for (const nexus of initiator.session.nexuses.values()) {
      nexus.unitAttentions.add(SENSE.CAPACITY_DATA_HAS_CHANGED);
    }
    expect(initiator.testUnitReady().response?.sense).toBe("6/2A/09");
    expect(bench.program.drain()).toEqual([]);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});
