/** ErrorRecoveryLevel 1: recovery within a connection. */
import { describe, expect, test } from "vitest";
import { RejectReason, SnackType } from "../../../src/protocol/iscsi/index.ts";
import { pattern, type ReceivedPdu, type TestInitiator, TestServer } from "./support/initiator.ts";
import { Transcript } from "./support/transcript.ts";

function open(
  keys: Readonly<Record<string, string>> = {},
  limits: ConstructorParameters<typeof TestServer>[0] = {},
): { server: TestServer; initiator: TestInitiator; transcript: Transcript } {
  const server = new TestServer(limits);
  const initiator = server.connect();
  initiator.logIn({ ErrorRecoveryLevel: "1", ...keys });
  initiator.send(initiator.command([0]));
  initiator.receive();
  initiator.expStatSn = 3;
  return { server, initiator, transcript: new Transcript(initiator) };
}

/** What a retransmission has to repeat: all but ExpCmdSN and MaxCmdSN. */
function essence({ header, data }: ReceivedPdu): string {
  const bytes = Buffer.from(header);
  bytes.fill(0, 28, 36);
  return Buffer.concat([bytes, data]).toString("hex");
}

const bytesKept = (server: TestServer) =>
  server.server.statistics.sessions[0]?.connections[0]?.bytesKept;

