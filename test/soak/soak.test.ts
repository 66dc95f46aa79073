/**
 * Initiators under load, while everything happens to them at once: functions of task management,
 * logouts, LUNs and programs that come and go. `SOAK_SECONDS` says for how long, `SOAK_SEED` how.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Core, createCore, LocalTarget } from "scst-user";
import { expect, test } from "vitest";
import { BLOCK_BYTES } from "./blocks.ts";
import { BLOCKS_PER_CLIENT, Client, type SharedCounter, Tally } from "./client.ts";
import { MortalDisk, type Random } from "./mortal-disk.ts";

const SECONDS = Number(process.env["SOAK_SECONDS"] ?? (process.env["CI"] === undefined ? 5 : 60));
const SEED = Number(process.env["SOAK_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

const CLIENTS = 8;
const DEPTH = 32;
const DISKS = 3;
const TARGETS = 2;
const BLOCKS = 1 + CLIENTS * BLOCKS_PER_CLIENT;
const COUNTER_LBA = 0;

/** What the heap may have grown by between the first quarter and the end. */
const GROWTH_MAX_BYTES = 8 * 1024 * 1024;

class Soak {
  readonly random = mulberry32(SEED);
  readonly core: Core = createCore();
  readonly tally = new Tally();
  readonly counters: SharedCounter[] = Array.from({ length: DISKS }, () => ({
    lba: COUNTER_LBA,
    value: 0,
    counted: 0,
    unknown: 0,
  }));
  readonly disks = this.counters.map(
    (_, i) => new MortalDisk(this.core, `disk${i}`, BLOCKS, this.random),
  );
  readonly targets = Array.from({ length: TARGETS }, (_, i) => new LocalTarget(this.core, `t${i}`));
  readonly clients: Client[] = [];

  async open(): Promise<void> {
    for (const disk of this.disks) await disk.start();
    for (const target of this.targets) {
      for (const [lun, { name }] of this.disks.entries()) target.addLun(lun, name);
    }
    for (let i = 0; i < CLIENTS; i++) {
      const target = this.targets[i % TARGETS]!;
      this.clients.push(new Client(target, i, this.counters, this.random, this.tally));
    }
  }

  async run(untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      for (const client of this.clients) client.fill(DEPTH);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      await this.#disturb(this.random());
    }
  }

  async #disturb(chance: number): Promise<void> {
    const client = this.clients[Math.floor(this.random() * CLIENTS)]!;
    if (chance < 0.05) client.manage();
    else if (chance < 0.055) void client.reconnect();
    else if (chance < 0.06) this.#changeLuns();
    else if (chance < 0.064) await this.#killDisk();
  }

  #changeLuns(): void {
    const target = this.targets[Math.floor(this.random() * TARGETS)]!;
    const lun = Math.floor(this.random() * DISKS);
    target.removeLun(lun);
    for (const client of this.clients) client.fill(DEPTH);
    target.addLun(lun, this.disks[lun]!.name);
  }

  async #killDisk(): Promise<void> {
    const disk = this.disks[Math.floor(this.random() * DISKS)]!;
    disk.kill();
    for (const client of this.clients) client.fill(DEPTH);
    await sleep(this.random() * 10);
    await disk.start();
  }

  /** Waits for what is under way; a test that waits for ever fails by its time limit. */
  async settle(): Promise<void> {
    const { tally } = this;
    while (tally.done < tally.submitted || tally.functionsDone < tally.functions) await sleep(5);
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close();
  }

  /** What is left in the core of commands and sessions. */
  get leftOver(): Record<string, number> {
    const targets = [...this.core.targets.values()];
    const devices = [...this.core.devices.values()];
    return {
      sessions: sum(targets.map(({ sessions }) => [...sessions].length)),
      nexuses: sum(devices.map(({ nexuses }) => nexuses.size)),
    };
  }
}

test(
  `${CLIENTS} sessions, ${DEPTH} commands each, for ${SECONDS} s (seed ${SEED})`,
  { timeout: (SECONDS + 60) * 1000 },
  async () => {
    const soak = new Soak();
    const { tally } = soak;
    await soak.open();
    const startMs = performance.now();
    await soak.run(startMs + SECONDS * 250);
    const before = heapBytes();
    await soak.run(startMs + SECONDS * 1000);
    await soak.settle();
    const growth = heapBytes() - before;
    await soak.close();

    expect(tally.faults).toEqual([]);
    expect(tally.done).toBe(tally.submitted);
    expect(soak.leftOver).toEqual({ sessions: 0, nexuses: 0 });
    expect(growth).toBeLessThan(GROWTH_MAX_BYTES);
    for (const [lun, counter] of soak.counters.entries()) expectCount(soak.disks[lun]!, counter);
    // A soak in which nothing happened proves nothing.
    expect(tally.functions).toBeGreaterThan(0);
    expect(tally.aborted).toBeGreaterThan(0);
    expect(sum(soak.disks.map(({ deaths }) => deaths))).toBeGreaterThan(0);
    expect(tally.statuses.get(0)).toBeGreaterThan(tally.submitted / 4);
  },
);

/** Each COMPARE AND WRITE that was answered with GOOD has counted, and no other but the unknown. */
function expectCount({ store }: MortalDisk, { counted, unknown }: SharedCounter): void {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  void store.read(bytes, COUNTER_LBA * BLOCK_BYTES);
  const value = bytes.readUInt32BE();
  expect(counted).toBeGreaterThan(0);
  expect(value).toBeGreaterThanOrEqual(counted);
  expect(value).toBeLessThanOrEqual(counted + unknown);
}

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A small generator of random numbers that a seed repeats. */
function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
