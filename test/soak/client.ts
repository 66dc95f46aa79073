/** An initiator that keeps many commands under way and looks at every answer. */
import type { Command } from "../../src/core/index.ts";
import {
  type LocalInitiator,
  type LocalTarget,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_LUN_RESET,
  SCST_NEXUS_LOSS_SESS,
  SCST_TARGET_RESET,
  STATUS,
} from "scst-user";
import { BLOCK_BYTES, Blocks } from "./blocks.ts";
import { compareAndWrite, read10, testUnitReady, write10 } from "../support/cdbs.ts";
import type { Random } from "./mortal-disk.ts";

export const BLOCKS_PER_CLIENT = 64;

const FUNCTIONS = [
  SCST_ABORT_TASK,
  SCST_ABORT_TASK,
  SCST_ABORT_TASK_SET,
  SCST_CLEAR_TASK_SET,
  SCST_LUN_RESET,
  SCST_TARGET_RESET,
  SCST_NEXUS_LOSS_SESS,
];

/** A counter in a block that all initiators share: COMPARE AND WRITE counts it up. */
export interface SharedCounter {
  readonly lba: number;
  value: number;
  counted: number;
  /** Commands that were aborted: they may have counted. */
  unknown: number;
}

/** What all clients together have seen. */
export class Tally {
  submitted = 0;
  done = 0;
  aborted = 0;
  functions = 0;
  functionsDone = 0;
  readonly statuses = new Map<number, number>();
  readonly faults: string[] = [];
}

export class Client {
  readonly #target: LocalTarget;
  readonly #name: string;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #counters: readonly SharedCounter[];
  readonly #blocks: Blocks[];
  readonly #firstBlock: number;
  #initiator: LocalInitiator;
  #tag = 0;
  #underWay = 0;
  #moving = false;

  constructor(
    target: LocalTarget,
    index: number,
    counters: readonly SharedCounter[],
    random: Random,
    tally: Tally,
  ) {
    this.#target = target;
    this.#name = `client${index}`;
    this.#random = random;
    this.#tally = tally;
    this.#counters = counters;
    this.#blocks = counters.map(() => new Blocks(BLOCKS_PER_CLIENT));
    this.#firstBlock = 1 + index * BLOCKS_PER_CLIENT;
    this.#initiator = target.connect(this.#name);
  }

  /** Sees to it that `depth` commands are under way. */
  fill(depth: number): void {
    while (this.#underWay < depth && !this.#moving) this.#submit();
  }

  manage(): void {
    this.#tally.functions++;
    const request = {
      function: this.#pick(FUNCTIONS),
      lun: this.#below(this.#counters.length),
      tag: this.#tag - this.#below(32),
    };
    void this.#initiator.taskManagement(request).then(() => this.#tally.functionsDone++);
  }

  /** Logs out, with commands under way, and in again. */
  async reconnect(): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    await this.#initiator.close();
    if (this.#underWay > 0)
      this.#tally.faults.push(`${this.#underWay} commands outlived a session`);
    this.#initiator = this.#target.connect(this.#name);
    this.#moving = false;
  }

  async close(): Promise<void> {
    await this.#initiator.close();
  }

  #submit(): void {
    const lun = this.#below(this.#counters.length);
    const chance = this.#random();
    if (chance < 0.45) this.#read(lun);
    else if (chance < 0.85) this.#write(lun);
    else if (chance < 0.95) this.#count(lun);
    else this.#send(lun, { cdb: testUnitReady() }, () => undefined);
  }

  #read(lun: number): void {
    const blocks = this.#blocks[lun]!;
    const index = blocks.take(this.#below(BLOCKS_PER_CLIENT));
    if (index === undefined) return this.#send(lun, { cdb: testUnitReady() }, () => undefined);
    this.#send(lun, { cdb: read10(this.#firstBlock + index, 1), read: BLOCK_BYTES }, (command) => {
      blocks.release(index);
      if (!good(command)) return;
      const fault = blocks.faultOf(index, command.data.subarray(0, command.responseLength));
      if (fault !== undefined) this.#tally.faults.push(`${this.#name}, LUN ${lun}: ${fault}`);
    });
  }

  #write(lun: number): void {
    const blocks = this.#blocks[lun]!;
    const index = blocks.take(this.#below(BLOCKS_PER_CLIENT));
    if (index === undefined) return this.#send(lun, { cdb: testUnitReady() }, () => undefined);
    const dataOut = new Uint8Array(BLOCK_BYTES);
    const stamp = blocks.stamp(index, dataOut);
    this.#send(lun, { cdb: write10(this.#firstBlock + index, 1), dataOut }, (command) => {
      blocks.release(index);
      if (good(command)) blocks.written(index, stamp);
    });
  }

  /** Reads the counter, or counts up from what was read last. */
  #count(lun: number): void {
    const counter = this.#counters[lun]!;
    if (this.#random() < 0.5) {
      this.#send(lun, { cdb: read10(counter.lba, 1), read: BLOCK_BYTES }, (command) => {
        if (!good(command)) return;
        const value = Buffer.from(command.data.slice(0, 4)).readUInt32BE();
        counter.value = Math.max(counter.value, value);
      });
      return;
    }
    const dataOut = Buffer.alloc(2 * BLOCK_BYTES);
    dataOut.writeUInt32BE(counter.value, 0);
    dataOut.writeUInt32BE(counter.value + 1, BLOCK_BYTES);
    this.#send(lun, { cdb: compareAndWrite(counter.lba, 1), dataOut }, (command) => {
      if (good(command)) counter.counted++;
      else if (command.aborted || !miscompared(command)) counter.unknown++;
    });
  }

  #send(
    lun: number,
    what: { cdb: readonly number[]; read?: number; dataOut?: Uint8Array },
    done: (command: Command) => void,
  ): void {
    const { dataOut, read = 0 } = what;
    let answered = false;
    this.#tally.submitted++;
    this.#underWay++;
    const tag = ++this.#tag;
    this.#initiator.submit({
      lun,
      cdb: Uint8Array.from(what.cdb),
      tag,
      expectedDirection:
        dataOut !== undefined ? SCST_DATA_WRITE : read > 0 ? SCST_DATA_READ : SCST_DATA_NONE,
      expectedLength: dataOut?.length ?? read,
      dataOut,
      done: (command) => {
        if (answered) this.#tally.faults.push(`tag ${tag} was answered twice`);
        answered = true;
        this.#underWay--;
        this.#note(command);
        done(command);
      },
    });
  }

  #note(command: Command): void {
    const { statuses } = this.#tally;
    this.#tally.done++;
    if (command.aborted) this.#tally.aborted++;
    else statuses.set(command.status, (statuses.get(command.status) ?? 0) + 1);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }
}

function good(command: Command): boolean {
  return !command.aborted && command.status === STATUS.GOOD;
}

const MISCOMPARE = 0x0e;

function miscompared(command: Command): boolean {
  return (
    command.status === STATUS.CHECK_CONDITION && ((command.sense[2] ?? 0) & 0x0f) === MISCOMPARE
  );
}
