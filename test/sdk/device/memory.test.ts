/** Where a device's buffers go: every block comes back to the arena, and only once. */
import { describe, expect, test } from "vitest";
import { SENSE, STATUS } from "../../../src/protocol/scsi/index.ts";
import {
  checkCondition,
  type DeviceHandler,
  type DeviceOptions,
  type FreedCommand,
  good,
} from "../../../src/sdk/index.ts";
import { loadLibc } from "../../../src/sdk/native/libc.ts";
import { Arena, LoopbackSource, PAGE_SIZE } from "../../../src/sdk/memory/arena.ts";
import { read10, synchronizeCache10, write10 } from "../../support/cdbs.ts";
import { type Fixture, Gate, handlerOf, readyDevice } from "../../support/device.ts";

const MEBIBYTE = 1024 * 1024;

/** Counts the blocks that the device's arena has lent. */
function watch({ channel }: Fixture): { lent: () => number; twice: () => number } {
  const { arena } = channel;
  const lent = new Set<number>();
  let twice = 0;
  const allocate = arena.allocate.bind(arena);
  const release = arena.release.bind(arena);
  arena.allocate = (length) => {
    const block = allocate(length);
    if (block !== undefined) lent.add(block.address);
    return block;
  };
  arena.release = (address) => {
    if (!lent.delete(address)) twice++;
    release(address);
  };
  return { lent: () => lent.size, twice: () => twice };
}

const reads = [1, 8, 9, 128, 8192, 8193].map((blocks) => ({
  cdb: read10(0, blocks),
  dataInLength: blocks * 512,
}));
const writes = [1, 16, 8193].map((blocks) => ({
  cdb: write10(0, blocks),
  dataOut: new Uint8Array(blocks * 512),
}));
const everything = [...reads, ...writes, { cdb: synchronizeCache10() }];

const handlers: readonly [string, Pick<DeviceHandler, "exec">][] = [
  ["at once", { exec: () => good }],
  ["later", { exec: async () => good }],
  ["with an error", { exec: () => checkCondition(SENSE.INVALID_FIELD_IN_CDB) }],
  [
    "with no data",
    {
      exec: (command) => {
        if (command.dataDirection === 2) command.responseLength = 0;
        return good;
      },
    },
  ],
  [
    "in the background",
    {
      exec: (command) => {
        command.answerInBackground();
        return Promise.resolve(good);
      },
    },
  ],
];

const optionSets: readonly [string, DeviceOptions][] = (
  ["none", "read", "write", "all"] as const
).flatMap((memoryReuse) =>
  (["call", "ignore"] as const).map((onFree): [string, DeviceOptions] => [
    `${memoryReuse}, onFree ${onFree}`,
    { memoryReuse, onFree },
  ]),
);

describe.each(optionSets)("reuse %s", (_options, options) => {
  test.each(handlers)("commands that end %s", async (_title, parts) => {
    const fixture = await readyDevice(handlerOf({ ...parts, options }));
    const watched = watch(fixture);
    for (let round = 0; round < 3; round++) {
      await Promise.all(everything.map((request) => fixture.initiator.execute(request)));
    }
    await new Promise((resolve) => setImmediate(resolve));
    // What is kept for the next command comes back when nobody wants it for two minutes.
    fixture.clock.advance(120_000);
    expect({ lent: watched.lent(), twice: watched.twice() }).toEqual({ lent: 0, twice: 0 });
  });
});

describe("onFree", () => {
  test("tells of every command that the handler has seen, and its end", async () => {
    const freed: FreedCommand[] = [];
    const { initiator } = await readyDevice(
      handlerOf({ onFree: (command) => void freed.push(command) }),
    );
    await initiator.execute({ cdb: read10(0, 1), dataInLength: 512 });
    await initiator.execute({ cdb: write10(0, 1), dataOut: new Uint8Array(512) });
    expect(freed).toEqual([
      { responseLength: 512, bufferCached: true, aborted: false, status: 0, deliveryStatus: 0 },
      { responseLength: 0, bufferCached: true, aborted: false, status: 0, deliveryStatus: 0 },
    ]);
  });

  test("says that a command was aborted", async () => {
    const freed: boolean[] = [];
    const gate = new Gate();
    const { initiator } = await readyDevice(
      handlerOf({
        exec: (command) => (command.cdb[0] === 0x28 ? gate.hold(command) : good),
        onFree: ({ aborted }) => void freed.push(aborted),
      }),
    );
    const read = initiator.execute({ cdb: read10(0, 1), dataInLength: 512 });
    const reset = initiator.taskManagement({ function: 4 });
    gate.openAll();
    expect((await read).aborted).toBe(true);
    await reset;
    expect(freed).toEqual([true]);
  });

  test("what it throws is reported", async () => {
    const { initiator, reports } = await readyDevice(
      handlerOf({
        onFree: () => {
          throw new Error("no");
        },
      }),
    );
    const response = await initiator.execute({ cdb: synchronizeCache10() });
    expect(response.status).toBe(STATUS.GOOD);
    expect(reports).toMatchObject([{ code: "HANDLER" }]);
  });
});

