/** The rarer subcommands and calls, byte by byte, over a device that a test drives. */
import { describe, expect, test } from "vitest";
import { ERRNO } from "../../../src/protocol/errno.ts";
import { SENSE } from "../../../src/protocol/scsi/index.ts";
import {
  SCST_EXEC_REPLY_BACKGROUND,
  SCST_EXEC_REPLY_COMPLETED,
  SCST_EXEC_REPLY_DO_WRITE_SAME,
  SCST_USER_ALLOC_MEM,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXT_COPY_REMAP,
  SCST_USER_GET_EXTENDED_CDB,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_PARSE,
  SCST_USER_REGISTER_DEVICE,
  SCST_USER_TASK_MGMT_DONE,
  ScstUserDevDesc,
  ScstUserExtCopyDataDescr,
  ScstUserGetExtCdb,
} from "../../../src/protocol/scst/index.ts";
import {
  checkCondition,
  type CopyExtent,
  type CopySegment,
  doWriteSame,
  good,
  registerDevice,
} from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import { handlerOf } from "../../support/device.ts";
import { FakeScstUser } from "../../support/fake-scst-user.ts";
import { toHex } from "../../support/hex.ts";
import { exec, handles, message, read, registered, SESSION } from "../../support/kernel-device.ts";

describe("a CDB of more than 16 bytes", () => {
  const long = (cmdH: number) => exec(cmdH, (execCmd) => (execCmd.cdbLen = 20));

  test("GET_EXTENDED_CDB gives the rest", async () => {
    const cdbs: string[] = [];
    const { fake } = await registered({
      exec: ({ cdb, cdbLength }) => {
        cdbs.push(toHex(cdb.subarray(0, cdbLength)));
        return good;
      },
    });
    fake.answer = (request, argument) => {
      if (request !== SCST_USER_GET_EXTENDED_CDB) return undefined;
      const { cmdH, extCdbBuffer } = ScstUserGetExtCdb.view(
        fake.bytesAt(argument, ScstUserGetExtCdb.size),
      );
      fake.bytesAt(extCdbBuffer, 4).set([cmdH, 0xbb, 0xcc, 0xdd]);
      return 0;
    };
    fake.post(long(7));
    expect(cdbs).toEqual([`${"00".repeat(16)}07bbccdd`]);
  });

  test("that the kernel does not give is the handler's failure", async () => {
    const { fake, reports } = await registered();
    fake.answer = (request) => (request === SCST_USER_GET_EXTENDED_CDB ? -ERRNO.ESRCH : undefined);
    fake.post(long(7));
    expect([handles(fake), senseText(fake.taken[0]!.sense)]).toEqual([[7], "4/44/00"]);
    expect(reports).toEqual(["HANDLER: the handler failed"]);
  });
});

describe("an outcome that has the core write", () => {
  async function writeSame(outcome: ReturnType<typeof doWriteSame>) {
    const { fake } = await registered({ exec: () => outcome });
    let list = "";
    fake.onTaken = ({ reply: { execReply } }) => {
      const { wsDescriptors, wsDescriptorsLen } = execReply;
      if (wsDescriptorsLen > 0) list = toHex(fake.bytesAt(wsDescriptors, wsDescriptorsLen));
    };
    fake.post(exec(2));
    const { replyType, status } = fake.taken[0]!.reply.execReply;
    return { type: replyType, status, list };
  }

  test("the CDB's range: no list", async () => {
    const expected = { type: SCST_EXEC_REPLY_DO_WRITE_SAME, status: 0, list: "" };
    expect(await writeSame(doWriteSame())).toEqual(expected);
  });

  test("ranges: 16 bytes each, and a zero record at the end", async () => {
    const { list } = await writeSame(
      doWriteSame([
        { lba: 0x10, blocks: 2 },
        { lba: 0x1_0000_0000, blocks: 3 },
      ]),
    );
    expect(list.match(/.{32}/g)).toEqual([
      "10000000000000000200000000000000",
      "00000000010000000300000000000000",
      "00".repeat(16),
    ]);
  });
});