describe("SNACK", () => {
  test("Data: exact replicas of the run that is asked for", () => {
    const { initiator } = open({ MaxRecvDataSegmentLength: "512", MaxBurstLength: "1024" });
    initiator.send(initiator.read(0, 8, { initiatorTaskTag: 5 }));
    const first = initiator.receive();
    const snack = (begRun: number, runLength: number) => {
      initiator.send(
        initiator.snack(SnackType.dataOrR2t, { initiatorTaskTag: 5, begRun, runLength }),
      );
      return initiator.receive().map(essence);
    };
    const all = first.slice(0, 8).map(essence);
    expect(snack(3, 2)).toEqual(all.slice(3, 5));
    expect(snack(6, 0)).toEqual(all.slice(6));
    expect(snack(0, 0)).toEqual(all);
  });

  test("Status: all that is not acknowledged, or a run of it", () => {
    const { initiator } = open();
    initiator.send(initiator.command([0]), initiator.command([0xff]), initiator.nop({}));
    const answers = initiator.receive().map(essence);
    const snack = (begRun: number, runLength: number) => {
      initiator.send(initiator.snack(SnackType.status, { begRun, runLength }));
      return initiator.receive().map(essence);
    };
    expect(snack(0, 0)).toEqual(answers);
    expect(snack(4, 1)).toEqual(answers.slice(1, 2));
    expect(snack(4, 0)).toEqual(answers.slice(1));
    initiator.expStatSn = 5;
    expect(snack(0, 0)).toEqual(answers.slice(2));
  });

  test("R2T: the open one", () => {
    const { server, initiator, transcript } = open({ InitialR2T: "Yes", ImmediateData: "No" });
    const [r2t] = transcript.say(initiator.write(0, 2, { initiatorTaskTag: 5 }));
    transcript.say(initiator.snack(SnackType.dataOrR2t, { initiatorTaskTag: 5 }));
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    const values = { initiatorTaskTag: 5, targetTransferTag, final: true };
    transcript.say(initiator.dataOut(values, pattern(1024)));
    expect(server.disk.medium.subarray(0, 1024)).toEqual(pattern(1024));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=5 final write attribute=1 expected=1024 cmdSn=2 cdb=2a0000000000000002
      < R2T: itt=5 final ttt=65536 stat=3 exp=3 max=129 desired=1024
      > SNACK Request: itt=5 final ttt=none
      < R2T: itt=5 final ttt=65536 stat=3 exp=3 max=129 desired=1024
      > SCSI Data-Out: itt=5 final ttt=65536 +1024
      < Response: itt=5 final stat=3 exp=3 max=130 expDataSn=1
      "
    `);
  });

  test("DataACK: what is acknowledged is not there any more", () => {
    const { initiator } = open({ MaxRecvDataSegmentLength: "512", MaxBurstLength: "1024" });
    initiator.send(initiator.read(0, 6, { initiatorTaskTag: 5 }));
    const data = initiator.receive();
    expect(data.map(({ fields }) => fields["acknowledge"] ?? false)).toEqual([
      false,
      true,
      false,
      true,
      false,
      false,
      false,
    ]);
    const { targetTransferTag, lun } = data[1]?.fields ?? {};
    initiator.send(initiator.snack(SnackType.dataAck, { targetTransferTag, lun, begRun: 2 }));
    expect(initiator.receive()).toEqual([]);
    initiator.send(initiator.snack(SnackType.dataOrR2t, { initiatorTaskTag: 5, begRun: 1 }));
    expect(initiator.receive()[0]?.fields["reason"]).toBe(RejectReason.snackReject);
    initiator.send(initiator.snack(SnackType.dataAck, { targetTransferTag: 77, begRun: 2 }));
    expect(initiator.receive()[0]?.fields["reason"]).toBe(RejectReason.invalidDataAck);
  });

  test("R-Data: cut anew, and a status that carries its tag", () => {
    const { server, initiator, transcript } = open({ MaxRecvDataSegmentLength: "2048" });
    server.disk.medium.set(pattern(2048));
    initiator.send(initiator.read(0, 4, { initiatorTaskTag: 5 }));
    initiator.receive();
    initiator.send(initiator.text([["MaxRecvDataSegmentLength", "512"]]));
    initiator.receive();
    const values = { initiatorTaskTag: 5, targetTransferTag: 0x1234 };
    const pdus = transcript.say(initiator.snack(SnackType.resegmentedData, values));
    expect(Buffer.concat(pdus.map(({ data }) => data))).toEqual(Buffer.from(pattern(2048)));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SNACK Request: itt=5 final snackType=3 ttt=4660
      < SCSI Data-In: itt=5 ttt=none exp=4 max=131 +512
      < SCSI Data-In: itt=5 ttt=none exp=4 max=131 dataSn=1 offset=512 +512
      < SCSI Data-In: itt=5 ttt=none exp=4 max=131 dataSn=2 offset=1024 +512
      < SCSI Data-In: itt=5 final ttt=none exp=4 max=131 dataSn=3 offset=1536 +512
      < Response: itt=5 final snackTag=4660 stat=3 exp=4 max=131 expDataSn=4
      "
    `);
  });

  test.each([
    ["data of no task", SnackType.dataOrR2t, {}, RejectReason.snackReject],
    ["a status to come", SnackType.status, { begRun: 9, runLength: 1 }, RejectReason.snackReject],
    [
      "a status acknowledged",
      SnackType.status,
      { begRun: 2, runLength: 1 },
      RejectReason.snackReject,
    ],
    ["R-Data of no task", SnackType.resegmentedData, {}, RejectReason.snackReject],
    ["of a type that is none", 9, {}, RejectReason.invalidPduField],
  ])("for %s is rejected", (_what, type, values, reason) => {
    const { initiator } = open();
    initiator.send(initiator.snack(type, values));
    expect(initiator.receive().map(({ fields }) => fields["reason"])).toEqual([reason]);
    expect(initiator.transport.closed).toBe(false);
  });

  test("is rejected where ErrorRecoveryLevel is 0", () => {
    const { server, initiator } = open({ ErrorRecoveryLevel: "0" });
    initiator.send(initiator.read(0, 8));
    initiator.receive();
    expect(bytesKept(server)).toBe(0);
    initiator.send(initiator.snack(SnackType.status));
    expect(initiator.receive()[0]?.fields["reason"]).toBe(RejectReason.snackReject);
  });
});

