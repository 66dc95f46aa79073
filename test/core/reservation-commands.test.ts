/** Reservations as initiators meet them: through sessions, LUNs, resets and the handler. */
import { describe, expect, test } from "vitest";

import { createCore } from "../../src/core/index.ts";
import { MemoryStateStore } from "../../src/core/reservations/state-store.ts";
import { DEVICE_TYPE } from "../../src/protocol/scsi/index.ts";
import { SCST_LUN_RESET } from "../../src/protocol/scst/index.ts";
import { loopbackChannel } from "../../src/sdk/channel/loopback.ts";
import { registerDevice } from "../../src/sdk/device/register-device.ts";
import type { DeviceOptions } from "../../src/sdk/handler.ts";
import { good } from "../../src/sdk/outcome.ts";
import { type LocalInitiator, LocalTarget } from "../../src/targets/local/index.ts";

const GOOD = 0;
const CHECK_CONDITION = 2;
const CONFLICT = 0x18;

/** ASC and ASCQ. */
const REGISTRATIONS_PREEMPTED = [0x2a, 0x05];

const RESERVE_6 = [0x16, 0, 0, 0, 0, 0];
const RELEASE_6 = [0x17, 0, 0, 0, 0, 0];
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const WRITE_10 = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0];

interface RigOptions {
  readonly device?: DeviceOptions;
  readonly stateStore?: MemoryStateStore;
  /** Opcodes that the handler never answers by itself. */
  readonly hold?: readonly number[];
}

async function openRig({ device: options = {}, stateStore, hold = [] }: RigOptions = {}) {
  const core = createCore(stateStore === undefined ? {} : { stateStore });
  const seen: number[] = [];
  const held: (() => void)[] = [];
  const device = await registerDevice(loopbackChannel(core), "disk", {
    type: DEVICE_TYPE.DISK,
    blockSize: 512,
    options,
    exec({ cdb }) {
      const opcode = cdb[0] as number;
      seen.push(opcode);
      if (!hold.includes(opcode)) return good;
      return new Promise((resolve) => held.push(() => resolve(good)));
    },
  });
  const target = new LocalTarget(core, "target");
  target.addLun(0, "disk");
  const connect = async (name: string) => {
    const initiator = target.connect(name);
    await initiator.execute({ cdb: TEST_UNIT_READY });
    return initiator;
  };
  const [a, b] = [await connect("a"), await connect("b")];
  seen.length = 0;
  return { core, device, target, a, b, seen, held, connect };
}

async function status(initiator: LocalInitiator, cdb: readonly number[]): Promise<number> {
  const dataOut = cdb[0] === 0x2a ? { dataOut: new Uint8Array(512) } : {};
  return (await initiator.execute({ cdb, ...dataOut })).status;
}

/** PERSISTENT RESERVE OUT with a plain parameter list. */
async function prOut(
  initiator: LocalInitiator,
  serviceAction: number,
  key: number,
  newKey: number,
  type = 0,
  flags = 0,
) {
  const dataOut = new Uint8Array(24);
  dataOut[7] = key;
  dataOut[15] = newKey;
  dataOut[20] = flags;
  const cdb = [0x5f, serviceAction, type, 0, 0, 0, 0, 0, 24, 0];
  return initiator.execute({ cdb, dataOut });
}

describe("RESERVE and RELEASE", () => {
  test("another initiator conflicts until the release", async () => {
    const { a, b, seen } = await openRig();
    expect(await status(a, RESERVE_6)).toBe(GOOD);
    expect(await status(b, WRITE_10)).toBe(CONFLICT);
    expect(await status(b, RESERVE_6)).toBe(CONFLICT);
    expect(await status(a, WRITE_10)).toBe(GOOD);
    expect(await status(a, RELEASE_6)).toBe(GOOD);
    expect(await status(b, WRITE_10)).toBe(GOOD);
    // The handler hears of what was done, and never of what conflicted.
    expect(seen).toEqual([0x16, 0x2a, 0x17, 0x2a]);
  });

  test.each([
    ["the end of the session", async (a: LocalInitiator) => a.close()],
    [
      "a reset of the logical unit",
      async (a: LocalInitiator) => void (await a.taskManagement({ function: SCST_LUN_RESET })),
    ],
  ])("%s ends it", async (_what, end) => {
    const { a, b } = await openRig();
    await status(a, RESERVE_6);
    expect(await status(b, WRITE_10)).toBe(CONFLICT);
    await end(a);
    // A reset leaves a unit attention.
    await b.execute({ cdb: TEST_UNIT_READY });
    expect(await status(b, WRITE_10)).toBe(GOOD);
  });

  test("a conflict leaves a unit attention where it is", async () => {
    const { a, b } = await openRig();
    await a.taskManagement({ function: SCST_LUN_RESET });
    await a.execute({ cdb: TEST_UNIT_READY });
    await status(a, RESERVE_6);
    expect(await status(b, WRITE_10)).toBe(CONFLICT);
    await status(a, RELEASE_6);
    expect(await status(b, WRITE_10)).toBe(CHECK_CONDITION);
  });
});