describe("EXT_COPY_REMAP", () => {
  const SEGMENT = { srcLba: 100, dstLba: 900, dataLen: 8192 };
  const remap = (cmdH: number) =>
    message(cmdH, SCST_USER_EXT_COPY_REMAP, ({ remapCmd }) => {
      remapCmd.sessH = SESSION;
      remapCmd.srcSessH = SESSION;
      remapCmd.dstSessH = 0x9999n;
      Object.assign(remapCmd.dataDescr, SEGMENT);
    });

  async function answer(extendedCopyRemap: () => readonly CopyExtent[]) {
    const { fake } = await registered({ extendedCopyRemap });
    let list: Uint8Array = new Uint8Array(0);
    fake.onTaken = ({ reply: { remapReply } }) => {
      const { remapDescriptors, remapDescriptorsLen } = remapReply;
      if (remapDescriptorsLen > 0)
        list = fake.bytesAt(remapDescriptors, remapDescriptorsLen).slice();
    };
    fake.post(remap(5));
    return { reply: fake.taken[0]!.reply.remapReply, list };
  }

  test("says who copies what: a session that is not this device's is unknown", async () => {
    const segments: CopySegment[] = [];
    const { fake } = await registered({
      extendedCopyRemap: (segment) => {
        segments.push(segment);
        return [];
      },
    });
    fake.post(remap(5));
    expect(segments).toMatchObject([
      {
        session: { handle: SESSION },
        source: { handle: SESSION },
        destination: undefined,
        sourceLba: 100,
        destinationLba: 900,
        lengthBytes: 8192,
      },
    ]);
  });

  test("all done: an empty list", async () => {
    const { reply } = await answer(() => []);
    expect([reply.status, reply.remapDescriptors, reply.remapDescriptorsLen]).toEqual([0, 0, 0]);
  });

  test("what is left: 24 bytes each", async () => {
    const { reply, list } = await answer(() => [
      { sourceLba: 100, destinationLba: 900, lengthBytes: 512 },
      { sourceLba: 108, destinationLba: 908, lengthBytes: 1024 },
    ]);
    expect([reply.status, list.length]).toEqual([0, 2 * ScstUserExtCopyDataDescr.size]);
    const second = ScstUserExtCopyDataDescr.view(list, ScstUserExtCopyDataDescr.size);
    expect([second.srcLba, second.dstLba, second.dataLen]).toEqual([108, 908, 1024]);
  });

  test("refused: status and sense", async () => {
    const { fake } = await registered({
      extendedCopyRemap: () => checkCondition(SENSE.INVALID_FIELD_IN_CDB),
    });
    fake.onTaken = ({ reply: { remapReply } }) => {
      const sense = fake.bytesAt(remapReply.psenseBuffer, remapReply.senseLen);
      expect([remapReply.status, senseText(sense)]).toEqual([2, "5/24/00"]);
    };
    fake.post(remap(5));
    expect(handles(fake)).toEqual([5]);
  });
});

describe("buffers", () => {
  const allocate = (cmdH: number, length: number) =>
    message(cmdH, SCST_USER_ALLOC_MEM, ({ allocCmd }) => {
      allocCmd.sessH = SESSION;
      allocCmd.allocLen = length;
    });

  test("ALLOC_MEM gets one, ON_CACHED_MEM_FREE gives it back for the next", async () => {
    const { fake } = await registered();
    fake.post(allocate(2, 8192));
    const { pbuf } = fake.taken[0]!.reply.allocReply;
    fake.post(
      message(3, SCST_USER_ON_CACHED_MEM_FREE, (view) => (view.onCachedMemFree.pbuf = pbuf)),
      allocate(4, 8192),
    );
    expect(handles(fake)).toEqual([2, 3, 4]);
    expect(fake.taken[1]!.reply.result).toBe(0);
    expect(fake.taken[2]!.reply.allocReply.pbuf).toBe(pbuf);
  });

  test("an address that was never given is told, and answered", async () => {
    const { fake, reports } = await registered();
    const free = message(3, SCST_USER_ON_CACHED_MEM_FREE, (view) => {
      view.onCachedMemFree.pbuf = 0x7f00_0000_1000;
    });
    fake.post(free, exec(4));
    expect([handles(fake), reports]).toEqual([[3, 4], ["LOOP: answering a subcommand failed"]]);
  });
});

