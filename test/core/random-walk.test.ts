/** Whatever initiators, handler and administrator do, in whatever order: it ends well. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  SCST_ABORT_ALL_TASKS,
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_CLEAR_TASK_SET,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS,
  SCST_NEXUS_LOSS_SESS,
  SCST_QERR_0_ALL_RESUME,
  SCST_QERR_1_ABORT_ALL,
  SCST_QERR_3_ABORT_THIS_NEXUS_ONLY,
  SCST_TARGET_RESET,
  SCST_USER_ALLOC_MEM,
  SCST_USER_EXEC,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_PARSE,
} from "../../src/protocol/scst/index.ts";
import type { Device } from "../../src/core/index.ts";
import { Bench, type Initiator, NOTHING_LEFT, registerDisk, type Sent } from "../support/bench.ts";
import { inquiry, read10, reportLuns, synchronizeCache10, write10 } from "../support/cdbs.ts";
import { MappingDriver } from "../support/mapping-driver.ts";
import { type GetCmdView, RawProgram } from "../support/raw-program.ts";

const REQUESTS = [
  { cdb: read10(0, 1), dataInLength: 512 },
  { cdb: read10(0, 8193), dataInLength: 8193 * 512 },
  { cdb: write10(0, 1), dataOut: new Uint8Array(512) },
  { cdb: write10(0, 2), dataOut: new Uint8Array(512) },
  { cdb: inquiry(36), dataInLength: 36 },
  { cdb: reportLuns(64), dataInLength: 64 },
  { cdb: synchronizeCache10() },
  { cdb: [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], dataOut: new Uint8Array(1024) },
  { cdb: [0x41, 0, 0, 0, 0, 0, 0, 0, 3, 0], dataOut: new Uint8Array(512) },
  { cdb: [0xff, 0, 0, 0, 0, 0] },
  // It fails with NACA.
  { cdb: [0x1f, 0, 0, 0, 0, 0x04] },
  { cdb: [0x16, 0, 0, 0, 0, 0] },
  { cdb: [0x17, 0, 0, 0, 0, 0] },
];
const FUNCTIONS = [
  SCST_ABORT_ALL_TASKS,
  SCST_ABORT_ALL_TASKS_SESS,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_ACA,
  SCST_CLEAR_TASK_SET,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
];
const SUBCODES = [SCST_USER_EXEC, SCST_USER_ALLOC_MEM, SCST_USER_PARSE, 0];

const ACTS = [
  "send",
  "send",
  "send",
  "get",
  "get",
  "succeed",
  "succeed",
  "succeed",
  "wrong reply",
  "background",
  "deliver",
  "data",
  "hold",
  "manage",
  "close session",
  "force close",
  "login",
  "lun",
  "suspend",
  "resume",
  "depth",
  "handler",
  "flush",
  "time",
] as const;

const act = fc.record({
  act: fc.constantFrom(...ACTS),
  which: fc.nat(30),
  attribute: fc.integer({ min: 0, max: 4 }),
});

class Walk {
  readonly bench: Bench;
  readonly initiators: Initiator[] = [];
  readonly sent: Sent[] = [];
  /** What the handler has. */
  readonly taken: GetCmdView[] = [];
  managed = 0;
  readonly #suspensions: (() => void)[] = [];
  #names = 0;

  /** Devices whose handler was killed. */
  readonly dead: Device[] = [];
  readonly #opt: Readonly<Record<string, number>>;
  readonly mapping: MappingDriver | undefined;

  constructor(opt: Readonly<Record<string, number>>, mapping?: MappingDriver) {
    this.bench = Bench.withDisk({ opt, ...(mapping === undefined ? {} : { driver: mapping }) });
    this.#opt = opt;
    this.mapping = mapping;
    this.login();
  }

  login(): void {
    if (this.initiators.length < 4) this.initiators.push(this.bench.login(`i${this.#names++}`));
  }

  step({ act: name, which, attribute }: { act: string; which: number; attribute: number }): void {
    const { bench, taken } = this;
    const { driver, program } = bench;
    const initiator = this.initiators[which % Math.max(1, this.initiators.length)];
    const index = which % Math.max(1, taken.length);
    switch (name) {
      case "send": {
        const request = REQUESTS[which % REQUESTS.length]!;
        const sent = initiator?.send({ ...request, taskAttribute: attribute, tag: which });
        if (sent !== undefined) this.sent.push(sent);
        break;
      }
      case "get": {
        const get = program.get();
        if (get !== undefined) taken.push(get);
        break;
      }
      case "succeed":
        for (const get of taken.splice(index, 1)) bench.succeed(get);
        break;
      case "wrong reply":
        for (const { cmdH } of taken.splice(index, 1)) {
          const subcode = SUBCODES[attribute % SUBCODES.length] as number;
          program.reply({ cmdH, subcode }, (reply) => reply.bytes.fill(which, 8));
        }
        break;
      case "background":
        for (const get of taken.slice(index, index + 1)) {
          if (get.subcode !== SCST_USER_EXEC) break;
          program.reply(get, ({ execReply }) => {
            execReply.replyType = 0;
          });
        }
        break;
      case "deliver":
        driver.deliver(attribute > 0);
        break;
      case "data":
        this.mapping?.letGo();
        for (const command of driver.waitingForData.splice(0)) command.dataReceived();
        break;
      case "hold":
        driver.holdResponses = (attribute & 1) !== 0;
        driver.holdData = (attribute & 2) !== 0;
        if (this.mapping !== undefined) this.mapping.hold = which % 2 === 0;
        break;
      case "manage":
        if (initiator === undefined) break;
        this.managed++;
        initiator.manage(FUNCTIONS[which % FUNCTIONS.length] as number, { tag: which });
        break;
      case "close session":
      case "force close":
        if (initiator === undefined) break;
        this.initiators.splice(this.initiators.indexOf(initiator), 1);
        if (name === "close session") initiator.close();
        else initiator.session.forceClose(() => {});
        break;
      case "suspend":
      case "resume":
      case "depth":
      case "handler":
        this.#administer(name, which, attribute);
        break;
      case "login":
        this.login();
        break;
      case "lun":
        if (bench.target.luns.has(0)) bench.target.removeLun(0);
        else if (bench.core.devices.has("disk")) bench.target.addLun(0, "disk");
        break;
      case "flush":
        program.ioctl(SCST_USER_FLUSH_CACHE);
        break;
      case "time":
        bench.clock.advance(which * 1000);
        break;
      default:
        break;
    }
  }

  #administer(name: string, which: number, attribute: number): void {
    const { core } = this.bench;
    switch (name) {
      case "suspend":
        if (!core.devices.has("disk")) break;
        this.#suspensions.push(
          core.suspend(() => {}, attribute === 0 ? {} : { device: "disk", timeoutMs: which * 500 }),
        );
        break;
      case "resume":
        this.#suspensions.pop()?.();
        break;
      case "depth": {
        const queueDepth = core.devices.get("disk")?.queueDepth;
        if (queueDepth === undefined) break;
        queueDepth.max = 1 + which;
        if (attribute === 0) queueDepth.adapt(this.bench.clock);
        break;
      }
      default:
        this.#killHandler();
        break;
    }
  }

  /** The handler dies and is started again: its LUNs come back. */
  #killHandler(): void {
    const { program } = this.bench;
    const device = program.device.device!;
    program.device.close();
    this.taken.length = 0;
    this.dead.push(device);
    this.bench.program = new RawProgram(this.bench.core);
    expect(registerDisk(this.bench.program, { opt: this.#opt })).toBe(0);
  }

  /** Lets go of what the driver holds back, as often as something comes. */
  release(): void {
    const { driver } = this.bench;
    driver.holdData = false;
    driver.holdResponses = false;
    if (this.mapping !== undefined) {
      this.mapping.hold = false;
      this.mapping.letGo();
    }
    for (const command of driver.waitingForData.splice(0)) command.dataReceived();
    driver.deliver();
  }

  /** The handler answers for all that it has, and for all that comes. */
  finish(): void {
    for (const resume of this.#suspensions.splice(0)) resume();
    for (let rounds = 0; rounds < 100; rounds++) {
      this.release();
      let gets = [...this.taken.splice(0), ...this.bench.program.drain()];
      if (gets.length === 0) gets = this.#clearAca();
      if (gets.length === 0) return;
      for (const get of gets) this.bench.succeed(get);
    }
  }

  /** Commands that wait for no handler wait for the end of an ACA condition. */
  #clearAca(): GetCmdView[] {
    if (this.bench.leftOver.commands === 0) return [];
    for (const initiator of this.initiators) {
      this.managed++;
      initiator.manage(SCST_CLEAR_ACA);
    }
    return this.bench.program.drain();
  }

  expectNothingLeft(): void {
    expect(this.sent.filter(({ response }) => response === undefined)).toHaveLength(0);
    expect(this.bench.driver.done).toHaveLength(this.managed);
    expect(this.bench.leftOver).toEqual(NOTHING_LEFT);
    expect(this.bench.core.commandMemory.used).toBe(0);
    const { device } = this.bench.program.device;
    for (const { activeCount, internalCount, leaving } of [...this.dead, device!]) {
      expect([activeCount, internalCount, leaving.size]).toEqual([0, 0, 0]);
    }
  }
}

const walks = fc.record({
  opt: fc.record({
    memoryReuseType: fc.integer({ min: 0, max: 3 }),
    onFreeCmdType: fc.integer({ min: 0, max: 1 }),
    tst: fc.integer({ min: 0, max: 1 }),
    queueAlg: fc.integer({ min: 0, max: 1 }),
    parseType: fc.constantFrom(0, 2),
    tas: fc.integer({ min: 0, max: 1 }),
    qerr: fc.constantFrom(
      SCST_QERR_0_ALL_RESUME,
      SCST_QERR_1_ABORT_ALL,
      SCST_QERR_3_ABORT_THIS_NEXUS_ONLY,
    ),
  }),
  steps: fc.array(act, { maxLength: 80, size: "max" }),
});

test("a handler that answers at last ends every command", () => {
  fc.assert(
    fc.property(walks, ({ opt, steps }) => {
      const walk = new Walk(opt);
      for (const step of steps) walk.step(step);
      walk.finish();
      walk.expectNothingLeft();
    }),
    { numRuns: 300 },
  );
});

test("a target driver that maps buffers uses no other, and unmaps them all", () => {
  fc.assert(
    fc.property(walks, ({ opt, steps }) => {
      const mapping = new MappingDriver();
      const walk = new Walk(opt, mapping);
      for (const step of steps) walk.step(step);
      walk.finish();
      walk.expectNothingLeft();
      const { program } = walk.bench;
      expect(mapping.mapped.size).toBeLessThanOrEqual(program.device.device!.pool.size);
      program.device.close();
      expect(mapping.mapped.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test("a handler that goes ends every command", () => {
  fc.assert(
    fc.property(walks, ({ opt, steps }) => {
      const walk = new Walk(opt);
      for (const step of steps) walk.step(step);
      const device = walk.bench.program.device.device!;
      walk.bench.program.device.close();
      walk.release();
      walk.release();
      walk.expectNothingLeft();
      expect([device.table.used, walk.bench.clock.timers]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});