describe("PERSISTENT RESERVE", () => {
  const WRITE_EXCLUSIVE = 1;

  test("registered, reserved, preempted", async () => {
    const { a, b, seen } = await openRig();
    expect((await prOut(a, 0, 0, 1)).status).toBe(GOOD);
    expect((await prOut(a, 1, 1, 0, WRITE_EXCLUSIVE)).status).toBe(GOOD);
    expect(await status(b, WRITE_10)).toBe(CONFLICT);
    expect((await prOut(b, 0, 0, 2)).status).toBe(GOOD);
    expect((await prOut(b, 4, 2, 1, WRITE_EXCLUSIVE)).status).toBe(GOOD);
    expect(await status(b, WRITE_10)).toBe(GOOD);
    // RESERVATIONS PREEMPTED or REGISTRATIONS PREEMPTED first, then the conflict.
    await a.execute({ cdb: TEST_UNIT_READY });
    expect(await status(a, WRITE_10)).toBe(CONFLICT);
    expect(seen).not.toContain(0x5f);
  });

  test("READ KEYS is cut to the allocation length", async () => {
    const { a } = await openRig();
    await prOut(a, 0, 0, 1);
    const cdb = [0x5e, 0, 0, 0, 0, 0, 0, 0, 12, 0];
    const { dataIn, residual } = await a.execute({ cdb, dataInLength: 16 });
    expect([...dataIn]).toEqual([0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0]);
    expect(residual).toBe(4);
  });

  test.each([
    ["without a response", false, { aborted: true }, CHECK_CONDITION],
    ["with TASK ABORTED", true, { aborted: false, status: 0x40 }, GOOD],
  ])("PREEMPT AND ABORT takes the other's commands along: %s", async (...row) => {
    const [, taskAbortedStatus, result, after] = row;
    const { a, b, held } = await openRig({ hold: [0x28], device: { taskAbortedStatus } });
    await prOut(a, 0, 0, 1);
    await prOut(a, 1, 1, 0, WRITE_EXCLUSIVE);
    await prOut(b, 0, 0, 2);
    const read = a.execute({ cdb: [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], dataInLength: 512 });
    let answered = false;
    const preempt = prOut(b, 5, 2, 1, WRITE_EXCLUSIVE).then((response) => {
      answered = true;
      return response;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    for (const release of held) release();
    expect((await preempt).status).toBe(GOOD);
    expect(await read).toMatchObject(result);
    const { sense } = await a.execute({ cdb: TEST_UNIT_READY });
    expect([sense[12], sense[13]]).toEqual(REGISTRATIONS_PREEMPTED);
    expect(await status(a, TEST_UNIT_READY)).toBe(after);
  });

  test("the handler hears of it where it asked", async () => {
    const { a, seen } = await openRig({ device: { persistentReserveNotifications: true } });
    await prOut(a, 0, 0, 1);
    expect(seen).toEqual([0x5f]);
  });

  test("with APTPL a registration outlives the core", async () => {
    const stateStore = new MemoryStateStore();
    const first = await openRig({ stateStore });
    expect((await prOut(first.a, 0, 0, 1, 0, 1)).status).toBe(GOOD);
    await prOut(first.a, 1, 1, 0, WRITE_EXCLUSIVE);
    const second = await openRig({ stateStore });
    expect(await status(second.b, WRITE_10)).toBe(CONFLICT);
    expect(await status(second.a, WRITE_10)).toBe(GOOD);
  });

  test("without a store APTPL is refused", async () => {
    const { a } = await openRig();
    expect((await prOut(a, 0, 0, 1, 0, 1)).status).toBe(CHECK_CONDITION);
  });
});