describe("what can't be dealt with is answered all the same", () => {
  test("PARSE of a session that is not there: CHECK CONDITION", async () => {
    const { fake } = await registered();
    const parse = message(2, SCST_USER_PARSE, ({ parseCmd }) => (parseCmd.sessH = 0x9999n));
    fake.onTaken = ({ reply: { parseReply } }) => {
      const sense = fake.bytesAt(parseReply.psenseBuffer, parseReply.senseLen);
      expect([parseReply.status, senseText(sense)]).toEqual([2, "4/44/00"]);
    };
    fake.post(parse);
    expect(handles(fake)).toEqual([2]);
  });

  test("DETACH_SESS and TASK_MGMT_DONE of one: done", async () => {
    const { fake, reports } = await registered();
    fake.post(
      message(2, SCST_USER_DETACH_SESS, ({ sess }) => (sess.sessH = 0x9999n)),
      message(3, SCST_USER_TASK_MGMT_DONE, ({ tmCmd }) => (tmCmd.sessH = 0x9999n)),
    );
    expect(fake.taken.map(({ reply }) => [reply.cmdH, reply.result])).toEqual([
      [2, 0],
      [3, 0],
    ]);
    expect(reports).toEqual([]);
  });

  test("a subcommand that nobody knows is told, and those after it go on", async () => {
    const { fake, reports } = await registered();
    fake.post(
      message(2, 0x7399, () => undefined),
      exec(3),
    );
    expect(handles(fake)).toEqual([3]);
    expect(reports).toEqual(["SUBCODE: the core sent the unknown subcommand 0x7399"]);
  });
});

test("a command that is answered in the background gets two replies", async () => {
  let finish: (outcome: typeof good) => void = () => undefined;
  const { fake } = await registered({
    exec: (command) => {
      command.answerInBackground();
      command.answerInBackground();
      return new Promise((resolve) => (finish = resolve));
    },
  });
  fake.post(exec(2));
  finish(good);
  await new Promise((resolve) => setImmediate(resolve));
  expect(fake.taken.map(({ reply }) => [reply.cmdH, reply.execReply.replyType])).toEqual([
    [2, SCST_EXEC_REPLY_BACKGROUND],
    [2, SCST_EXEC_REPLY_COMPLETED],
  ]);
});

test("a full batch of replies goes before the next is written", async () => {
  const waiting: ((outcome: typeof good) => void)[] = [];
  const { fake } = await registered({
    exec: () => new Promise((resolve) => waiting.push(resolve)),
  });
  const COUNT = 200;
  for (let cmdH = 2; cmdH < 2 + COUNT; cmdH++) fake.post(read(cmdH));
  for (const resolve of waiting) resolve(good);
  await new Promise((resolve) => setImmediate(resolve));
  expect(handles(fake)).toEqual(Array.from({ length: COUNT }, (_, i) => i + 2));
});

test("persistent reservation commands are wished for when the device is registered", async () => {
  const wished = async (persistentReserveNotifications: boolean) => {
    const fake = new FakeScstUser();
    let flag = -1;
    fake.answer = (request, argument) => {
      if (request !== SCST_USER_REGISTER_DEVICE) return undefined;
      const bytes = fake.bytesAt(argument, ScstUserDevDesc.size);
      flag = ScstUserDevDesc.view(bytes).enablePrCmdsNotifications;
      return 0;
    };
    const handler = handlerOf({ options: { persistentReserveNotifications } });
    await registerDevice(fake.channel(), "disk1", handler);
    return flag;
  };
  expect([await wished(true), await wished(false)]).toEqual([1, 0]);
});
