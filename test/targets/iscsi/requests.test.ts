import { describe, expect, test } from "vitest";
import { pattern, TARGET, type TestInitiator } from "./support/initiator.ts";
import { openSession } from "./support/session.ts";

describe("other requests", () => {
  test("NOP-Out is echoed", () => {
    const { initiator, transcript } = openSession();
    const [pdu] = transcript.say(initiator.nop({}, pattern(13)));
    expect(pdu?.data).toEqual(Buffer.from(pattern(13)));
    transcript.say(initiator.nop({ immediate: true }));
    transcript.say(initiator.nop({ immediate: true, initiatorTaskTag: 0xffffffff }));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > NOP-Out: itt=2 final ttt=none cmdSn=2 +13
      < NOP-In: itt=2 final ttt=none stat=3 exp=3 max=130 +13
      > NOP-Out: immediate itt=3 final ttt=none cmdSn=3
      < NOP-In: itt=3 final ttt=none stat=4 exp=3 max=130
      > NOP-Out: immediate itt=none final ttt=none cmdSn=3
      "
    `);
  });

  test("task management", () => {
    const { server, initiator, transcript } = openSession();
    server.disk.holdExecution = true;
    transcript.say(initiator.read(0, 1, { initiatorTaskTag: 77 }));
    transcript.say(initiator.taskManagement(1, { referencedTaskTag: 77 }));
    transcript.say(initiator.taskManagement(1, { referencedTaskTag: 78 }));
    transcript.say(initiator.taskManagement(5, { lun: new Uint8Array([0, 5]) }));
    transcript.say(initiator.taskManagement(8));
    transcript.say(initiator.taskManagement(99));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=77 final read attribute=1 expected=512 cmdSn=2 cdb=280000000000000001
      > Task Management: immediate itt=3 final function=1 reference=77 cmdSn=3
      < Task Management Response: itt=3 final stat=3 exp=3 max=130
      > Task Management: immediate itt=4 final function=1 reference=78 cmdSn=3
      < Task Management Response: itt=4 final response=1 stat=4 exp=3 max=130
      > Task Management: immediate itt=5 final function=5 lun=0005 cmdSn=3
      < Task Management Response: itt=5 final response=2 stat=5 exp=3 max=130
      > Task Management: immediate itt=6 final function=8 cmdSn=3
      < Task Management Response: itt=6 final response=4 stat=6 exp=3 max=130
      > Task Management: immediate itt=7 final function=99 cmdSn=3
      < Task Management Response: itt=7 final response=255 stat=7 exp=3 max=130
      "
    `);
    expect(server.disk.bufferCount).toBe(0);
  });

  test("ABORT TASK of a command that is still to come makes it count as received", () => {
    const { server, initiator, transcript } = openSession();
    const next = initiator.cmdSn;
    // The one before it is missing, so that it is held.
    transcript.say(initiator.read(0, 1, { cmdSn: next + 1, initiatorTaskTag: 77 }));
    initiator.cmdSn = next + 2;
    const abort = { referencedTaskTag: 77, refCmdSn: next + 1 };
    transcript.say(initiator.taskManagement(1, abort));
    transcript.say(initiator.nop({ cmdSn: next }));
    // It has been overtaken altogether.
    transcript.say(initiator.taskManagement(1, { referencedTaskTag: 78, refCmdSn: next + 2 }));
    initiator.cmdSn = next + 3;
    transcript.say(initiator.taskManagement(1, { referencedTaskTag: 78, refCmdSn: next + 2 }));
    transcript.say(initiator.read(0, 1, { cmdSn: next + 2, initiatorTaskTag: 78 }));
    transcript.say(initiator.nop({ cmdSn: next + 3 }));
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=77 final read attribute=1 expected=512 cmdSn=3 cdb=280000000000000001
      > Task Management: immediate itt=3 final function=1 reference=77 cmdSn=4 refCmdSn=3
      < Task Management Response: itt=3 final stat=3 exp=2 max=129
      > NOP-Out: itt=4 final ttt=none cmdSn=2
      < NOP-In: itt=4 final ttt=none stat=4 exp=4 max=131
      > Task Management: immediate itt=5 final function=1 reference=78 cmdSn=5 refCmdSn=4
      < Task Management Response: itt=5 final stat=5 exp=5 max=132
      > Task Management: immediate itt=6 final function=1 reference=78 cmdSn=5 refCmdSn=4
      < Task Management Response: itt=6 final response=1 stat=6 exp=5 max=132
      > SCSI Command: itt=78 final read attribute=1 expected=512 cmdSn=4 cdb=280000000000000001
      > NOP-Out: itt=8 final ttt=none cmdSn=5
      < NOP-In: itt=8 final ttt=none stat=7 exp=6 max=133
      "
    `);
    expect(server.disk.bufferCount).toBe(0);
  });

  test("TARGET COLD RESET ends all sessions of the target once it is answered", async () => {
    const { server, initiator } = openSession();
    const other = server.connect();
    other.isid = new Uint8Array([0x40, 0, 0, 2, 0, 0]);
    other.logIn();
    const discovery = server.connect();
    discovery.logIn({ SessionType: "Discovery" });
    initiator.send(initiator.taskManagement(7));
    expect(initiator.receive().map(({ name, fields }) => [name, fields["response"]])).toEqual([
      ["Task Management Function Response", 0],
    ]);
    expect([initiator, other, discovery].map(({ transport }) => transport.ended)).toEqual([
      true,
      true,
      false,
    ]);
    await Promise.resolve();
    expect(server.server.sessionCount).toBe(1);
    expect(server.codes).toContain("ISCSI_TARGET_COLD_RESET");
  });

  test("another initiator's reset, with TAS: TASK ABORTED", () => {
    const { server, initiator, transcript } = openSession();
    server.disk.taskAbortedStatus = true;
    server.disk.holdExecution = true;
    const other = server.connect();
    const names: [string, string][] = [
      ["InitiatorName", "iqn.2026-11.org.example:other"],
      ["TargetName", TARGET],
    ];
    other.send(other.login({ transit: true, currentStage: 1, nextStage: 3 }, names));
    transcript.say(initiator.write(0, 1, { initiatorTaskTag: 77 }));
    transcript.say(initiator.read(0, 1, { initiatorTaskTag: 78 }));
    other.send(other.taskManagement(5));
    transcript.say(initiator.nop());
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > SCSI Command: itt=77 final write attribute=1 expected=512 cmdSn=2 cdb=2a0000000000000001
      < R2T: itt=77 final ttt=65536 stat=3 exp=3 max=129 desired=512
      > SCSI Command: itt=78 final read attribute=1 expected=512 cmdSn=3 cdb=280000000000000001
      > NOP-Out: itt=4 final ttt=none cmdSn=4
      < Response: itt=77 final status=64 stat=3 exp=4 max=130 expDataSn=1
      < Response: itt=78 final underflow status=64 stat=4 exp=4 max=131 residual=512
      < NOP-In: itt=4 final ttt=none stat=5 exp=5 max=132
      "
    `);
    expect(server.disk.bufferCount).toBe(0);
  });

  test("logout of the session", async () => {
    const { server, initiator, transcript } = openSession();
    transcript.say(initiator.logout({ reasonCode: 1, connectionId: 5 }));
    transcript.say(initiator.logout({ reasonCode: 2 }));
    transcript.say(initiator.logout());
    expect(transcript.text).toMatchInlineSnapshot(`
      "
      > Logout Request: immediate itt=2 final reasonCode=1 connectionId=5 cmdSn=2
      < Logout Response: itt=2 final response=1 stat=3 exp=2 max=129 time2Wait=2 time2Retain=20
      > Logout Request: immediate itt=3 final reasonCode=2 cmdSn=2
      < Logout Response: itt=3 final response=2 stat=4 exp=2 max=129 time2Wait=2 time2Retain=20
      > Logout Request: immediate itt=4 final cmdSn=2
      < Logout Response: itt=4 final stat=5 exp=2 max=129 time2Wait=2 time2Retain=20
      "
    `);
    expect(initiator.transport.ended).toBe(true);
    await Promise.resolve();
    expect(server.server.sessionCount).toBe(0);
    expect(server.server.connectionCount).toBe(0);
  });

  test("a logout is answered behind the commands before it", () => {
    const { initiator } = openSession();
    initiator.send(initiator.read(0, 1), initiator.nop(), initiator.logout(), initiator.nop());
    expect(initiator.receive().map(({ name }) => name)).toEqual([
      "SCSI Data-In",
      "NOP-In",
      "Logout Response",
    ]);
  });

  test.each([
    ["an unknown opcode", { opcode: 0x1c }, 5],
    ["a SNACK", { opcode: 0x10 }, 3],
    ["a target's opcode", { opcode: 0x25 }, 5],
  ])("%s is rejected", (_what, values, reason) => {
    const { initiator } = openSession();
    initiator.send(initiator.nop({ immediate: true, ...values }), initiator.nop());
    const pdus = initiator.receive();
    expect(pdus.map(({ name }) => name)).toEqual(["Reject", "NOP-In"]);
    expect(pdus[0]?.fields["reason"]).toBe(reason);
    expect(pdus[0]?.data).toHaveLength(48);
  });
});

