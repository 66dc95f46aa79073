import { describe, expect, test } from "vitest";

import { SCST_LUN_RESET, SCST_NEXUS_LOSS_SESS } from "../../../../src/protocol/scst/index.ts";
import { parseSense } from "../../../../src/protocol/scsi/index.ts";
import { disk } from "../../../../src/sdk/devices/disk/disk.ts";
import { memoryStore } from "../../../../src/sdk/storage/memory-store.ts";
import {
  execute,
  EXPECT_GOOD,
  EXPECT_INVALID_FIELD_IN_CDB,
  FakeCommand,
  hex,
} from "../fake-command.ts";
import { logStore } from "../log-store.ts";

const TUR = "00 00 00 00 00 00";
const READ = "28 00 00000000 00 0001 00";
const STOP = "1b 00 00 00 00 00";
const START = "1b 00 00 00 01 00";
const EJECT = "1b 00 00 00 02 00";
const LOAD = "1b 00 00 00 03 00";
const PREVENT = "1e 00 00 00 01 00";
const ALLOW = "1e 00 00 00 00 00";

const EXPECT_STOPPED = { status: "CHECK CONDITION", sense: "2/04/02" };
const EXPECT_NO_MEDIUM = { status: "CHECK CONDITION", sense: "2/3A/00" };

function newDisk(removable = false) {
  const store = logStore(memoryStore(4 << 20));
  return { store, handler: disk(store, { removable }) };
}

async function senseOf(handler: ReturnType<typeof disk>): Promise<string> {
  const { key, asc, ascq } = parseSense((await execute(handler, "03 00 00 00 ff 00")).data);
  return [key, asc, ascq].map((value) => value.toString(16).toUpperCase()).join("/");
}

describe("power conditions of a fixed disk", () => {
  test("stopped: flushed, then not ready until it is started", async () => {
    const { store, handler } = newDisk();
    expect(await execute(handler, STOP)).toMatchObject(EXPECT_GOOD);
    expect(store.calls).toEqual(["flush"]);
    for (const cdb of [TUR, READ, "25 00 00000000 0000 00 00", "35 00 00000000 00 0000 00"]) {
      expect(await execute(handler, cdb)).toMatchObject(EXPECT_STOPPED);
    }
    expect(await senseOf(handler)).toBe("2/4/2");
    expect(await execute(handler, "12 00 00 00 24 00")).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, START)).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, READ)).toMatchObject(EXPECT_GOOD);
    expect(await senseOf(handler)).toBe("0/0/0");
  });

  test.each([
    ["idle_a", "1b 00 00 00 20 00", "0/5E/3"],
    ["idle_b", "1b 00 00 01 20 00", "0/5E/6"],
    ["idle_c", "1b 00 00 02 20 00", "0/5E/8"],
    ["standby_z", "1b 00 00 00 30 00", "0/5E/4"],
    ["standby_y", "1b 00 00 01 30 00", "0/5E/A"],
  ])(
    "%s is told by REQUEST SENSE, and left when the medium is wanted",
    async (_name, cdb, sense) => {
      const { handler } = newDisk();
      expect(await execute(handler, cdb)).toMatchObject(EXPECT_GOOD);
      expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
      expect(await senseOf(handler)).toBe(sense);
      expect(await execute(handler, READ)).toMatchObject(EXPECT_GOOD);
      expect(await senseOf(handler)).toBe("0/0/0");
    },
  );

  test.each([
    ["ACTIVE", "1b 00 00 00 10 00", "0/0/0"],
    ["LU_CONTROL", "1b 00 00 00 70 00", "2/4/2"],
    ["FORCE_IDLE_0", "1b 00 00 01 a0 00", "2/4/2"],
    ["FORCE_STANDBY_0", "1b 00 00 00 b0 00", "2/4/2"],
  ])("%s, of a stopped disk", async (_name, cdb, sense) => {
    const { handler } = newDisk();
    await execute(handler, STOP);
    expect(await execute(handler, cdb)).toMatchObject(EXPECT_GOOD);
    expect(await senseOf(handler)).toBe(sense);
  });

  test.each([
    ["idle_d", "1b 00 00 03 20 00"],
    ["standby_x", "1b 00 00 02 30 00"],
    ["ACTIVE with a modifier", "1b 00 00 01 10 00"],
    ["a reserved one", "1b 00 00 00 f0 00"],
    ["LOEJ", EJECT],
  ])("%s is none", async (_name, cdb) => {
    expect(await execute(newDisk().handler, cdb)).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
  });

  test("NO_FLUSH", async () => {
    const { store, handler } = newDisk();
    expect(await execute(handler, "1b 00 00 00 04 00")).toMatchObject(EXPECT_GOOD);
    expect(store.calls).toEqual([]);
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_STOPPED);
  });

  test("a reset starts it", async () => {
    const { handler } = newDisk();
    await execute(handler, STOP);
    handler.taskManagementReceived({
      function: SCST_LUN_RESET,
      session: undefined,
      command: undefined,
    });
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("preventing removal means nothing to it", async () => {
    const { handler } = newDisk();
    expect(await execute(handler, PREVENT)).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, STOP)).toMatchObject(EXPECT_GOOD);
  });
});

