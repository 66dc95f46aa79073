/** In which order a device gets commands: task attributes, COMPARE AND WRITE, serialisation. */
import { describe, expect, test } from "vitest";

import { createCore } from "../../src/core/index.ts";
import { DEVICE_TYPE } from "../../src/protocol/scsi/index.ts";
import {
  SCST_CMD_QUEUE_HEAD_OF_QUEUE as HEAD,
  SCST_CMD_QUEUE_ORDERED as ORDERED,
  SCST_CMD_QUEUE_SIMPLE as SIMPLE,
} from "../../src/protocol/scst/index.ts";
import { loopbackChannel } from "../../src/sdk/channel/loopback.ts";
import { registerDevice } from "../../src/sdk/device/register-device.ts";
import type { DeviceOptions, ParseCommand } from "../../src/sdk/handler.ts";
import { good, type Outcome } from "../../src/sdk/outcome.ts";
import { LocalTarget } from "../../src/targets/local/index.ts";

const BLOCK = 512;

/** A device that holds commands, and tells which it has. */
async function openDevice(
  options: DeviceOptions = {},
  mend: (command: ParseCommand) => void = () => undefined,
) {
  const core = createCore();
  const held = new Map<string, (outcome: Outcome) => void>();
  const medium = new Uint8Array(64 * BLOCK);
  const device = await registerDevice(loopbackChannel(core), "disk", {
    type: DEVICE_TYPE.DISK,
    blockSize: BLOCK,
    options,
    parse(command) {
      mend(command);
      return good;
    },
    exec(command) {
      const { cdb, lba, dataLength, buffer } = command;
      const name = `${(cdb[0] as number).toString(16)}@${lba}`;
      return new Promise((resolve) => {
        held.set(name, (outcome) => {
          const at = lba * BLOCK;
          if (cdb[0] === 0x88) buffer.set(medium.subarray(at, at + dataLength));
          if (cdb[0] === 0x8a) medium.set(buffer, at);
          held.delete(name);
          resolve(outcome);
        });
      });
    },
  });
  const target = new LocalTarget(core, "target");
  target.addLun(0, "disk");
  const [a, b] = [target.connect("a"), target.connect("b")];
  // The power-on unit attentions.
  await a.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  await b.execute({ cdb: [0, 0, 0, 0, 0, 0] });
  const close = async () => {
    for (const answer of held.values()) answer(good);
    await device.close();
  };
  return { core, a, b, held, medium, close };
}

type Rig = Awaited<ReturnType<typeof openDevice>>;

const read16 = (lba: number, blocks = 1) => [
  0x88,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  lba,
  0,
  0,
  0,
  blocks,
  0,
  0,
];
const read = (lba: number, taskAttribute = SIMPLE) => ({
  cdb: read16(lba),
  dataInLength: BLOCK,
  taskAttribute,
});

/** What the device has after all that can happen at once has happened. */
async function heldBy({ held }: Rig): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return [...held.keys()];
}

async function release(rig: Rig, ...names: string[]): Promise<void> {
  for (const name of names) rig.held.get(name)?.(good);
  await heldBy(rig);
}

describe("task attributes (SAM-6)", () => {
  test("SIMPLE commands run together", async () => {
    const rig = await openDevice();
    for (const lba of [1, 2, 3]) void rig.a.execute(read(lba));
    expect(await heldBy(rig)).toEqual(["88@1", "88@2", "88@3"]);
    await rig.close();
  });

  test("an ORDERED one waits for all older ones, and all younger ones wait for it", async () => {
    const rig = await openDevice();
    void rig.a.execute(read(1));
    void rig.a.execute(read(2));
    void rig.a.execute(read(3, ORDERED));
    void rig.a.execute(read(4));
    expect(await heldBy(rig)).toEqual(["88@1", "88@2"]);
    await release(rig, "88@2");
    expect(await heldBy(rig)).toEqual(["88@1"]);
    await release(rig, "88@1");
    expect(await heldBy(rig)).toEqual(["88@3"]);
    await release(rig, "88@3");
    expect(await heldBy(rig)).toEqual(["88@4"]);
    await rig.close();
  });

  test("ORDERED ones run one by one", async () => {
    const rig = await openDevice();
    for (const lba of [1, 2, 3]) void rig.a.execute(read(lba, ORDERED));
    for (const lba of [1, 2, 3]) {
      expect(await heldBy(rig)).toEqual([`88@${lba}`]);
      await release(rig, `88@${lba}`);
    }
    await rig.close();
  });

  test("one at the HEAD OF QUEUE runs at once and holds the others up", async () => {
    const rig = await openDevice();
    void rig.a.execute(read(1));
    void rig.a.execute(read(2, HEAD));
    void rig.a.execute(read(3));
    expect(await heldBy(rig)).toEqual(["88@1", "88@2"]);
    await release(rig, "88@2");
    expect(await heldBy(rig)).toEqual(["88@1", "88@3"]);
    await rig.close();
  });

  test("several that the device parses together keep their order", async () => {
    const rig = await openDevice({ queueAlgorithm: 0, parse: "call" });
    rig.core.enter();
    for (const lba of [1, 2, 3]) void rig.a.execute(read(lba));
    rig.core.leave();
    for (const lba of [1, 2, 3]) {
      expect(await heldBy(rig)).toEqual([`88@${lba}`]);
      await release(rig, `88@${lba}`);
    }
    await rig.close();
  });

  test("what the device's parse makes of an attribute counts", async () => {
    const rig = await openDevice({ parse: "call" }, (command) => {
      if (command.cdb[9] === 2) command.taskAttribute = ORDERED;
    });
    for (const lba of [1, 2, 3]) void rig.a.execute(read(lba));
    expect(await heldBy(rig)).toEqual(["88@1"]);
    await release(rig, "88@1");
    expect(await heldBy(rig)).toEqual(["88@2"]);
    await release(rig, "88@2");
    expect(await heldBy(rig)).toEqual(["88@3"]);
    await rig.close();
  });

  test("with restricted reordering SIMPLE ones run one by one", async () => {
    const rig = await openDevice({ queueAlgorithm: 0 });
    void rig.a.execute(read(1));
    void rig.a.execute(read(2));
    expect(await heldBy(rig)).toEqual(["88@1"]);
    await release(rig, "88@1");
    expect(await heldBy(rig)).toEqual(["88@2"]);
    await rig.close();
  });

  test.each([
    ["a task set of its own each (TST 1)", { taskSetType: 1 }, ["88@1", "88@2"]],
    ["one task set for all (TST 0)", { taskSetType: 0 }, ["88@1"]],
    [
      "a device that orders by itself",
      { taskSetType: 0, ownOrderManagement: true },
      ["88@1", "88@2"],
    ],
  ] as const)("two initiators, %s", async (_what, options, expected) => {
    const rig = await openDevice(options);
    void rig.a.execute(read(1, ORDERED));
    void rig.b.execute(read(2));
    expect(await heldBy(rig)).toEqual(expected);
    await rig.close();
  });

  test("a waiting command that its session takes along makes way", async () => {
    const rig = await openDevice({ taskSetType: 0 });
    void rig.b.execute(read(1));
    void rig.a.execute(read(2, ORDERED));
    void rig.b.execute(read(3));
    expect(await heldBy(rig)).toEqual(["88@1"]);
    await rig.a.close();
    await release(rig, "88@1");
    expect(await heldBy(rig)).toEqual(["88@3"]);
    await rig.close();
  });
});

