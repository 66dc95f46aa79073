/** WRITE SAME done by the core: the block goes to every range, as WRITE(16) commands. */
import { STATUS, WriteSame10, WriteSame16 } from "../protocol/scsi/index.ts";
import type { Command } from "./command.ts";
import { type InternalOwner, submitInternal, write16 } from "./internal-command.ts";

/** Blocks of the medium, from `lba`. */
export interface BlockRange {
  readonly lba: number;
  readonly blocks: number;
}

/** One WRITE(16) writes at most this much, in bytes. */
const WRITE_LENGTH_MAX = 128 * 1024;

/** So many of them run at once. */
const IN_FLIGHT_MAX = 32;

const WRITE_SAME_10 = 0x41;
const WRITE_SAME_16 = 0x93;

/** Whether the core can do the command: WRITE SAME(10) or (16) with a block of data. */
export function isWriteSame(command: Command): boolean {
  const opcode = command.cdb[0];
  return (opcode === WRITE_SAME_10 || opcode === WRITE_SAME_16) && command.bufferLength > 0;
}

/** The range that the CDB of a WRITE SAME names. */
export function writeSameRange({ cdb }: Command): BlockRange {
  const view = cdb[0] === WRITE_SAME_10 ? WriteSame10.view(cdb) : WriteSame16.view(cdb);
  return { lba: view.logicalBlockAddress, blocks: view.numberOfLogicalBlocks };
}

/** Writes the block in `parent`'s buffer to `ranges`; `done` is called when all is written. */
export function writeSame(parent: Command, ranges: readonly BlockRange[], done: () => void): void {
  new WriteSameJob(parent, ranges, done).run();
}

class WriteSameJob implements InternalOwner {
  readonly #parent: Command;
  readonly #ranges: readonly BlockRange[];
  readonly #done: () => void;
  readonly #blockSize: number;
  #range = 0;
  #written = 0;
  #inFlight = 0;
  #failed = false;

  constructor(parent: Command, ranges: readonly BlockRange[], done: () => void) {
    this.#parent = parent;
    this.#ranges = ranges;
    this.#done = done;
    this.#blockSize = parent.bufferLength;
    parent.setGood(0);
  }

  /** Keeps the device busy until nothing is left. */
  run(): void {
    // One of its own, so that commands that end at once do not end the job in the loop.
    this.#inFlight++;
    while (this.#inFlight <= IN_FLIGHT_MAX && !this.#failed && !this.#parent.aborted) {
      const range = this.#ranges[this.#range];
      if (range === undefined) break;
      this.#writeNext(range);
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.#done();
  }

  #writeNext(range: BlockRange): void {
    const blocks = Math.min(
      range.blocks - this.#written,
      Math.max(1, Math.floor(WRITE_LENGTH_MAX / this.#blockSize)),
    );
    const lba = range.lba + this.#written;
    this.#written += blocks;
    if (this.#written >= range.blocks) {
      this.#range++;
      this.#written = 0;
    }
    this.#inFlight++;
    submitInternal(this.#parent, this.#parent.lun, write16(lba, blocks), this);
  }

  fill(command: Command): void {
    const block = this.#parent.data;
    const { data } = command;
    for (let at = 0; at < data.length; at += block.length) data.set(block, at);
  }

  ended(command: Command): void {
    if (command.aborted) {
      this.#failed = true;
    } else if (command.status !== STATUS.GOOD && !this.#failed) {
      this.#failed = true;
      this.#parent.copyResult(command);
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.run();
  }
}
