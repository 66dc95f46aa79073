/** REPLY_AND_GET_MULTI and REPLY_AND_GET_CMD: how many, in which order, and what of errors. */
import { describe, expect, test } from "vitest";
import {
  SCST_USER_EXEC,
  SCST_USER_REPLY_AND_GET_CMD,
  SCST_USER_REPLY_AND_GET_MULTI,
  ScstUserGetCmd,
  ScstUserGetMulti,
  ScstUserReplyCmd,
} from "../../../src/protocol/scst/index.ts";
import { Bench, errnoOf, type Initiator, NOTHING_LEFT, type Sent } from "../../support/bench.ts";
import type { RawProgram } from "../../support/raw-program.ts";

const FLUSH = { cdb: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0] };

interface Exchange {
  readonly errno: string;
  readonly repliesDone: number;
  readonly cmdsCnt: number;
  /** Their opcodes' handles. */
  readonly handles: readonly number[];
}

/** One REPLY_AND_GET_MULTI with GOOD for `handles` and room for `room` subcommands. */
function exchange(program: RawProgram, handles: readonly number[], room: number): Exchange {
  const gets = Math.max(0, room);
  const block = program.allocate(ScstUserGetMulti.size + gets * ScstUserGetCmd.size + 1);
  const replies = program.allocate(Math.max(1, handles.length * ScstUserReplyCmd.size));
  for (const [i, cmdH] of handles.entries()) {
    const view = ScstUserReplyCmd.view(replies.bytes, i * ScstUserReplyCmd.size);
    ScstUserReplyCmd.write(view, {
      cmdH,
      subcode: SCST_USER_EXEC,
      execReply: { replyType: 1, respDataLen: 0, status: 0 },
    });
  }
  const multi = ScstUserGetMulti.view(block.bytes);
  multi.preplies = replies.address;
  multi.repliesCnt = handles.length;
  multi.repliesDone = 99;
  multi.cmdsCnt = room;
  const errno = errnoOf(program.ioctl(SCST_USER_REPLY_AND_GET_MULTI, block.address));
  const { repliesDone, cmdsCnt } = multi;
  return {
    errno,
    repliesDone,
    cmdsCnt,
    handles: Array.from({ length: Math.max(0, cmdsCnt) }, (_, i) => {
      const at = ScstUserGetMulti.size + i * ScstUserGetCmd.size;
      return ScstUserGetCmd.view(block.bytes, at).cmdH;
    }),
  };
}

function withCommands(count: number): [Bench, Initiator, Sent[]] {
  const [bench, initiator] = Bench.ready();
  const sent = Array.from({ length: count }, () => initiator.send(FLUSH));
  return [bench, initiator, sent];
}