test("an arena at its limit: TASK SET FULL or BUSY, until memory comes back", async () => {
  const gate = new Gate();
  const fixture = await readyDevice(
    handlerOf({ exec: (command) => (command.cdb[0] === 0x28 ? gate.hold(command) : good) }),
  );
  const { arena } = fixture.channel;
  const allocate = arena.allocate.bind(arena);
  const read = { cdb: read10(0, 1), dataInLength: 512 };
  const first = fixture.initiator.execute(read);
  arena.allocate = () => undefined;
  const second = await fixture.initiator.execute(read);
  const write = await fixture.initiator.execute({
    cdb: write10(0, 1),
    dataOut: new Uint8Array(512),
  });
  expect([second.status, write.status]).toEqual([STATUS.TASK_SET_FULL, STATUS.TASK_SET_FULL]);
  arena.allocate = allocate;
  gate.openAll();
  expect((await first).status).toBe(STATUS.GOOD);
  const third = fixture.initiator.execute(read);
  gate.openAll();
  expect((await third).status).toBe(STATUS.GOOD);
});

describe("an arena", () => {
  const make = (lengthMax?: number) => new Arena(new LoopbackSource(), lengthMax);

  test.each([
    [1, PAGE_SIZE],
    [4096, 4096],
    [4097, 8192],
    [100_000, 131_072],
    [5 * MEBIBYTE, 8 * MEBIBYTE],
  ])("%i bytes are a block of %i", (length, size) => {
    const block = make().allocate(length)!;
    expect(block.bytes).toHaveLength(size);
    expect(block.address % PAGE_SIZE).toBe(0);
    expect(block.bytes.every((byte) => byte === 0)).toBe(true);
  });

  test("a released block is lent again, for lengths of its size only", () => {
    const arena = make();
    const block = arena.allocate(5000)!;
    arena.release(block.address);
    expect(arena.allocate(4096)?.address).not.toBe(block.address);
    expect(arena.allocate(8192)?.address).toBe(block.address);
  });

  test("an address leads to its segment, and not beyond", () => {
    const arena = make();
    const { address, bytes } = arena.allocate(4096)!;
    const segment = arena.find(address, bytes.length)!;
    const end = segment.base + segment.bytes.length;
    expect(arena.find(end - 1, 1)).toBe(segment);
    expect([arena.find(end, 1), arena.find(end - 1, 2), arena.find(segment.base - 1, 1)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("large blocks have segments of their own, which begin at a huge page", () => {
    const arena = make();
    const lengths = [4096, 262_144, 131_072, MEBIBYTE];
    const [page, large, small, larger] = lengths.map((length) => {
      const { address } = arena.allocate(length)!;
      return arena.find(address, length);
    });
    expect(small === page).toBe(true);
    expect(larger === large).toBe(true);
    expect(large === page).toBe(false);
    const libc = loadLibc();
    if (libc !== undefined) expect(libc.addressOf(large!.bytes) % (2 * MEBIBYTE)).toBe(0);
  });

  test("has a limit", () => {
    const arena = make(8 * MEBIBYTE);
    expect(arena.allocate(8 * MEBIBYTE)).toBeDefined();
    expect(arena.allocate(1)).toBeUndefined();
    expect(arena.mappedLength).toBe(8 * MEBIBYTE);
  });

  test("an address at which no block begins is refused", () => {
    const arena = make();
    const { address } = arena.allocate(4096)!;
    expect(() => arena.release(address + 1)).toThrow(
      expect.objectContaining({ code: "ARENA_ADDRESS" }),
    );
  });
});
