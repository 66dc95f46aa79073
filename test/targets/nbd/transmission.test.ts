import { describe, expect, test } from "vitest";
import { abortCommands } from "../../../src/core/abort.ts";
import {
  CommandFlag as Flag,
  CommandType as Cmd,
  ReplyType,
} from "../../../src/protocol/nbd/index.ts";
import { SENSE, STATUS } from "../../../src/protocol/scsi/index.ts";
import { type Mode, pattern, settled } from "./support/client.ts";
import { read, rig } from "./support/rig.ts";

const SIZE = 16_384 * 512;
const MIB = 1_048_576;
const [EPERM, EIO, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN] = [1, 5, 22, 28, 75, 95, 108];
const MODES: readonly Mode[] = ["simple", "structured", "extended"];

describe.each(MODES)("with %s replies", (mode) => {
  test("what is written is read", async () => {
    const { client, disk } = await rig(mode);
    const data = pattern(9 * 512);
    expect(client.one({ type: Cmd.write, offset: 512, data })).toEqual([
      expect.objectContaining({ error: 0, done: true }),
    ]);
    expect(Buffer.from(disk.medium.subarray(512, 10 * 512))).toEqual(Buffer.from(data));
    expect(read(client, 512, data.length)).toEqual(data);
    expect(read(client, 1024, 512)).toEqual(data.subarray(512, 1024));
    expect(disk.bufferCount).toBe(0);
  });

  test("in pieces of any size", async () => {
    const { client } = await rig(mode);
    const data = pattern(20 * 512, 7);
    for (const chunkLength of [1, 27, 28, 29, 500, 4096]) {
      client.chunkLength = chunkLength;
      const requests = [
        client.request({ type: Cmd.write, offset: 4096, data }),
        client.request({ type: Cmd.flush }),
        client.request({ type: Cmd.write, offset: 0, data: data.subarray(0, 512) }),
      ];
      client.send(...requests);
      expect(client.replies().map(({ error }) => error)).toEqual([0, 0, 0]);
      expect(read(client, 4096, data.length)).toEqual(data);
    }
  });

  test("what a device answers later leaves as one message", async () => {
    const { client, disk } = await rig(mode);
    const data = pattern(512);
    disk.medium.set(data, 4096);
    disk.holdExecution = true;
    client.send(client.request({ type: Cmd.read, offset: 4096, length: 512 }));
    disk.execute();
    const head = mode === "simple" ? [] : [0, 0, 0, 0, 0, 0, 4096 >> 8, 0];
    const [answer, ...others] = client.replies();
    expect(Buffer.from(answer!.data)).toEqual(Buffer.concat([Buffer.from(head), data]));
    expect(others).toEqual([]);
  });

  test("larger than one command may be", async () => {
    const { client, disk } = await rig(mode);
    const data = pattern(6 * 1024 * 1024);
    expect(client.errorOf({ type: Cmd.write, data })).toBe(0);
    expect(disk.carriedOut.filter((opcode) => opcode === "8a")).toHaveLength(2);
    expect(Buffer.compare(read(client, 0, data.length), data)).toBe(0);
    expect(disk.bufferCount).toBe(0);
  });

  test.each([
    ["a READ beyond the end", Cmd.read, 0, SIZE - 512, 1024, EINVAL],
    ["a READ far beyond the end", Cmd.read, 0, 2 ** 60, 512, EINVAL],
    ["a WRITE beyond the end", Cmd.write, 0, SIZE - 512, 1024, ENOSPC],
    ["a TRIM beyond the end", Cmd.trim, 0, SIZE, 512, EINVAL],
    ["a WRITE_ZEROES beyond the end", Cmd.writeZeroes, 0, SIZE - 512, 1024, ENOSPC],
    ["no length", Cmd.read, 0, 0, 0, EINVAL],
    ["half a block", Cmd.read, 0, 0, 256, EINVAL],
    ["between blocks", Cmd.write, 0, 100, 512, EINVAL],
    ["an unknown command", 77, 0, 0, 0, EINVAL],
    ["a flag of another command", Cmd.read, Flag.noHole, 0, 512, EINVAL],
    ["an unknown flag", Cmd.write, 1 << 9, 0, 512, EINVAL],
    ["FUA where nothing is written", Cmd.read, Flag.fua, 0, 512, 0],
    ["a FLUSH with a range", Cmd.flush, 0, 0, 512, EINVAL],
    ["FAST_ZERO that may not unmap", Cmd.writeZeroes, Flag.fastZero | Flag.noHole, 0, 512, ENOTSUP],
    ["FAST_ZERO", Cmd.writeZeroes, Flag.fastZero, 0, 512, 0],
    ["CACHE", Cmd.cache, 0, 0, 4096, 0],
  ])("%s", async (_what, type, flags, offset, length, expected) => {
    const { client, disk } = await rig(mode);
    const data = type === Cmd.write ? new Uint8Array(length) : new Uint8Array(0);
    expect(client.errorOf({ type, flags, offset, length, data })).toBe(expected);
    expect(client.errorOf({ type: Cmd.flush })).toBe(0);
    expect(disk.bufferCount).toBe(0);
  });

  test("a payload that is too long is read past, one that is far too long is not", async () => {
    const limits = { payloadLengthMax: 8192, discardLengthMax: 16_384 };
    const { client } = await rig(mode, limits);
    expect(client.errorOf({ type: Cmd.write, data: pattern(8704) })).toBe(EINVAL);
    expect(client.errorOf({ type: Cmd.read, length: 8704 })).toBe(EINVAL);
    const unfragmented = { type: Cmd.read, length: 8704, flags: Flag.df };
    expect(client.errorOf(unfragmented)).toBe(EOVERFLOW);
    client.send(client.request({ type: Cmd.write, data: pattern(16_896) }));
    expect(client.transport.ended).toBe(true);
  });

  test("bytes that are no request", async () => {
    const { client, server } = await rig(mode);
    client.send(new Uint8Array(40));
    expect(client.transport.ended).toBe(true);
    expect(server.codes).toContain("NBD_REQUEST");
  });
});

