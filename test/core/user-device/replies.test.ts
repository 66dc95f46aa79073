/** What wrong replies come to: the errno for the handler, the answer for the initiator. */
import { describe, expect, test } from "vitest";
import {
  SCST_CMD_QUEUE_ACA,
  SCST_CMD_QUEUE_SIMPLE,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_EXEC_REPLY_BACKGROUND,
  SCST_EXEC_REPLY_COMPLETED,
  SCST_EXEC_REPLY_DO_WRITE_SAME,
  SCST_INFO_VALID,
  SCST_USER_ALLOC_MEM,
  SCST_USER_EXEC,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PARSE,
} from "../../../src/protocol/scst/index.ts";
import { STATUS } from "../../../src/protocol/scsi/index.ts";
import { Bench, errnoOf, type Initiator, NOTHING_LEFT, type Sent } from "../../support/bench.ts";
import { read10, synchronizeCache10, write10 } from "../../support/cdbs.ts";
import type { GetCmdView, RawProgram, ReplyCmdView } from "../../support/raw-program.ts";

const NOWHERE = 0x6666_0000_0000;

const READ = { cdb: read10(0, 1), dataInLength: 512 };
const WRITE = { cdb: write10(0, 1), dataOut: new Uint8Array(512) };
const FLUSH = { cdb: synchronizeCache10() };

/** What a reply came to. */
interface End {
  readonly errno: string;
  readonly status: number | undefined;
  readonly sense: string | undefined;
}

function endOf(result: number, { response }: Sent): End {
  return { errno: errnoOf(result), status: response?.status, sense: response?.sense };
}

const checkCondition = (errno: string, sense: string): End => ({
  errno,
  status: STATUS.CHECK_CONDITION,
  sense,
});
const withoutSense = (errno: string, status: number): End => ({ errno, status, sense: "" });

/** After all, the device serves as before, and nothing is left of the command. */
function expectStillAlive(bench: Bench, initiator: Initiator): void {
  bench.serve();
  const sent = initiator.testUnitReady();
  bench.serve();
  expect(sent.response?.status).toBe(STATUS.GOOD);
  expect(bench.leftOver).toEqual(NOTHING_LEFT);
}

/** Memory that is not at the begin of a page. */
const unaligned = (program: RawProgram) => program.allocate(8192).address + 512;

describe("which command", () => {
  const [bench, initiator] = Bench.ready();
  const { program } = bench;

  test("a handle that there never was: ESRCH", () => {
    expect(errnoOf(program.good({ cmdH: 12_345, subcode: SCST_USER_EXEC }))).toBe("ESRCH");
  });

  test("one that is over: ESRCH", () => {
    initiator.send(FLUSH);
    const get = program.expectGet();
    expect(program.good(get)).toBe(0);
    expect(errnoOf(program.good(get))).toBe("ESRCH");
  });

  test("one that the handler has not got yet: EINVAL, and no harm is done", () => {
    const sent = initiator.send(FLUSH);
    const before = program.expectGet();
    expect(program.good(before)).toBe(0);
    const second = initiator.send(FLUSH);
    // A slot is used again, with the next generation in its handle.
    const waiting = { cmdH: before.cmdH + 0x1_0000, subcode: SCST_USER_EXEC };
    expect(errnoOf(program.good(waiting))).toBe("EINVAL");
    expect(program.expectGet().cmdH).toBe(waiting.cmdH);
    expect(program.good(waiting)).toBe(0);
    expect([sent, second].map(({ response }) => response?.status)).toEqual([0, 0]);
  });
});