describe("CmdSN", () => {
  const names = (initiator: TestInitiator) =>
    initiator.receive().map(({ fields }) => fields["initiatorTaskTag"]);

  test("outside the window a command is ignored", () => {
    const { initiator } = openSession();
    const next = initiator.cmdSn;
    initiator.send(initiator.read(0, 1, { cmdSn: next + 128 }));
    initiator.send(initiator.read(0, 1, { cmdSn: next - 1 }));
    expect(names(initiator)).toEqual([]);
    initiator.send(initiator.read(0, 1, { cmdSn: next, initiatorTaskTag: 55 }));
    expect(names(initiator)).toEqual([55]);
  });

  test("a command that comes early waits, with its data", () => {
    const { server, initiator } = openSession({ InitialR2T: "No" });
    const next = initiator.cmdSn;
    const data = pattern(1024);
    initiator.send(
      initiator.read(0, 2, { cmdSn: next + 2, initiatorTaskTag: 33 }),
      initiator.write(
        0,
        2,
        { cmdSn: next + 1, initiatorTaskTag: 32, final: false },
        data.subarray(0, 512),
      ),
      initiator.dataOut(
        { initiatorTaskTag: 32, bufferOffset: 512, final: true },
        data.subarray(512),
      ),
    );
    expect(names(initiator)).toEqual([]);
    initiator.send(initiator.nop({ cmdSn: next, initiatorTaskTag: 31 }));
    expect(names(initiator)).toEqual([31, 32, 33]);
    expect(server.disk.medium.subarray(0, 1024)).toEqual(data);
  });

  test("MaxCmdSN moves on when commands are over", () => {
    const { server, initiator } = openSession();
    server.disk.holdExecution = true;
    server.disk.queueDepth.max = 256;
    const first = initiator.cmdSn;
    for (let i = 0; i < 130; i++) initiator.send(initiator.read(0, 1));
    expect(server.disk.waitingForExecution).toHaveLength(128);
    server.disk.execute();
    const pdus = initiator.receive();
    expect(pdus).toHaveLength(128);
    expect(pdus.at(-1)?.fields["maxCmdSn"]).toBe(first + 255);
  });

  test("too many immediate commands are rejected", () => {
    const { server, initiator } = openSession();
    server.disk.holdExecution = true;
    for (let i = 0; i < 18; i++) initiator.send(initiator.read(0, 1, { immediate: true }));
    expect(initiator.receive().map(({ fields }) => fields["reason"])).toEqual([6, 6]);
    server.disk.execute();
    expect(initiator.receive()).toHaveLength(16);
  });

  test("a task tag that is in use is rejected", () => {
    const { server, initiator } = openSession();
    server.disk.holdExecution = true;
    initiator.send(initiator.read(0, 1, { initiatorTaskTag: 5 }));
    initiator.send(initiator.read(0, 1, { initiatorTaskTag: 5 }));
    expect(initiator.receive().map(({ fields }) => fields["reason"])).toEqual([9]);
  });
});