describe("COMPARE AND WRITE (SBC-4)", () => {
  const compareAndWrite = (lba: number, compare: number, write: number) => ({
    cdb: [0x89, 0, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, 1, 0, 0],
    dataOut: new Uint8Array(2 * BLOCK).fill(compare, 0, BLOCK).fill(write, BLOCK),
  });

  test("equal: the second half is written", async () => {
    const rig = await openDevice();
    const result = rig.a.execute(compareAndWrite(5, 0, 7));
    expect(await heldBy(rig)).toEqual(["88@5"]);
    await release(rig, "88@5");
    expect(await heldBy(rig)).toEqual(["8a@5"]);
    await release(rig, "8a@5");
    expect(await result).toMatchObject({ status: 0, residual: 0 });
    expect(rig.medium.subarray(5 * BLOCK, 6 * BLOCK).every((byte) => byte === 7)).toBe(true);
    await rig.close();
  });

  test("not equal: MISCOMPARE with the offset, and nothing is written", async () => {
    const rig = await openDevice();
    rig.medium[5 * BLOCK + 300] = 1;
    const result = rig.a.execute(compareAndWrite(5, 0, 7));
    await heldBy(rig);
    await release(rig, "88@5");
    const { status, sense } = await result;
    expect([status, sense[0], (sense[2] ?? 0) & 0xf, sense[6], sense[12]]).toEqual([
      2,
      0xf0,
      0xe,
      300 & 0xff,
      0x1d,
    ]);
    expect(rig.held.size).toBe(0);
    await rig.close();
  });

  test("overlapping commands wait for it, others do not", async () => {
    const rig = await openDevice();
    void rig.a.execute(compareAndWrite(5, 0, 7));
    void rig.b.execute(read(5));
    void rig.b.execute(read(6));
    expect(await heldBy(rig)).toEqual(["88@5", "88@6"]);
    await release(rig, "88@5");
    await release(rig, "8a@5");
    expect(await heldBy(rig)).toEqual(["88@6", "88@5"]);
    await rig.close();
  });

  test("it waits for overlapping commands, and later ones wait behind it", async () => {
    const rig = await openDevice();
    void rig.b.execute({ cdb: read16(4, 3), dataInLength: 3 * BLOCK });
    void rig.a.execute(compareAndWrite(5, 0, 7));
    void rig.b.execute(read(5));
    expect(await heldBy(rig)).toEqual(["88@4"]);
    await release(rig, "88@4");
    expect(await heldBy(rig)).toEqual(["88@5"]);
    await release(rig, "88@5");
    expect(await heldBy(rig)).toEqual(["8a@5"]);
    await rig.close();
  });

  test("more data than the CDB's blocks: refused", async () => {
    const rig = await openDevice();
    const { cdb, dataOut } = compareAndWrite(5, 0, 7);
    const { sense } = await rig.a.execute({ cdb: cdb.with(13, 0), dataOut });
    expect([...sense.subarray(12, 18)]).toEqual([0x24, 0, 0, 0xc0, 0, 13]);
    await rig.close();
  });

  test("no block: GOOD, and the handler hears nothing", async () => {
    const rig = await openDevice();
    const none = compareAndWrite(5, 0, 7).cdb.with(13, 0);
    expect(await rig.a.execute({ cdb: none })).toMatchObject({ status: 0 });
    expect(rig.held.size).toBe(0);
    await rig.close();
  });
});

describe("serialised commands", () => {
  test("FORMAT UNIT runs alone", async () => {
    const rig = await openDevice();
    void rig.a.execute(read(1));
    void rig.a.execute({ cdb: [4, 0, 0, 0, 0, 0] });
    void rig.b.execute(read(2));
    expect(await heldBy(rig)).toEqual(["88@1"]);
    await release(rig, "88@1");
    expect(await heldBy(rig)).toEqual(["4@0"]);
    await release(rig, "4@0");
    expect(await heldBy(rig)).toEqual(["88@2"]);
    await rig.close();
  });
});