test("with extended headers a WRITE says that it has a payload, and only a WRITE has one", async () => {
  const { client } = await rig("extended");
  expect(client.errorOf({ type: Cmd.write, length: 512 })).toBe(EINVAL);
  expect(client.errorOf({ type: Cmd.read, data: pattern(512) })).toBe(EINVAL);
  const [reply] = client.one({ type: Cmd.writeZeroes, length: SIZE });
  expect(reply).toMatchObject({ error: 0, type: ReplyType.none });
});

describe("SCSI commands", () => {
  test.each([
    ["READ", { type: Cmd.read, length: 4096 }, ["88"]],
    ["WRITE", { type: Cmd.write, data: pattern(4096) }, ["8a"]],
    ["WRITE with FUA", { type: Cmd.write, flags: Flag.fua, data: pattern(512) }, ["8a", "91"]],
    ["FLUSH", { type: Cmd.flush }, ["91"]],
    ["TRIM", { type: Cmd.trim, length: 512 }, ["42"]],
    ["TRIM of more than UNMAP takes", { type: Cmd.trim, length: 2 ** 20 }, ["42", "42"]],
    ["TRIM with FUA", { type: Cmd.trim, flags: Flag.fua, length: 512 }, ["42", "91"]],
    ["WRITE_ZEROES", { type: Cmd.writeZeroes, length: 3 * 2 ** 20 }, ["93", "93", "93"]],
    ["CACHE", { type: Cmd.cache, length: 512 }, ["90"]],
    ["BLOCK_STATUS", { type: Cmd.blockStatus, length: 512 }, ["9e"]],
    ["a long READ", { type: Cmd.read, offset: 0, length: 131_072 }, ["9e"]],
    ["the same unfragmented", { type: Cmd.read, flags: Flag.df, length: 131_072 }, ["88"]],
  ])("%s", async (_what, request, expected) => {
    const { client, disk } = await rig();
    expect(client.errorOf(request)).toBe(0);
    expect(disk.carriedOut).toEqual(expected);
  });

  test("zeros are zeros afterwards, with storage or without", async () => {
    const { client, disk } = await rig();
    client.one({ type: Cmd.write, data: pattern(4096) });
    client.one({ type: Cmd.writeZeroes, offset: 512, length: 512 });
    client.one({ type: Cmd.writeZeroes, offset: 1024, length: 512, flags: Flag.noHole });
    expect([...disk.mapped.subarray(0, 4)]).toEqual([1, 0, 1, 1]);
    expect(read(client, 512, 1024)).toEqual(new Uint8Array(1024));
  });
});