describe("a removable medium", () => {
  test("is flushed and ejected, and loaded again", async () => {
    const { store, handler } = newDisk(true);
    expect(await execute(handler, EJECT)).toMatchObject(EXPECT_GOOD);
    expect(store.calls).toEqual(["flush"]);
    for (const cdb of [TUR, READ, "2a 00 00000000 00 0001 00", "25 00 00000000 0000 00 00"]) {
      expect(await execute(handler, cdb)).toMatchObject(EXPECT_NO_MEDIUM);
    }
    expect(await senseOf(handler)).toBe("2/3A/0");
    expect(await execute(handler, EJECT)).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, LOAD)).toMatchObject(EXPECT_GOOD);
    expect(await execute(handler, READ)).toMatchObject(EXPECT_GOOD);
  });

  test("stays where it cannot be flushed", async () => {
    const { store, handler } = newDisk(true);
    store.fail = { flush: Object.assign(new TypeError("injected"), { errno: 5 }) };
    const answer = await execute(handler, EJECT);
    expect(answer).toMatchObject({ status: "CHECK CONDITION", sense: "3/0C/00" });
    expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
  });

  test("does not become not ready but by ejecting", async () => {
    const { handler } = newDisk(true);
    for (const cdb of [STOP, START, "1b 00 00 00 22 00", "1b 00 00 00 f2 00"]) {
      expect(await execute(handler, cdb)).toMatchObject(EXPECT_GOOD);
      expect(await execute(handler, TUR)).toMatchObject(EXPECT_GOOD);
    }
  });

  const first = new FakeCommand(hex(TUR), 512).session;
  const second = { ...first, handle: 2n };

  /** Sends as one initiator: sessions are told apart by identity. */
  async function as(handler: ReturnType<typeof disk>, session: typeof first, cdb: string) {
    const command = new FakeCommand(hex(cdb), 512);
    Object.defineProperty(command, "session", { value: session });
    const { status, sense } = await handler.exec(command);
    return status === 0 ? "GOOD" : `${sense?.key}/${sense?.asc.toString(16)}/${sense?.ascq}`;
  }

  test("is kept by whoever prevents its removal", async () => {
    const { handler } = newDisk(true);
    expect(await as(handler, first, PREVENT)).toBe("GOOD");
    expect(await as(handler, second, PREVENT)).toBe("GOOD");
    expect(await as(handler, second, EJECT)).toBe("5/53/2");
    expect(await as(handler, second, ALLOW)).toBe("GOOD");
    expect(await as(handler, second, EJECT)).toBe("5/53/2");
    expect(await as(handler, first, LOAD)).toBe("5/53/2");
    expect(await as(handler, first, ALLOW)).toBe("GOOD");
    expect(await as(handler, second, EJECT)).toBe("GOOD");
  });

  const end =
    (of: number, session: typeof first | undefined) => (handler: ReturnType<typeof disk>) =>
      handler.taskManagementReceived({ function: of, session, command: undefined });

  test.each([
    ["the end of its session", (handler: ReturnType<typeof disk>) => handler.detachSession(first)],
    ["an I_T nexus loss", end(SCST_NEXUS_LOSS_SESS, first)],
    ["a reset", end(SCST_LUN_RESET, undefined)],
  ])("%s ends the prevention", async (_name, happens) => {
    const { handler } = newDisk(true);
    await as(handler, first, PREVENT);
    expect(await as(handler, second, EJECT)).toBe("5/53/2");
    happens(handler);
    expect(await as(handler, second, EJECT)).toBe("GOOD");
  });

  test("the obsolete PREVENT codes", async () => {
    const answer = await execute(newDisk(true).handler, "1e 00 00 00 02 00");
    expect(answer).toMatchObject(EXPECT_INVALID_FIELD_IN_CDB);
  });
});
