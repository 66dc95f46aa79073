/** EXT_COPY_REMAP, byte for byte: what goes to a program, and what it may answer. */
import { describe, expect, test } from "vitest";

import {
  SCST_USER_EXEC,
  SCST_USER_EXT_COPY_REMAP,
  ScstUserExtCopyDataDescr,
} from "../../../src/protocol/scst/index.ts";
import { Bench, errnoOf, NOTHING_LEFT, type Sent } from "../../support/bench.ts";
import { copy, deviceIdentification } from "../../support/copy-disks.ts";
import type { GetCmdView, ReplyCmdView } from "../../support/raw-program.ts";

type Fill = (reply: ReplyCmdView["remapReply"], bench: Bench) => void;

const SEGMENT = { blocks: 8, source: 3, destination: 100 };

/** A copy of one segment that has come to the program. */
function atTheProgram(): { bench: Bench; sent: Sent; remap: GetCmdView } {
  const [bench, initiator] = Bench.ready({ opt: { extCopyRemapSupported: 1 } });
  const request = copy({ segments: [SEGMENT] });
  const sent = initiator.send({ ...request, cdb: request.cdb });
  return { bench, sent, remap: toRemap(bench) };
}

/** Serves what comes before: the buffer of the list, and the INQUIRY for the designators. */
function toRemap(bench: Bench): GetCmdView {
  for (;;) {
    const get = bench.program.expectGet();
    if (get.subcode === SCST_USER_EXT_COPY_REMAP) return get;
    if (get.subcode === SCST_USER_EXEC) {
      const page = deviceIdentification(1);
      const { pbuf, allocLen } = get.execCmd;
      const block =
        pbuf === 0
          ? bench.program.allocate(allocLen)
          : { address: pbuf, bytes: bench.program.arena.blockAt(pbuf)!.bytes };
      block.bytes.set(page);
      bench.program.good(get, page.length, block.address);
    } else {
      bench.succeed(get);
    }
  }
}

/** A list of {source, destination, bytes}. */
function list(...extents: readonly (readonly [number, number, number])[]): Fill {
  return (reply, bench) => {
    const bytes = new Uint8Array(extents.length * ScstUserExtCopyDataDescr.size);
    for (const [i, [srcLba, dstLba, dataLen]] of extents.entries()) {
      const view = ScstUserExtCopyDataDescr.view(bytes, i * ScstUserExtCopyDataDescr.size);
      Object.assign(view, { srcLba, dstLba, dataLen });
    }
    reply.remapDescriptors = bench.program.put(bytes);
    reply.remapDescriptorsLen = bytes.length;
  };
}

test("the request", () => {
  const { remap } = atTheProgram();
  const { remapCmd } = remap;
  expect(remapCmd.dataDescr.srcLba).toBe(3);
  expect(remapCmd.dataDescr.dstLba).toBe(100);
  expect(remapCmd.dataDescr.dataLen).toBe(8 * 512);
  expect(remapCmd.sessH).toBe(remapCmd.srcSessH);
  expect(remapCmd.sessH).toBe(remapCmd.dstSessH);
  expect(remapCmd.sessH).not.toBe(0n);
});

describe("replies", () => {
  const nothing: Fill = () => undefined;
  const rows: readonly [string, Fill, string, string][] = [
    ["nothing left", nothing, "0", "GOOD"],
    [
      "unreadable list",
      (r) => Object.assign(r, { remapDescriptors: 8, remapDescriptorsLen: 24 }),
      "EFAULT",
      "4/44/00",
    ],
    [
      "over a page",
      (r) => Object.assign(r, { remapDescriptors: 8, remapDescriptorsLen: 4104 }),
      "EOVERFLOW",
      "4/44/00",
    ],
    [
      "half a record",
      (r, b) =>
        Object.assign(r, {
          remapDescriptors: b.program.put(new Uint8Array(36)),
          remapDescriptorsLen: 36,
        }),
      "EINVAL",
      "4/44/00",
    ],
    ["a record of zero bytes", list([3, 100, 512], [4, 101, 0]), "EINVAL", "4/44/00"],
    ["a negative length", list([3, 100, 4096], [4, 101, -512]), "EINVAL", "4/44/00"],
    ["more than the segment", list([3, 100, 4096], [3, 100, 512]), "EINVAL", "4/44/00"],
    ["a part of a block", list([3, 100, 100]), "EINVAL", "4/44/00"],
    ["a status", (r) => Object.assign(r, { status: 8 }), "0", "status 8"],
    [
      "sense",
      (r, b) =>
        Object.assign(r, {
          status: 2,
          senseLen: 18,
          psenseBuffer: b.program.put(
            Uint8Array.of(0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 0),
          ),
        }),
      "0",
      "3/0C/00",
    ],
    [
      "unreadable sense",
      (r) => Object.assign(r, { status: 2, senseLen: 18, psenseBuffer: 8 }),
      "EFAULT",
      "4/44/00",
    ],
  ];

  test.each(rows)("%s", (_what, fill, errno, outcome) => {
    const { bench, sent, remap } = atTheProgram();
    const result = bench.program.reply(remap, ({ remapReply }) => fill(remapReply, bench));
    expect(errnoOf(result)).toBe(errno);
    bench.serve();
    const { status, sense } = sent.response!;
    expect(status === 0 ? "GOOD" : sense === "" ? `status ${status}` : sense).toBe(outcome);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("what is left is copied", () => {
    const { bench, sent, remap } = atTheProgram();
    const fill = list([5, 102, 512]);
    bench.program.reply(remap, ({ remapReply }) => fill(remapReply, bench));
    expect(bench.serve().filter((name) => name === "EXEC")).toHaveLength(2);
    expect(sent.response?.status).toBe(0);
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("one with another subcode ends the command as any other", () => {
    const { bench, sent, remap } = atTheProgram();
    const wrong = { cmdH: remap.cmdH, subcode: SCST_USER_EXEC };
    expect(errnoOf(bench.program.good(wrong))).toBe("EINVAL");
    expect(sent.response?.sense).toBe("5/25/00");
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });

  test("a second one comes too late", () => {
    const { bench, remap } = atTheProgram();
    const fill = list([5, 102, 512]);
    bench.program.reply(remap, ({ remapReply }) => fill(remapReply, bench));
    expect(errnoOf(bench.program.reply(remap, () => undefined))).toBe("EINVAL");
    bench.serve();
    expect(bench.leftOver).toEqual(NOTHING_LEFT);
  });
});

describe("a program that dies", () => {
  test("with the segment does not have it count as done", () => {
    const { bench, sent } = atTheProgram();
    bench.program.device.close();
    expect(sent.response?.sense).toBe("5/25/00");
  });

  test("before it has seen the segment has the initiator try again", () => {
    const [bench, initiator] = Bench.ready({ opt: { extCopyRemapSupported: 1 } });
    const first = initiator.send(copy({ segments: [SEGMENT] }));
    bench.program.reply(toRemap(bench), () => undefined);
    bench.serve();
    expect(first.response?.status).toBe(0);
    // Its designators are known, and its buffer is in the pool: the segment is what comes first.
    const second = initiator.send(copy({ segments: [SEGMENT] }));
    bench.program.device.close();
    expect(second.response?.status).toBe(8);
  });
});