describe("holes", () => {
  const extentsOf = (data: Uint8Array, size: number, from: number) => {
    const view = new DataView(data.buffer, data.byteOffset);
    const extents: number[][] = [];
    for (let at = from; at < data.length; at += 2 * size) {
      extents.push(
        size === 4
          ? [view.getUint32(at), view.getUint32(at + 4)]
          : [Number(view.getBigUint64(at)), Number(view.getBigUint64(at + 8))],
      );
    }
    return extents;
  };

  test.each([
    ["structured", 4, 4],
    ["extended", 8, 8],
  ] as const)("BLOCK_STATUS, %s", async (mode, size, from) => {
    const { client } = await rig(mode);
    client.one({ type: Cmd.write, offset: 1024, data: pattern(512) });
    const ask = (fields: { offset?: number; length: number; flags?: number }) => {
      const [reply] = client.one({ type: Cmd.blockStatus, ...fields });
      return extentsOf(reply!.data, size, from);
    };
    expect(ask({ length: SIZE })).toEqual([
      [1024, 3],
      [512, 0],
      [SIZE - 1536, 3],
    ]);
    expect(ask({ length: 2048, flags: Flag.reqOne })).toEqual([[1024, 3]]);
    expect(ask({ offset: 1024, length: 512 })).toEqual([[512, 0]]);
    expect(ask({ offset: 512, length: 1024 })).toEqual([
      [512, 3],
      [512, 0],
    ]);
  });

  test("a client that has not selected the context may not ask", async () => {
    const { client } = await rig("simple");
    expect(client.errorOf({ type: Cmd.blockStatus, length: 512 })).toBe(EINVAL);
  });

  test("a long READ tells of holes and reads the rest", async () => {
    const { client, disk } = await rig();
    const data = pattern(65_536);
    client.one({ type: Cmd.write, offset: 131_072, data });
    disk.carriedOut.length = 0;
    const chunks = client.one({ type: Cmd.read, offset: 65_536, length: 196_608 });
    expect(chunks.map(({ type, done }) => [type, done])).toEqual([
      [ReplyType.offsetHole, false],
      [ReplyType.offsetData, false],
      [ReplyType.offsetHole, true],
    ]);
    expect(disk.carriedOut).toEqual(["9e", "88"]);
    const whole = read(client, 65_536, 196_608);
    expect(whole.subarray(65_536, 131_072)).toEqual(data);
    expect(whole.subarray(0, 65_536)).toEqual(new Uint8Array(65_536));
  });

  test("several that ask at once read what there is", async () => {
    const { client, disk } = await rig();
    const data = pattern(MIB);
    disk.medium.set(data);
    disk.mapped.fill(1, 0, MIB / 512);
    disk.holdQuestions = true;
    const offsets = [0, 262_144, 524_288];
    const ask = (offset: number) => client.request({ type: Cmd.read, offset, length: 262_144 });
    client.send(...offsets.map((offset) => ask(offset)));
    disk.answer();
    const replies = client.replies();
    expect(replies.map(({ type, done }) => [type, done])).toEqual(
      offsets.map(() => [ReplyType.offsetData, true]),
    );
    for (const [i, offset] of offsets.entries()) {
      const expected = data.subarray(offset, offset + 262_144);
      expect(Buffer.compare(replies[i]!.data.subarray(8), expected)).toBe(0);
    }
  });

  test("where there is storage the question is asked once", async () => {
    const { client, disk } = await rig();
    disk.mapped.fill(1);
    for (let i = 0; i < 4; i++) read(client, i * 262_144, 262_144);
    expect(disk.carriedOut).toEqual(["9e", "88", "88", "88", "88"]);
  });
});