describe("REPLY_AND_GET_MULTI", () => {
  test.each([
    ["room for fewer than wait", 5, 3, 3, "0"],
    ["room for all", 3, 3, 3, "0"],
    ["room for more", 2, 8, 2, "0"],
    ["nothing waits", 0, 4, 0, "EAGAIN"],
    ["no room", 3, 0, 0, "0"],
    ["less than no room", 3, -1, 0, "0"],
  ])("%s", (_title, waiting, room, count, errno) => {
    const [bench] = withCommands(waiting);
    const { program } = bench;
    const got = exchange(program, [], room);
    expect({ ...got, handles: got.handles.length }).toEqual({
      errno,
      repliesDone: 0,
      cmdsCnt: count,
      handles: count,
    });
    expect(program.drain()).toHaveLength(waiting - count);
  });

  test("hands them out in their order", () => {
    const [bench, , sent] = withCommands(4);
    const { handles } = exchange(bench.program, [], 4);
    expect(exchange(bench.program, handles.slice(0, 2), 0)).toMatchObject({
      errno: "0",
      repliesDone: 2,
    });
    expect(sent.map(({ response }) => response?.status)).toEqual([0, 0, undefined, undefined]);
  });

  test("replies come before gets: a reply may make room for what waits", () => {
    const [bench, initiator] = withCommands(1);
    const { handles } = exchange(bench.program, [], 1);
    initiator.send(FLUSH);
    const next = exchange(bench.program, handles, 4);
    expect(next).toMatchObject({ errno: "0", repliesDone: 1, cmdsCnt: 1 });
  });

  test("stops at the first wrong reply, and hands nothing out", () => {
    const [bench, , sent] = withCommands(4);
    const { handles } = exchange(bench.program, [], 3);
    const [first, , third] = handles as [number, number, number];
    const failed = exchange(bench.program, [first, 77_777, third], 4);
    expect(failed).toEqual({ errno: "ESRCH", repliesDone: 1, cmdsCnt: 0, handles: [] });
    expect(sent.map(({ response }) => response?.status)).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
    const rest = exchange(bench.program, [handles[1] as number, third], 4);
    expect(rest).toMatchObject({ errno: "0", repliesDone: 2, cmdsCnt: 1 });
  });

  test("replies that are nowhere: EFAULT, none done", () => {
    const [bench] = withCommands(1);
    const block = bench.program.allocate(4096);
    const multi = ScstUserGetMulti.view(block.bytes);
    ScstUserGetMulti.write(multi, { preplies: 1, repliesCnt: 2, repliesDone: 9, cmdsCnt: 1 });
    const result = bench.program.ioctl(SCST_USER_REPLY_AND_GET_MULTI, block.address);
    expect([errnoOf(result), multi.repliesDone, multi.cmdsCnt]).toEqual(["EFAULT", 0, 0]);
    expect(bench.program.drain()).toHaveLength(1);
  });

  test("room that is nowhere: EFAULT, and nothing is lost", () => {
    const [bench] = withCommands(2);
    const segment = bench.program.allocate(4 * 1024 * 1024);
    const end = segment.address + segment.bytes.length - ScstUserGetMulti.size;
    const multi = ScstUserGetMulti.view(
      segment.bytes,
      segment.bytes.length - ScstUserGetMulti.size,
    );
    multi.cmdsCnt = 1;
    const result = bench.program.ioctl(SCST_USER_REPLY_AND_GET_MULTI, end);
    expect([errnoOf(result), multi.cmdsCnt]).toEqual(["EFAULT", 0]);
    expect(bench.program.drain()).toHaveLength(2);
  });
});

describe("REPLY_AND_GET_CMD", () => {
  test("an error of the reply returns at once, and no command is got", () => {
    const [bench] = withCommands(1);
    const reply = ScstUserReplyCmd.encode({ cmdH: 77_777, subcode: SCST_USER_EXEC });
    const get = ScstUserGetCmd.view();
    get.preply = bench.program.put(reply);
    const result = bench.program.ioctlWith(SCST_USER_REPLY_AND_GET_CMD, get.bytes);
    expect(errnoOf(result)).toBe("ESRCH");
    expect(bench.program.drain()).toHaveLength(1);
  });

  test("a reply that is nowhere: EFAULT", () => {
    const [bench] = withCommands(1);
    const get = ScstUserGetCmd.view();
    get.preply = 1;
    const result = bench.program.ioctlWith(SCST_USER_REPLY_AND_GET_CMD, get.bytes);
    expect(errnoOf(result)).toBe("EFAULT");
  });

  test("nothing to get: EAGAIN, and the reply counts", () => {
    const [bench, , [sent]] = withCommands(1);
    const { cmdH, subcode } = bench.program.expectGet();
    const reply = ScstUserReplyCmd.encode({ cmdH, subcode, execReply: { replyType: 1 } });
    const get = ScstUserGetCmd.view();
    get.preply = bench.program.put(reply);
    const result = bench.program.ioctlWith(SCST_USER_REPLY_AND_GET_CMD, get.bytes);
    expect(errnoOf(result)).toBe("EAGAIN");
    expect(sent?.response?.status).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("readable", () => {
  test("as long as something waits, and told once", () => {
    const [bench, initiator] = Bench.ready();
    const { program } = bench;
    const before = program.wakes;
    expect(program.device.readable).toBe(false);
    initiator.send(FLUSH);
    expect([program.device.readable, program.wakes]).toEqual([true, before + 1]);
    program.expectGet();
    expect(program.device.readable).toBe(false);
  });

  test("a batch of commands wakes the program once", () => {
    const [bench, initiator] = Bench.ready();
    const before = bench.program.wakes;
    bench.core.enter();
    for (let i = 0; i < 10; i++) initiator.send(FLUSH);
    expect(bench.program.wakes).toBe(before);
    bench.core.leave();
    expect(bench.program.wakes).toBe(before + 1);
    expect(bench.program.drain()).toHaveLength(10);
  });
});
