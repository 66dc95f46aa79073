import { describe, expect, test, vi } from "vitest";
import { Command } from "../../../src/core/command.ts";
import { pattern } from "./support/initiator.ts";
import { openSession, R2T_KEYS } from "./support/session.ts";

describe("data-out", () => {
  test("immediate data", () => {
    const { server, initiator, transcript } = openSession();
    transcript.say(initiator.write(2, 4, {}, pattern(2048)));
    expect(server.disk.medium.subarray(1024, 3072)).toEqual(pattern(2048));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=2 final write attribute=1 expected=2048 cmdSn=2 cdb=2a0000000002000004 +2048
      < Response: itt=2 final stat=3 exp=3 max=130
      "
    `);
  });

  test("immediate and unsolicited data", () => {
    const { server, initiator, transcript } = openSession({ InitialR2T: "No" });
    const data = pattern(3072);
    transcript.say(
      initiator.write(0, 6, { final: false, initiatorTaskTag: 9 }, data.subarray(0, 1024)),
      initiator.dataOut({ initiatorTaskTag: 9, bufferOffset: 1024 }, data.subarray(1024, 2048)),
      initiator.dataOut(
        { initiatorTaskTag: 9, bufferOffset: 2048, dataSn: 1, final: true },
        data.subarray(2048),
      ),
    );
    expect(server.disk.medium.subarray(0, 3072)).toEqual(data);
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=9 write attribute=1 expected=3072 cmdSn=2 cdb=2a0000000000000006 +1024
      > SCSI Data-Out: itt=9 ttt=none offset=1024 +1024
      > SCSI Data-Out: itt=9 final ttt=none dataSn=1 offset=2048 +1024
      < Response: itt=9 final stat=3 exp=3 max=130
      "
    `);
  });

  test("solicited by R2Ts of MaxBurstLength", () => {
    const { server, initiator, transcript } = openSession({
      ...R2T_KEYS,
      MaxBurstLength: "1024",
      MaxOutstandingR2T: "2",
    });
    const data = pattern(2560);
    const r2ts = transcript.say(initiator.write(0, 5, { initiatorTaskTag: 7 }));
    const tags = r2ts.map(({ fields }) => fields["targetTransferTag"]);
    const part = (bufferOffset: number, length: number, targetTransferTag: unknown) =>
      initiator.dataOut(
        { initiatorTaskTag: 7, targetTransferTag, bufferOffset, final: true },
        data.subarray(bufferOffset, bufferOffset + length),
      );
    const [third] = transcript.say(part(0, 1024, tags[0]));
    transcript.say(part(1024, 1024, tags[1]));
    transcript.say(part(2048, 512, third?.fields["targetTransferTag"]));
    expect(server.disk.medium.subarray(0, 2560)).toEqual(data);
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=7 final write attribute=1 expected=2560 cmdSn=2 cdb=2a0000000000000005
      < R2T: itt=7 final ttt=65536 stat=3 exp=3 max=129 desired=1024
      < R2T: itt=7 final ttt=65537 stat=3 exp=3 max=129 r2tSn=1 offset=1024 desired=1024
      > SCSI Data-Out: itt=7 final ttt=65536 +1024
      < R2T: itt=7 final ttt=65538 stat=3 exp=3 max=129 r2tSn=2 offset=2048 desired=512
      > SCSI Data-Out: itt=7 final ttt=65537 offset=1024 +1024
      > SCSI Data-Out: itt=7 final ttt=65538 offset=2048 +512
      < Response: itt=7 final stat=3 exp=3 max=130 expDataSn=3
      "
    `);
  });

  test.each([1, 7, 48, 100, 1000, 4096])("arriving in chunks of %i bytes", (chunkLength) => {
    const { server, initiator } = openSession({ InitialR2T: "No" });
    initiator.chunkLength = chunkLength;
    const data = pattern(9 * 512);
    initiator.send(
      initiator.write(0, 9, { final: false, initiatorTaskTag: 9 }, data.subarray(0, 2048)),
      initiator.dataOut(
        { initiatorTaskTag: 9, bufferOffset: 2048, final: true },
        data.subarray(2048),
      ),
      initiator.read(0, 9),
      initiator.nop({}, pattern(5)),
    );
    const pdus = initiator.receive();
    expect(pdus.map(({ name }) => name)).toEqual(["SCSI Response", "SCSI Data-In", "NOP-In"]);
    expect(server.disk.medium.subarray(0, data.length)).toEqual(data);
    expect(pdus[1]?.data).toEqual(Buffer.from(data));
    expect(pdus[2]?.data).toEqual(Buffer.from(pattern(5)));
  });

  test("kept while the command has no buffer", () => {
    const { server, initiator } = openSession({ InitialR2T: "No" });
    server.disk.holdBuffers = true;
    const data = pattern(2048);
    initiator.send(
      initiator.write(0, 4, { final: false, initiatorTaskTag: 9 }, data.subarray(0, 1024)),
      initiator.dataOut({ initiatorTaskTag: 9, bufferOffset: 1024 }, data.subarray(1024, 1536)),
    );
    server.disk.giveBuffers();
    initiator.send(
      initiator.dataOut(
        { initiatorTaskTag: 9, bufferOffset: 1536, dataSn: 1, final: true },
        data.subarray(1536),
      ),
    );
    expect(initiator.receive().map(({ name }) => name)).toEqual(["SCSI Response"]);
    expect(server.disk.medium.subarray(0, 2048)).toEqual(data);
  });

  test("swallowed when the command has failed before", () => {
    const { initiator, transcript } = openSession({ InitialR2T: "No" });
    transcript.say(
      initiator.command(
        [0xff],
        { write: true, final: false, expectedDataTransferLength: 1024, initiatorTaskTag: 9 },
        pattern(512),
      ),
      initiator.dataOut({ initiatorTaskTag: 9, bufferOffset: 512, final: true }, pattern(512)),
      initiator.nop(),
    );
    expect(transcript.lines.filter((line) => line.startsWith("<"))).toHaveLength(2);
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=9 write attribute=1 expected=1024 cmdSn=2 cdb=ff +512
      > SCSI Data-Out: itt=9 final ttt=none offset=512 +512
      > NOP-Out: itt=3 final ttt=none cmdSn=3
      < Response: itt=9 final underflow status=2 stat=3 exp=3 max=130 residual=1024 +20
      < NOP-In: itt=3 final ttt=none stat=4 exp=4 max=131
      "
    `);
  });

  test.each([
    ["a wrong buffer offset", { bufferOffset: 512 }, "4705"],
    ["a wrong DataSN", { dataSn: 3 }, "4705"],
    ["a sequence that ends too early", { dataSegmentLength: 512 }, "0c0d"],
  ])("with %s fails the command", (_what, values, expected) => {
    const { server, initiator } = openSession(R2T_KEYS);
    initiator.send(initiator.write(0, 4, { initiatorTaskTag: 9 }));
    const [r2t] = initiator.receive();
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    const { dataSegmentLength = 2048, ...fields } = values as Record<string, number>;
    initiator.send(
      initiator.dataOut(
        { initiatorTaskTag: 9, targetTransferTag, final: true, ...fields },
        pattern(dataSegmentLength),
      ),
      initiator.nop(),
    );
    const [response, nop] = initiator.receive();
    expect(response?.fields).toMatchObject({ status: 2, underflow: true, residualCount: 2048 });
    expect(Buffer.from(response?.data.subarray(14, 16) ?? []).toString("hex")).toBe(expected);
    expect(nop?.name).toBe("NOP-In");
    expect(server.codes).toContain("ISCSI_DATA_SEQUENCE");
    expect(server.disk.bufferCount).toBe(0);
    expect(server.disk.medium.every((byte) => byte === 0)).toBe(true);
  });

  test("that fails waits for the rest of its data", () => {
    const { initiator, transcript } = openSession({ ...R2T_KEYS, MaxBurstLength: "1024" });
    const [r2t] = transcript.say(initiator.write(0, 4, { initiatorTaskTag: 9 }));
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    const part = (values: Record<string, unknown>) =>
      initiator.dataOut({ initiatorTaskTag: 9, targetTransferTag, ...values }, pattern(512));
    transcript.say(part({ dataSn: 1, bufferOffset: 512 }));
    transcript.say(part({ dataSn: 0, bufferOffset: 0, final: true }));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=9 final write attribute=1 expected=2048 cmdSn=2 cdb=2a0000000000000004
      < R2T: itt=9 final ttt=65536 stat=3 exp=3 max=129 desired=1024
      > SCSI Data-Out: itt=9 ttt=65536 dataSn=1 offset=512 +512
      > SCSI Data-Out: itt=9 final ttt=65536 +512
      < Response: itt=9 final underflow status=2 stat=3 exp=3 max=130 expDataSn=1 residual=2048 +20
      "
    `);
  });

  test.each([
    ["more than was asked for", { bufferOffset: 0 }],
    ["a foreign tag", { targetTransferTag: 0x12345 }],
    ["no tag", { targetTransferTag: 0xffffffff }],
  ])("with %s is rejected, and the connection closed", (_what, values) => {
    const { server, initiator } = openSession(R2T_KEYS);
    initiator.send(initiator.write(0, 4, { initiatorTaskTag: 9 }));
    const [r2t] = initiator.receive();
    const targetTransferTag = r2t?.fields["targetTransferTag"];
    initiator.send(
      initiator.dataOut(
        { initiatorTaskTag: 9, targetTransferTag, final: true, ...values },
        pattern(2560),
      ),
    );
    expect(initiator.receive().map(({ name, fields }) => [name, fields["reason"]])).toEqual([
      ["Reject", 4],
    ]);
    expect(initiator.transport.ended).toBe(true);
    expect(server.codes).toContain("ISCSI_DATA_SEQUENCE");
  });
});

describe("additional header segments", () => {
  test("a CDB of 32 bytes", () => {
    const { initiator } = openSession();
    const cdb = pattern(32);
    cdb[0] = 0x7f;
    const ahs = new Uint8Array(20);
    ahs.set([0, 17, 1, 0]);
    ahs.set(cdb.subarray(16), 4);
    const submit = vi.spyOn(Command.prototype, "submit");
    initiator.send(initiator.command([...cdb.subarray(0, 16)], {}, undefined, ahs));
    const command = submit.mock.contexts[0] as Command | undefined;
    expect(command?.cdbLength).toBe(32);
    expect(command?.cdb.subarray(0, 32)).toEqual(cdb);
    submit.mockRestore();
  });

  test("the read length of a bidirectional command", () => {
    const { initiator } = openSession();
    const submit = vi.spyOn(Command.prototype, "submit");
    const seen: number[][] = [];
    submit.mockImplementation(function (this: Command) {
      seen.push([this.expectedDirection, this.expectedLength, this.expectedOutLength]);
    });
    const ahs = new Uint8Array([0, 5, 2, 0, 0, 0, 4, 0]);
    const values = { read: true, write: true, expectedDataTransferLength: 512 };
    initiator.send(initiator.command([0x53], values, undefined, ahs));
    expect(seen).toEqual([[3, 1024, 512]]);
    submit.mockRestore();
  });

  test.each([
    ["longer than the header says", [0, 200, 1, 0, 0, 0, 0, 0]],
    ["of no length", [0, 0, 1, 0, 0, 0, 0, 0]],
    ["a read length that is too short", [0, 2, 2, 0, 0, 0, 0, 0]],
  ])("%s: the command is rejected", (_what, ahs) => {
    const { initiator } = openSession();
    initiator.send(initiator.command([0], {}, undefined, new Uint8Array(ahs)), initiator.nop());
    const pdus = initiator.receive();
    expect(pdus.map(({ name }) => name)).toEqual(["Reject", "NOP-In"]);
    expect(pdus[0]?.fields["reason"]).toBe(9);
    // The window is as wide as before.
    expect(Number(pdus[1]?.fields["maxCmdSn"]) - initiator.cmdSn).toBe(127);
  });
});
