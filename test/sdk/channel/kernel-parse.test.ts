/** PARSE as the kernel sends it: with what stands in the CDB, before its own parse has seen it. */
import { describe, expect, test } from "vitest";
import {
  SCST_DATA_NONE,
  SCST_DATA_WRITE,
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_UNKNOWN_LENGTH,
  SCST_USER_PARSE,
} from "../../../src/protocol/scst/index.ts";
import { good } from "../../../src/sdk/index.ts";
import { senseText } from "../../support/bench.ts";
import type { FakeScstUser } from "../../support/fake-scst-user.ts";
import { message, registered, SESSION } from "../../support/kernel-device.ts";

interface ParseFields {
  readonly opcode?: number;
  readonly bufflen?: number;
  readonly dataLen?: number;
  readonly opFlags?: number;
  readonly expected?: number;
}

/** A PARSE whose lengths count blocks, as the kernel gives those of the CDB. */
const parse = (
  cmdH: number,
  {
    opcode = 0x2a,
    bufflen = 8,
    dataLen = bufflen,
    opFlags = SCST_TRANSFER_LEN_TYPE_FIXED,
    expected,
  }: ParseFields,
) =>
  message(cmdH, SCST_USER_PARSE, ({ parseCmd }) => {
    parseCmd.sessH = SESSION;
    parseCmd.cdb[0] = opcode;
    parseCmd.cdbLen = 16;
    parseCmd.dataDirection = SCST_DATA_WRITE;
    parseCmd.bufflen = bufflen;
    parseCmd.dataLen = dataLen;
    parseCmd.opFlags = opFlags;
    parseCmd.expectedValuesSet = expected === undefined ? 0 : 1;
    parseCmd.expectedTransferLen = expected ?? 0;
  });

const parsedLengths = (fake: FakeScstUser) =>
  fake.taken.map(({ reply: { parseReply } }) => [
    parseReply.dataDirection,
    parseReply.bufflen,
    parseReply.dataLen,
  ]);

describe("a PARSE that counts blocks", () => {
  const called = { options: { parse: "call" }, parse: () => good } as const;

  test.each([
    [512, {}, [SCST_DATA_WRITE, 4096, 4096]],
    [4096, {}, [SCST_DATA_WRITE, 32768, 32768]],
    // WRITE SAME: one block is sent, many are written.
    [512, { bufflen: 1, dataLen: 0xffff_ffff }, [SCST_DATA_WRITE, 512, 0xffff_ffff * 512]],
    // MODE SELECT: bytes.
    [512, { opFlags: 0, bufflen: 24 }, [SCST_DATA_WRITE, 24, 24]],
    // Blocks of a length that the handler alone knows.
    [0, {}, [SCST_DATA_WRITE, 8, 8]],
    [512, { bufflen: 0 }, [SCST_DATA_NONE, 0, 0]],
    [512, { opFlags: SCST_UNKNOWN_LENGTH, bufflen: 0 }, [SCST_DATA_NONE, 0, 0]],
    [512, { opFlags: SCST_UNKNOWN_LENGTH, bufflen: 0, expected: 40 }, [SCST_DATA_WRITE, 40, 40]],
  ] as const)("of %i bytes: %o", async (blockSize, fields, expected) => {
    const { fake } = await registered({ ...called, blockSize, type: blockSize === 0 ? 1 : 0 });
    fake.post(parse(2, fields));
    expect(parsedLengths(fake)).toEqual([expected]);
  });

  test("the handler is told bytes", async () => {
    const seen: number[] = [];
    const { fake } = await registered({
      ...called,
      parse: ({ bufferLength, dataLength }) => (seen.push(bufferLength, dataLength), good),
    });
    fake.post(parse(2, {}));
    expect(seen).toEqual([4096, 4096]);
  });

  test("more than a buffer can have: LOGICAL BLOCK ADDRESS OUT OF RANGE, as by SCST's own parse", async () => {
    const { fake } = await registered(called);
    fake.post(parse(2, { bufflen: 0x40_0000 }), parse(3, { bufflen: 0x3f_ffff }));
    const [refused, taken] = fake.taken;
    expect([refused!.reply.parseReply.status, senseText(refused!.sense)]).toEqual([2, "5/21/00"]);
    expect([taken!.reply.parseReply.status, taken!.reply.parseReply.bufflen]).toEqual([
      0, 0x7fff_fe00,
    ]);
  });

  test("the lengths of a COMPARE AND WRITE stay those that the kernel proposed", async () => {
    const { fake } = await registered({
      options: { parse: "call" },
      parse: (command) => {
        command.bufferLength = 512;
        command.dataLength = 512;
        return good;
      },
    });
    const compareAndWrite = parse(2, { opcode: 0x89, bufflen: 2, dataLen: 1 });
    fake.post(compareAndWrite, parse(3, { opcode: 0x8a, bufflen: 2 }));
    expect(parsedLengths(fake)).toEqual([
      [SCST_DATA_WRITE, 1024, 512],
      [SCST_DATA_WRITE, 512, 512],
    ]);
  });
});
