/** Networks that lose, damage and cut, over real sockets: no data are lost, none written twice. */
import { randomInt } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { Command } from "../../../src/core/command.ts";
import { Core } from "../../../src/core/core.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { IscsiServer } from "../../../src/targets/iscsi/server.ts";
import { pattern, TARGET } from "./support/initiator.ts";
import { RamDevice } from "./support/ram-device.ts";
import { type InitiatorOptions, RecoveringInitiator } from "./support/recovering-initiator.ts";

const SLOT_BLOCKS = 24;
const SLOT_COUNT = 20;
const ROUND_COUNT = 4;
/** More with RECOVERY_RUNS. */
const RUN_COUNT = Number(process.env["RECOVERY_RUNS"] ?? 4);
/** Seconds on a quiet machine. */
const TIMEOUT_MS = 60_000 + RUN_COUNT * 5000;
/** Another each time; the name of a test that fails tells it, for RECOVERY_SEED. */
const SEED = Number(process.env["RECOVERY_SEED"] ?? randomInt(2 ** 31));

/** Notes in which order commands are executed. */
class NotingDevice extends RamDevice {
  readonly executed: { opcode: number; lba: number }[] = [];

  override exec(command: Command): void {
    this.executed.push({ opcode: command.cdb[0] as number, lba: command.lba });
    super.exec(command);
  }
}

/** Data-out that stand still for two rounds were lost. */
const ROUND_MS = 10;

const servers: IscsiServer[] = [];
const initiators: RecoveringInitiator[] = [];

afterEach(async () => {
  for (const initiator of initiators.splice(0)) initiator.close();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function listening(): Promise<{
  server: IscsiServer;
  disk: NotingDevice;
  port: number;
  roundOver: () => void;
}> {
  const clock = new FakeClock();
  const core = new Core({ clock });
  const disk = new NotingDevice("disk");
  core.addDevice(disk);
  const limits = { sequenceTimeMsMax: ROUND_MS, dataRecoveryCountMax: 10_000 };
  const server = new IscsiServer(core, { limits });
  servers.push(server);
  server.export({ iqn: TARGET, luns: [[0, disk]] });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  return { server, disk, port, roundOver: () => clock.advance(ROUND_MS) };
}

/** Numbers from a seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Case = Omit<InitiatorOptions, "port" | "pick" | "roundOver"> & { readonly seed: number };

/** Writes and reads at random; every slot has what was written to it last. */
async function run({ seed, ...options }: Case): Promise<RecoveringInitiator["counts"]> {
  const { server, disk, port, roundOver } = await listening();
  const pick = random(seed);
  const initiator = new RecoveringInitiator({ ...options, port, roundOver, pick });
  initiators.push(initiator);
  await initiator.open();
  const model = new Uint8Array(SLOT_COUNT * SLOT_BLOCKS * 512);
  let writeCount = 0;
  for (let round = 0; round < ROUND_COUNT; round++) {
    const reads: { got: Uint8Array; wanted: Uint8Array }[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const lba = slot * SLOT_BLOCKS;
      const blocks = 1 + pick(SLOT_BLOCKS);
      const start = lba * 512;
      if (pick(2) === 0) {
        const data = pattern(blocks * 512, 1 + pick(250));
        model.set(data, start);
        initiator.write(lba, data);
        writeCount++;
      } else {
        const wanted = model.slice(start, start + blocks * 512);
        reads.push({ got: initiator.read(lba, blocks), wanted });
      }
    }
    await initiator.finish();
    for (const { got, wanted } of reads) expect(Buffer.compare(got, wanted)).toBe(0);
  }
  expect(Buffer.compare(disk.medium.subarray(0, model.length), model)).toBe(0);
  expect(disk.executed.filter(({ opcode }) => opcode === 0x2a)).toHaveLength(writeCount);
  expect(disk.bufferCount).toBe(0);
  expect(server.statistics.sessions[0]?.commandsUnderWay).toBe(0);
  initiator.close();
  await server.close();
  return initiator.counts;
}

const KEYS = { seed: fc.integer(), initialR2t: fc.boolean(), immediateData: fc.boolean() };

async function assertAll(
  property: (options: Pick<Case, "seed" | "initialR2t" | "immediateData">) => Promise<unknown>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.record(KEYS), async (options) => void (await property(options))),
    { numRuns: RUN_COUNT, seed: SEED, endOnFailure: true },
  );
}

describe(`random faults (RECOVERY_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  test("ErrorRecoveryLevel 1: PDUs are lost and damaged, both ways", async () => {
    const faults = { lostOut: 12, damagedOut: 8, lostIn: 12, cut: 0 };
    const sum = { lostOut: 0, damagedOut: 0, lostIn: 0 };
    await assertAll(async (options) => {
      const counts = await run({ ...options, level: 1, connectionCount: 1, faults });
      for (const name of ["lostOut", "damagedOut", "lostIn"] as const) sum[name] += counts[name];
    });
    expect(Math.min(...Object.values(sum))).toBeGreaterThan(20);
  });

  test("the same over four connections", async () => {
    const faults = { lostOut: 12, damagedOut: 8, lostIn: 12, cut: 0 };
    await assertAll((options) => run({ ...options, level: 1, connectionCount: 4, faults }));
  });

  test("ErrorRecoveryLevel 2: connections are cut in the middle of reads and writes", async () => {
    const faults = { lostOut: 0, damagedOut: 0, lostIn: 0, cut: 3 };
    const sum = { cuts: 0, reassigned: 0 };
    await assertAll(async (options) => {
      const connectionCount = options.seed % 2 === 0 ? 1 : 3;
      const counts = await run({ ...options, level: 2, connectionCount, faults });
      sum.cuts += counts.cuts;
      sum.reassigned += counts.reassigned;
    });
    expect(sum.cuts).toBeGreaterThan(5);
    expect(sum.reassigned).toBeGreaterThan(5);
  });

  test("everything at once", async () => {
    const faults = { lostOut: 15, damagedOut: 10, lostIn: 15, cut: 8 };
    await assertAll((options) => run({ ...options, level: 2, connectionCount: 4, faults }));
  });
});

test("commands over four connections are executed in the order of CmdSN", async () => {
  const { disk, port, roundOver } = await listening();
  const initiator = new RecoveringInitiator({
    port,
    connectionCount: 4,
    level: 1,
    initialR2t: false,
    immediateData: true,
    faults: { lostOut: 0, damagedOut: 0, lostIn: 0, cut: 0 },
    roundOver,
    pick: random(SEED),
  });
  initiators.push(initiator);
  await initiator.open();
  disk.executed.length = 0;
  const count = 100;
  for (let lba = 0; lba < count; lba++) {
    if (lba % 2 === 0) initiator.read(lba, 1);
    else initiator.write(lba, pattern(512, lba));
  }
  await initiator.finish();
  expect(disk.executed.map(({ lba }) => lba)).toEqual(Array.from({ length: count }, (_, i) => i));
  initiator.close();
});