describe("a wrong subcode: EINVAL, and the command is taken from the handler", () => {
  test.each([
    ["ALLOC_MEM instead of EXEC", {}, FLUSH, SCST_USER_EXEC, SCST_USER_ALLOC_MEM],
    ["EXEC instead of ALLOC_MEM", {}, WRITE, SCST_USER_ALLOC_MEM, SCST_USER_EXEC],
    ["EXEC instead of PARSE", { parseType: 1 }, FLUSH, SCST_USER_PARSE, SCST_USER_EXEC],
  ])("%s", (_title, opt, request, expected, subcode) => {
    const [bench, initiator] = Bench.ready({ opt: { parseType: 0 } });
    setOptions(bench, opt);
    const sent = initiator.send(request);
    const get = bench.program.expectGet();
    expect(get.subcode).toBe(expected);
    const result = bench.program.reply({ cmdH: get.cmdH, subcode }, () => undefined);
    expect(endOf(result, sent)).toEqual(checkCondition("EINVAL", "5/25/00"));
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("to ON_FREE_CMD: EINVAL, and the command is freed", () => {
    const [bench, initiator] = Bench.ready({ opt: { onFreeCmdType: 0 } });
    initiator.send(FLUSH);
    bench.program.good(bench.program.expectGet());
    const get = bench.program.expectGet();
    expect(get.subcode).toBe(SCST_USER_ON_FREE_CMD);
    const wrong = { cmdH: get.cmdH, subcode: SCST_USER_EXEC };
    expect(errnoOf(bench.program.good(wrong))).toBe("EINVAL");
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("to ATTACH_SESS: EINVAL, and the initiator has no such LUN", () => {
    const bench = Bench.withDisk();
    const initiator = bench.login();
    const get = bench.program.expectGet();
    const wrong = { cmdH: get.cmdH, subcode: SCST_USER_EXEC };
    expect(errnoOf(bench.program.good(wrong))).toBe("EINVAL");
    expect(initiator.testUnitReady().response?.sense).toBe("5/25/00");
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("the right reply after it: 0, ignored, as long as the command is known", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(FLUSH);
    const get = bench.program.expectGet();
    bench.driver.holdResponses = true;
    const wrong = { cmdH: get.cmdH, subcode: SCST_USER_PARSE };
    expect(errnoOf(bench.program.good(wrong))).toBe("EINVAL");
    expect(errnoOf(bench.program.good(get))).toBe("0");
    bench.driver.deliver();
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
    expect(errnoOf(bench.program.good(get))).toBe("ESRCH");
  });
});

describe("PARSE", () => {
  type ParseReply = ReplyCmdView["parseReply"];
  type Values = Readonly<Record<string, number>>;
  const good: Values = {
    queueType: SCST_CMD_QUEUE_SIMPLE,
    dataDirection: SCST_DATA_READ,
    cdbLen: 10,
    bufflen: 512,
    dataLen: 512,
    opFlags: SCST_INFO_VALID,
  };

  function fill(reply: ParseReply, values: Values): void {
    Object.assign(reply, values);
  }

  test.each([
    ["an unknown task attribute", { queueType: SCST_CMD_QUEUE_ACA + 1 }],
    ["an unknown direction", { dataDirection: SCST_DATA_NONE + 1 }],
    ["no direction", { dataDirection: SCST_DATA_UNKNOWN }],
    ["a direction without data", { bufflen: 0 }],
    ["a negative buffer length", { bufflen: -1 }],
    ["a negative length on the medium", { dataLen: -1 }],
    ["a negative block address", { lba: -1 }],
    ["a negative second buffer", { outBufflen: -1 }],
    ["a longer CDB", { cdbLen: 11 }],
    ["nothing that is valid", { opFlags: 0 }],
  ])("%s: EINVAL, HARDWARE ERROR", (_title, wrong) => {
    const [bench, initiator] = Bench.ready();
    setOptions(bench, { parseType: 1 });
    const sent = initiator.send(READ);
    const result = bench.program.reply(bench.program.expectGet(), ({ parseReply }) =>
      fill(parseReply, { ...good, ...wrong }),
    );
    expect(endOf(result, sent)).toEqual(checkCondition("EINVAL", "4/44/00"));
    setOptions(bench, { parseType: 0 });
    expectStillAlive(bench, initiator);
  });

  test("a shorter CDB, no LBA and no data: accepted", () => {
    const [bench, initiator] = Bench.ready();
    setOptions(bench, { parseType: 1 });
    initiator.send({ cdb: read10(0, 1) });
    const none = { dataDirection: SCST_DATA_NONE, bufflen: 0, dataLen: 0, cdbLen: 6 };
    const result = bench.program.reply(bench.program.expectGet(), ({ parseReply }) =>
      fill(parseReply, { ...good, ...none }),
    );
    expect(result).toBe(0);
    const { execCmd, subcode } = bench.program.expectGet();
    expect({ subcode, cdbLen: execCmd.cdbLen, bufflen: execCmd.bufflen }).toEqual({
      subcode: SCST_USER_EXEC,
      cdbLen: 6,
      bufflen: 0,
    });
  });

  const sense = Uint8Array.from([0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0]);

  test.each([
    ["sense", (p: RawProgram) => p.put(sense), 18, checkCondition("0", "5/24/00")],
    ["sense that can't be read", () => NOWHERE, 18, checkCondition("EFAULT", "B/44/00")],
    ["no sense", () => 0, 0, withoutSense("0", STATUS.CHECK_CONDITION)],
  ])("CHECK CONDITION with %s", (_title, put, senseLen, expected) => {
    const [bench, initiator] = Bench.ready();
    setOptions(bench, { parseType: 1 });
    const sent = initiator.send(READ);
    const result = bench.program.reply(bench.program.expectGet(), ({ parseReply }) => {
      fill(parseReply, { status: 2, senseLen, psenseBuffer: put(bench.program) });
    });
    expect(endOf(result, sent)).toEqual(expected);
  });

  test("sense longer than there is room for is cut", () => {
    const [bench, initiator] = Bench.ready();
    setOptions(bench, { parseType: 1 });
    const sent = initiator.send(READ);
    const long = new Uint8Array(255);
    long.set(sense);
    const result = bench.program.reply(bench.program.expectGet(), ({ parseReply }) => {
      fill(parseReply, { status: 2, senseLen: 255, psenseBuffer: bench.program.put(long) });
    });
    expect(endOf(result, sent)).toEqual(checkCondition("0", "5/24/00"));
    expect(sent.response?.senseBytes).toHaveLength(252);
  });

  test("another status goes as it is", () => {
    const [bench, initiator] = Bench.ready();
    setOptions(bench, { parseType: 1 });
    const sent = initiator.send(READ);
    const result = bench.program.reply(bench.program.expectGet(), ({ parseReply }) => {
      parseReply.status = STATUS.BUSY;
    });
    expect(endOf(result, sent)).toEqual(withoutSense("0", STATUS.BUSY));
  });
});

describe("ALLOC_MEM", () => {
  test.each([
    ["no buffer, one command", () => 0, 0, withoutSense("0", STATUS.BUSY)],
    ["no buffer, more commands", () => 0, 1, withoutSense("0", STATUS.TASK_SET_FULL)],
    ["a buffer inside a page", unaligned, 0, checkCondition("EINVAL", "4/44/00")],
    ["a buffer that is nowhere", () => NOWHERE, 0, checkCondition("EFAULT", "B/44/00")],
  ])("%s", (_title, address, others, expected) => {
    const [bench, initiator] = Bench.ready();
    for (let i = 0; i < others; i++) {
      initiator.send(FLUSH);
      bench.program.expectGet();
    }
    const sent = initiator.send(WRITE);
    const get = bench.program.expectGet();
    const result = bench.program.reply(get, ({ allocReply }) => {
      allocReply.pbuf = address(bench.program);
    });
    expect(endOf(result, sent)).toEqual(expected);
  });

  test("without reuse, a buffer may begin anywhere", () => {
    const [bench, initiator] = Bench.ready({ opt: { memoryReuseType: 0 } });
    const sent = initiator.send({ ...WRITE, dataOut: new Uint8Array(512).fill(7) });
    const address = unaligned(bench.program);
    bench.program.reply(bench.program.expectGet(), ({ allocReply }) => {
      allocReply.pbuf = address;
    });
    const get = bench.program.expectGet();
    expect(get.execCmd.pbuf).toBe(address);
    expect(bench.program.good(get)).toBe(0);
    expect(sent.response?.status).toBe(STATUS.GOOD);
    const segment = bench.program.arena.find(address, 512);
    const start = address - (segment?.base ?? 0);
    expect(segment?.bytes.subarray(start, start + 512).every((byte) => byte === 7)).toBe(true);
  });
});

describe("EXEC", () => {
  type ExecReply = ReplyCmdView["execReply"];
  type Spoil = (reply: ExecReply, program: RawProgram) => void;
  const page = (program: RawProgram) => program.allocate(4096).address;

  const answer = (length: number, at: (program: RawProgram) => number, type = 1): Spoil => {
    return (reply, program) => {
      reply.respDataLen = length;
      reply.pbuf = at(program);
      reply.replyType = type;
    };
  };
  const senseAt = (at: (program: RawProgram) => number): Spoil => {
    return (reply, program) => {
      reply.replyType = SCST_EXEC_REPLY_COMPLETED;
      reply.status = STATUS.CHECK_CONDITION;
      reply.senseLen = 18;
      reply.psenseBuffer = at(program);
    };
  };

  test.each([
    ["more data than the buffer has", READ, answer(513, page), checkCondition("EINVAL", "B/44/00")],
    ["a negative length", READ, answer(-1, page), checkCondition("EINVAL", "B/44/00")],
    ["data for a WRITE", WRITE, answer(1, page), checkCondition("EINVAL", "B/44/00")],
    ["data for a command without", FLUSH, answer(1, page), checkCondition("EINVAL", "B/44/00")],
    ["an unknown type", FLUSH, answer(0, () => 0, 3), checkCondition("EINVAL", "B/44/00")],
    ["a READ in the background", READ, answer(0, () => 0, 0), checkCondition("EINVAL", "B/44/00")],
    ["a buffer inside a page", READ, answer(512, unaligned), checkCondition("EINVAL", "B/44/00")],
    ["a buffer that is nowhere", READ, answer(512, () => NOWHERE), checkCondition("0", "B/44/00")],
    ["data without a buffer", READ, answer(512, () => 0), withoutSense("0", STATUS.BUSY)],
    [
      "sense that can't be read",
      FLUSH,
      senseAt(() => NOWHERE),
      checkCondition("EFAULT", "B/44/00"),
    ],
    ["a buffer without data in it", READ, answer(0, page), withoutSense("0", STATUS.GOOD)],
    [
      "WRITE SAME by the core, for another command",
      FLUSH,
      answer(0, () => 0, SCST_EXEC_REPLY_DO_WRITE_SAME),
      checkCondition("EINVAL", "4/44/00"),
    ],
  ])("%s", (_title, request, spoil, expected) => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send(request);
    const get = execOf(bench);
    const result = bench.program.reply(get, ({ execReply }) => spoil(execReply, bench.program));
    expect(endOf(result, sent)).toEqual(expected);
    expectStillAlive(bench, initiator);
  });

  test("data without a buffer, with more commands: TASK SET FULL", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(READ);
    bench.program.expectGet();
    const sent = initiator.send(READ);
    expect(bench.program.good(execOf(bench), 512, 0)).toBe(0);
    expect(sent.response?.status).toBe(STATUS.TASK_SET_FULL);
  });

  test("a buffer without data is not the core's: the next command brings its own", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(READ);
    bench.program.good(execOf(bench), 0, bench.program.allocate(4096).address);
    initiator.send(READ);
    const { pbuf, allocLen } = bench.program.expectGet().execCmd;
    expect([pbuf, allocLen]).toEqual([0, 4096]);
  });

  test.each([
    ["BUSY", STATUS.BUSY],
    ["RESERVATION CONFLICT", STATUS.RESERVATION_CONFLICT],
    ["TASK SET FULL", STATUS.TASK_SET_FULL],
    ["CONDITION MET", STATUS.CONDITION_MET],
  ])("%s goes as it is", (_name, status) => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send(FLUSH);
    bench.program.reply(bench.program.expectGet(), ({ execReply }) => {
      execReply.replyType = SCST_EXEC_REPLY_COMPLETED;
      execReply.status = status;
    });
    expect(sent.response).toMatchObject({ status, sense: "" });
  });
});

describe("in the background", () => {
  const background = (bench: Bench, get: GetCmdView, status = 0) =>
    bench.program.reply(get, ({ execReply }) => {
      execReply.replyType = SCST_EXEC_REPLY_BACKGROUND;
      execReply.status = status;
    });

  test("the initiator has GOOD at once; the last reply's status does not matter", () => {
    const [bench, initiator] = Bench.ready();
    const sent = initiator.send(FLUSH);
    const get = bench.program.expectGet();
    expect(background(bench, get)).toBe(0);
    expect(sent.response?.status).toBe(STATUS.GOOD);
    expect(bench.leftOver).toEqual({ commands: 0, userCommands: 1 });
    const last = bench.program.reply(get, ({ execReply }) => {
      execReply.replyType = SCST_EXEC_REPLY_COMPLETED;
      execReply.status = STATUS.BUSY;
    });
    expect(last).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("the subcode of the last reply does not matter either", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(FLUSH);
    const get = bench.program.expectGet();
    background(bench, get);
    expect(bench.program.good({ cmdH: get.cmdH, subcode: SCST_USER_ALLOC_MEM })).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("twice: EINVAL, and that was the last reply", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(FLUSH);
    const get = bench.program.expectGet();
    background(bench, get);
    expect(errnoOf(background(bench, get))).toBe("EINVAL");
    expect(errnoOf(bench.program.good(get))).toBe("ESRCH");
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a WRITE's buffer stays the handler's until its last reply", () => {
    const [bench, initiator] = Bench.ready();
    initiator.send(WRITE);
    const get = execOf(bench);
    background(bench, get);
    initiator.send(WRITE);
    expect(bench.program.expectGet().subcode).toBe(SCST_USER_ALLOC_MEM);
    bench.program.good(get);
    initiator.send(WRITE);
    const { subcode, execCmd } = bench.program.expectGet();
    expect([subcode, execCmd.pbuf]).toEqual([SCST_USER_EXEC, get.execCmd.pbuf]);
  });
});

/** The EXEC of the command that was sent last; ALLOC_MEM before it is answered. */
function execOf(bench: Bench): GetCmdView {
  for (;;) {
    const get = bench.program.expectGet();
    if (get.subcode === SCST_USER_EXEC) return get;
    bench.succeed(get);
  }
}

function setOptions(bench: Bench, change: Readonly<Record<string, number>>): void {
  const device = bench.program.device.device;
  if (device !== undefined) device.options = { ...device.options, ...change };
}