describe("what is kept", () => {
  test("is freed by ExpStatSN", () => {
    const { server, initiator } = open();
    initiator.send(initiator.read(0, 8));
    initiator.receive();
    expect(bytesKept(server)).toBe(4096 + 48);
    initiator.send(initiator.read(0, 8));
    initiator.receive();
    expect(bytesKept(server)).toBe(2 * (4096 + 48));
    initiator.expStatSn = 4;
    initiator.send(initiator.nop({ initiatorTaskTag: 0xffff_ffff, immediate: true }));
    expect(bytesKept(server)).toBe(4096 + 48);
    expect(server.disk.bufferCount).toBe(0);
  });

  test("has a limit: the oldest data go first, then answers", () => {
    const { server, initiator } = open({}, { keptLengthMax: 10_000 });
    for (let i = 0; i < 4; i++) initiator.send(initiator.read(0, 8, { initiatorTaskTag: 50 + i }));
    initiator.receive();
    expect(bytesKept(server)).toBe(2 * 4096 + 4 * 48);
    initiator.send(initiator.snack(SnackType.dataOrR2t, { initiatorTaskTag: 50 }));
    expect(initiator.receive()[0]?.fields["reason"]).toBe(RejectReason.snackReject);
    initiator.send(initiator.snack(SnackType.status, { begRun: 3, runLength: 1 }));
    expect(initiator.receive()[0]?.fields["initiatorTaskTag"]).toBe(50);
    initiator.send(initiator.read(0, 100, { initiatorTaskTag: 60 }));
    const sent = initiator.receive();
    expect(Buffer.concat(sent.map(({ data }) => data))).toHaveLength(51_200);
    expect(bytesKept(server)).toBeLessThanOrEqual(10_000);
    for (let i = 0; i < 300; i++) initiator.send(initiator.command([0]));
    expect(bytesKept(server)).toBeLessThanOrEqual(10_000);
    expect(server.disk.bufferCount).toBe(0);
  });
});

/** Damages the last byte of a PDU's data. */
function damaged(pdu: Uint8Array): Uint8Array {
  const copy = Buffer.from(pdu);
  copy.writeUInt8(copy.readUInt8(copy.length - 5) ^ 1, copy.length - 5);
  return copy;
}

describe("a wrong data digest", () => {
  const DIGEST = { DataDigest: "CRC32C" };

  test("of a command with immediate data: it was not received, and is sent again", () => {
    const { server, initiator, transcript } = open(DIGEST);
    const pdu = initiator.write(0, 1, { initiatorTaskTag: 5 }, pattern(512));
    transcript.say(damaged(pdu));
    transcript.say(initiator.command([0]));
    transcript.say(pdu);
    expect(server.disk.medium.subarray(0, 512)).toEqual(pattern(512));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=5 final write attribute=1 expected=512 cmdSn=2 cdb=2a0000000000000001 +512
      < Reject: itt=none final reason=2 stat=3 exp=2 max=129 +48
      > SCSI Command: itt=3 final attribute=1 cmdSn=3
      > SCSI Command: itt=5 final write attribute=1 expected=512 cmdSn=2 cdb=2a0000000000000001 +512
      < Response: itt=5 final stat=4 exp=3 max=130
      < Response: itt=3 final stat=5 exp=4 max=131
      "
    `);
  });

  test("of a ping: the same", () => {
    const { initiator } = open(DIGEST);
    const ping = initiator.nop({}, pattern(64));
    initiator.send(damaged(ping));
    expect(initiator.receive()[0]?.fields["reason"]).toBe(RejectReason.dataDigestError);
    initiator.send(ping);
    expect(initiator.receive()[0]).toMatchObject({
      name: "NOP-In",
      data: Buffer.from(pattern(64)),
    });
  });

  test("of a solicited Data-Out: a recovery R2T for what is missing", () => {
    const { server, initiator, transcript } = open({
      ...DIGEST,
      InitialR2T: "Yes",
      ImmediateData: "No",
    });
    const data = pattern(2048);
    const [r2t] = transcript.say(initiator.write(0, 4, { initiatorTaskTag: 5 }));
    const part = (dataSn: number, bufferOffset: number, length: number, ttt: unknown) => {
      const final = bufferOffset + length === 2048;
      const values = { initiatorTaskTag: 5, targetTransferTag: ttt, dataSn, bufferOffset, final };
      return initiator.dataOut(values, data.subarray(bufferOffset, bufferOffset + length));
    };
    const first = r2t?.fields["targetTransferTag"];
    transcript.say(part(0, 0, 512, first), damaged(part(1, 512, 512, first)));
    const [again] = transcript.say(part(2, 1024, 1024, first));
    const second = again?.fields["targetTransferTag"];
    // The one before is no longer of interest.
    transcript.say(part(2, 1024, 1024, first));
    transcript.say(part(0, 512, 1536, second));
    expect(server.disk.medium.subarray(0, 2048)).toEqual(data);
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=5 final write attribute=1 expected=2048 cmdSn=2 cdb=2a0000000000000004
      < R2T: itt=5 final ttt=65536 stat=3 exp=3 max=129 desired=2048
      > SCSI Data-Out: itt=5 ttt=65536 +512
      > SCSI Data-Out: itt=5 ttt=65536 dataSn=1 offset=512 +512
      < Reject: itt=none final reason=2 stat=3 exp=3 max=129 +48
      > SCSI Data-Out: itt=5 final ttt=65536 dataSn=2 offset=1024 +1024
      < R2T: itt=5 final ttt=65537 stat=4 exp=3 max=129 r2tSn=1 offset=512 desired=1536
      > SCSI Data-Out: itt=5 final ttt=65536 dataSn=2 offset=1024 +1024
      > SCSI Data-Out: itt=5 final ttt=65537 offset=512 +1536
      < Response: itt=5 final stat=4 exp=3 max=130 expDataSn=2
      "
    `);
  });

  test("of an unsolicited Data-Out: the rest is asked for", () => {
    const { server, initiator } = open({ ...DIGEST, InitialR2T: "No" });
    const data = pattern(2048);
    const unsolicited = { initiatorTaskTag: 5, bufferOffset: 512, final: true };
    initiator.send(
      initiator.write(0, 4, { initiatorTaskTag: 5, final: false }, data.subarray(0, 512)),
      damaged(initiator.dataOut(unsolicited, data.subarray(512))),
    );
    const [reject, r2t] = initiator.receive();
    expect(reject?.name).toBe("Reject");
    expect(r2t?.fields).toMatchObject({ bufferOffset: 512, desiredDataTransferLength: 1536 });
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    initiator.send(initiator.dataOut({ ...unsolicited, targetTransferTag }, data.subarray(512)));
    expect(initiator.receive()[0]?.fields).toMatchObject({ status: 0 });
    expect(server.disk.medium.subarray(0, 2048)).toEqual(data);
  });

  test("again and again: the command fails in the end", () => {
    const { initiator } = open({ ...DIGEST, InitialR2T: "Yes" }, { dataRecoveryCountMax: 3 });
    initiator.send(initiator.write(0, 1, { initiatorTaskTag: 5 }));
    for (let count = 0; count < 4; count++) {
      const r2t = initiator.receive().at(-1);
      expect(r2t?.name).toBe("Ready To Transfer");
      const targetTransferTag = r2t?.fields["targetTransferTag"];
      const values = { initiatorTaskTag: 5, targetTransferTag, final: true };
      initiator.send(damaged(initiator.dataOut(values, pattern(512))));
    }
    expect(initiator.receive().map(({ name, fields }) => [name, fields["status"]])).toEqual([
      ["Reject", undefined],
      ["SCSI Response", 2],
    ]);
  });
});

