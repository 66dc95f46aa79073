import { describe, expect, test } from "vitest";
import { pattern } from "./support/initiator.ts";
import { openSession } from "./support/session.ts";

describe("data-in", () => {
  test("one PDU with the status in it", () => {
    const { server, initiator, transcript } = openSession();
    server.disk.medium.set(pattern(4096), 512);
    const [data] = transcript.say(initiator.read(1, 8));
    expect(data?.data).toEqual(Buffer.from(pattern(4096)));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=2 final read attribute=1 expected=4096 cmdSn=2 cdb=280000000001000008
      < SCSI Data-In: itt=2 final status ttt=none stat=3 exp=3 max=130 +4096
      "
    `);
  });

  test("PDUs of MaxRecvDataSegmentLength, F at each MaxBurstLength", () => {
    const { server, initiator, transcript } = openSession({
      MaxRecvDataSegmentLength: "1024",
      MaxBurstLength: "2048",
    });
    server.disk.medium.set(pattern(5120));
    const pdus = transcript.say(initiator.read(0, 10));
    expect(Buffer.concat(pdus.map(({ data }) => data))).toEqual(Buffer.from(pattern(5120)));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=2 final read attribute=1 expected=5120 cmdSn=2 cdb=28000000000000000a
      < SCSI Data-In: itt=2 ttt=none exp=3 max=130 +1024
      < SCSI Data-In: itt=2 final ttt=none exp=3 max=130 dataSn=1 offset=1024 +1024
      < SCSI Data-In: itt=2 ttt=none exp=3 max=130 dataSn=2 offset=2048 +1024
      < SCSI Data-In: itt=2 final ttt=none exp=3 max=130 dataSn=3 offset=3072 +1024
      < SCSI Data-In: itt=2 final status ttt=none stat=3 exp=3 max=130 dataSn=4 offset=4096 +1024
      "
    `);
  });

  test("answers to 32 reads in one chunk leave in two halves", () => {
    const { initiator } = openSession();
    const before = initiator.transport.writeCount;
    initiator.send(...Array.from({ length: 32 }, (_, i) => initiator.read(i * 8, 8)));
    expect(initiator.receive()).toHaveLength(32);
    expect(initiator.transport.writeCount - before).toBe(2);
  });

  test("a long payload is lent until the socket has let go of it", () => {
    const { server, initiator } = openSession({ MaxRecvDataSegmentLength: "262144" });
    initiator.transport.holdWrites = true;
    initiator.send(initiator.read(0, 256));
    expect(initiator.receive()).toHaveLength(1);
    expect(server.disk.bufferCount).toBe(1);
    initiator.transport.land();
    expect(server.disk.bufferCount).toBe(0);
  });
});

describe("residuals", () => {
  test.each([
    ["read, more expected", "read", 8, 4, { underflow: true, residualCount: 2048 }],
    ["read, less expected", "read", 4, 8, { overflow: true, residualCount: 2048 }],
    ["write, more expected", "write", 8, 4, { underflow: true, residualCount: 2048 }],
    ["write, less expected", "write", 4, 8, { overflow: true, residualCount: 2048 }],
  ] as const)("%s", (_what, direction, expectedBlocks, blocks, expected) => {
    const { server, initiator } = openSession();
    const expectedDataTransferLength = expectedBlocks * 512;
    const data = direction === "write" ? pattern(expectedDataTransferLength) : undefined;
    initiator.send(
      direction === "write"
        ? initiator.write(0, blocks, { expectedDataTransferLength }, data)
        : initiator.read(0, blocks, { expectedDataTransferLength }),
    );
    const [pdu] = initiator.receive();
    expect(pdu?.fields).toMatchObject({ status: 0, ...expected });
    const length = Math.min(expectedBlocks, blocks) * 512;
    if (data !== undefined) {
      expect(server.disk.medium.subarray(0, length)).toEqual(data.subarray(0, length));
    } else {
      expect(pdu?.data).toHaveLength(length);
    }
  });

  test("a failed read: all of it", () => {
    const { initiator, transcript } = openSession();
    transcript.say(initiator.read(16_384, 1));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=2 final read attribute=1 expected=512 cmdSn=2 cdb=280000004000000001
      < Response: itt=2 final underflow status=2 stat=3 exp=3 max=130 residual=512 +20
      "
    `);
  });
});