describe("what the device says", () => {
  test.each([
    ["MEDIUM ERROR", SENSE.UNRECOVERED_READ_ERROR, EIO],
    ["DATA PROTECT", SENSE.WRITE_PROTECTED, EPERM],
    ["SPACE ALLOCATION FAILED", SENSE.SPACE_ALLOCATION_FAILED_WRITE_PROTECT, ENOSPC],
    ["INVALID FIELD IN CDB", SENSE.INVALID_FIELD_IN_CDB, EINVAL],
    ["LBA OUT OF RANGE", SENSE.LBA_OUT_OF_RANGE, ENOSPC],
  ])("%s", async (_what, condition, expected) => {
    const { client, disk } = await rig();
    disk.holdExecution = true;
    client.send(client.request({ type: Cmd.write, data: pattern(512) }));
    const [command] = disk.waitingForExecution.splice(0);
    command!.setSense(condition);
    command!.executed();
    expect(client.replies().map(({ error }) => error)).toEqual([expected]);
  });

  test("a unit attention is no error: the command goes again, with its data", async () => {
    const { client, server, disk } = await rig();
    const [nexus] = disk.nexuses;
    const data = pattern(8192);
    for (const condition of [SENSE.CAPACITY_DATA_HAS_CHANGED, SENSE.MODE_PARAMETERS_CHANGED]) {
      nexus!.unitAttentions.add(condition);
    }
    expect(client.errorOf({ type: Cmd.write, data })).toBe(0);
    nexus!.unitAttentions.add(SENSE.CAPACITY_DATA_HAS_CHANGED);
    expect(read(client, 0, 8192)).toEqual(data);
    expect(server.codes.filter((code) => code === "NBD_RETRIED")).toHaveLength(3);
    expect(disk.bufferCount).toBe(0);
  });

  test("what somebody else has reserved is not written to", async () => {
    const { client, server, disk } = await rig();
    const other = server.server.target.openSession({ initiatorName: "other" });
    await disk.reservations.reserve(other.nexusOf(0)!, Uint8Array.of(0x16, 0, 0, 0, 0, 0));
    expect(client.errorOf({ type: Cmd.write, data: pattern(512) })).toBe(EPERM);
    expect(client.errorOf({ type: Cmd.read, length: 512 })).toBe(EPERM);
    expect(disk.medium.subarray(0, 512)).toEqual(new Uint8Array(512));
  });

  test("BUSY: later, and not for ever", async () => {
    const { client, server, disk } = await rig("structured", { retryCountMax: 3 });
    const data = pattern(512);
    disk.holdExecution = true;
    const answerBusy = () => {
      const [command] = disk.waitingForExecution.splice(0);
      command!.setStatus(STATUS.BUSY);
      command!.executed();
    };
    client.send(client.request({ type: Cmd.write, data }));
    answerBusy();
    expect(client.replies()).toEqual([]);
    server.advance(50);
    disk.execute();
    expect(client.replies().map(({ error }) => error)).toEqual([0]);
    expect(Buffer.from(disk.medium.subarray(0, 512))).toEqual(Buffer.from(data));
    client.send(client.request({ type: Cmd.write, data }));
    for (let i = 0; i < 4; i++) {
      answerBusy();
      server.advance(50);
    }
    expect(client.replies().map(({ error }) => error)).toEqual([EIO]);
    expect(disk.bufferCount).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("a command that task management ends goes again, also while its payload comes", async () => {
    const { client, server, disk } = await rig();
    const [session] = server.server.target.sessions;
    const abortAll = () => {
      abortCommands(
        [session!.active.first!],
        { by: session!, tellsOthers: false },
        () => undefined,
      );
    };
    const data = pattern(4096, 3);
    const request = client.request({ type: Cmd.write, offset: 512, data });
    client.send(request.subarray(0, 1000));
    server.core.enter();
    abortAll();
    server.core.leave();
    client.send(request.subarray(1000));
    expect(client.replies().map(({ error }) => error)).toEqual([0]);
    expect(read(client, 512, 4096)).toEqual(data);

    disk.holdBuffers = true;
    client.send(client.request({ type: Cmd.write, data }));
    server.core.enter();
    abortAll();
    server.core.leave();
    disk.holdBuffers = false;
    disk.giveBuffers();
    expect(client.replies().map(({ error }) => error)).toEqual([0]);
    expect(read(client, 0, 4096)).toEqual(data);
    expect(disk.bufferCount).toBe(0);
  });
});

describe("flow", () => {
  test("the replies of a chunk leave in one write", async () => {
    const { client } = await rig("simple");
    const before = client.transport.writeCount;
    const requests = Array.from({ length: 16 }, (_, i) =>
      client.request({ type: Cmd.read, offset: i * 4096, length: 4096 }),
    );
    client.send(...requests);
    expect(client.replies()).toHaveLength(16);
    expect(client.transport.writeCount - before).toBe(1);
  });

  test("a payload waits for its buffer, and what follows it as well", async () => {
    const { client, disk } = await rig("simple");
    const data = pattern(4096);
    disk.holdBuffers = true;
    client.send(
      client.request({ type: Cmd.write, data }),
      client.request({ type: Cmd.read, length: 4096 }),
    );
    expect(client.transport.paused).toBe(true);
    expect(client.replies()).toEqual([]);
    disk.holdBuffers = false;
    disk.giveBuffers();
    const [written, back] = client.replies();
    expect(written!.error).toBe(0);
    expect(back!.data).toEqual(Buffer.from(data));
    expect(client.transport.paused).toBe(false);
  });

  test("no more requests than there may be are under way", async () => {
    const { client, disk } = await rig("simple", { requestCountMax: 4 });
    disk.holdExecution = true;
    const requests = Array.from({ length: 10 }, () =>
      client.request({ type: Cmd.read, length: 512 }),
    );
    client.send(...requests);
    expect(disk.waitingForExecution).toHaveLength(4);
    expect(client.transport.paused).toBe(true);
    disk.execute();
    disk.execute();
    disk.execute();
    expect(client.replies()).toHaveLength(10);
    expect(client.transport.paused).toBe(false);
  });

  test("no more commands than the device's queue depth, data that have not left included", async () => {
    const { client, server, disk } = await rig("simple");
    disk.queueDepth.max = 16;
    client.transport.holdWrites = true;
    const requests = Array.from({ length: 40 }, () =>
      client.request({ type: Cmd.read, length: 65_536 }),
    );
    client.send(...requests);
    expect(disk.bufferCount).toBeLessThanOrEqual(16);
    for (let i = 0; i < 10; i++) client.transport.land();
    expect(client.replies()).toHaveLength(40);
    expect(server.codes).not.toContain("NBD_RETRIED");
    expect(disk.bufferCount).toBe(0);
  });

  test("payloads that are lent come back when the socket has let go of them", async () => {
    const { client, disk } = await rig("simple");
    client.transport.holdWrites = true;
    client.send(client.request({ type: Cmd.read, length: 65_536 }));
    expect(disk.bufferCount).toBe(1);
    client.transport.land();
    expect(disk.bufferCount).toBe(0);
  });
});

describe("the end", () => {
  test("DISC: what is under way is answered first", async () => {
    const { client, server, disk } = await rig("simple");
    disk.holdExecution = true;
    client.send(
      client.request({ type: Cmd.read, length: 512 }),
      client.request({ type: Cmd.disc }),
      client.request({ type: Cmd.read, length: 512 }),
    );
    expect(client.transport.ended).toBe(false);
    disk.execute();
    expect(client.replies()).toHaveLength(1);
    expect(client.transport.ended).toBe(true);
    await settled();
    expect(server.server.connectionCount).toBe(0);
  });

  test("the server closes: what is under way is answered, what comes then is not begun", async () => {
    const { client, server, disk } = await rig("simple");
    disk.holdExecution = true;
    client.send(client.request({ type: Cmd.write, data: pattern(512) }));
    const closed = server.server.close();
    expect(client.errorOf({ type: Cmd.read, length: 512 })).toBe(ESHUTDOWN);
    disk.execute();
    expect(client.replies().map(({ error }) => error)).toEqual([0]);
    await closed;
    expect(server.core.targets.size).toBe(0);
    expect(server.timerCount).toBe(0);
  });

  test("the administrator ends the session", async () => {
    const { client, server } = await rig("simple");
    const [session] = server.server.target.sessions;
    session!.forceClose(() => undefined);
    await settled();
    expect(client.transport.closed).toBe(true);
    expect(server.server.connectionCount).toBe(0);
    expect(server.codes).toContain("NBD_FORCED_CLOSE");
  });

  test("a device that does not answer is not waited for", async () => {
    const { client, server, disk } = await rig("simple");
    disk.holdExecution = true;
    client.send(client.request({ type: Cmd.write, data: pattern(512) }));
    const closed = server.server.close();
    server.advance(2000);
    expect(client.transport.closed).toBe(true);
    await settled();
    disk.execute();
    await closed;
    expect(disk.bufferCount).toBe(0);
  });

  test.each([
    ["in a payload", 1000, false, false],
    ["waiting for a buffer", 5000, true, false],
    ["while the device works", 5000, false, true],
  ])("a client that dies %s", async (_what, length, holdBuffers, holdExecution) => {
    const { client, server, disk } = await rig("simple");
    Object.assign(disk, { holdBuffers, holdExecution });
    const request = client.request({ type: Cmd.write, data: pattern(4096) });
    client.send(request.subarray(0, length));
    client.transport.destroy();
    await settled();
    disk.giveBuffers();
    disk.execute();
    expect(disk.bufferCount).toBe(0);
    expect(server.server.connectionCount).toBe(0);
    expect(server.timerCount).toBe(0);
    expect(server.log.filter(({ level }) => level === "error")).toEqual([]);
  });
});