test("data-out that stand still are asked for again", () => {
  const { server, initiator } = open({ InitialR2T: "Yes" }, { sequenceTimeMsMax: 1000 });
  initiator.send(initiator.write(0, 2, { initiatorTaskTag: 5 }));
  const [r2t] = initiator.receive();
  server.advance(1000);
  expect(initiator.receive()).toEqual([]);
  server.advance(1000);
  const [again] = initiator.receive();
  expect(again?.fields).toMatchObject({
    r2tSn: 1,
    bufferOffset: 0,
    desiredDataTransferLength: 1024,
  });
  const values = { initiatorTaskTag: 5, final: true };
  const old = r2t?.fields["targetTransferTag"];
  const now = again?.fields["targetTransferTag"];
  initiator.send(initiator.dataOut({ ...values, targetTransferTag: old }, pattern(1024, 9)));
  expect(initiator.receive()).toEqual([]);
  initiator.send(initiator.dataOut({ ...values, targetTransferTag: now }, pattern(1024)));
  expect(initiator.receive()[0]?.fields).toMatchObject({ status: 0, expDataSn: 2 });
  expect(server.disk.medium.subarray(0, 1024)).toEqual(pattern(1024));
});

test("a wrong header digest ends the connection at every level: no length can be trusted", () => {
  const { initiator } = open({ HeaderDigest: "CRC32C" });
  const pdu = Buffer.from(initiator.command([0]));
  pdu.writeUInt8(1, 40);
  initiator.send(pdu);
  expect(initiator.transport.closed).toBe(true);
});
