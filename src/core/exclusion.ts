/**
 * Commands that may not run beside others of the device: COMPARE AND WRITE beside what touches
 * its blocks (SBC-4, "COMPARE AND WRITE command": it is one uninterrupted series), FORMAT UNIT
 * and the like beside anything, reservations beside each other.
 */
import {
  SCST_DESCRIPTORS_BASED,
  SCST_LBA_NOT_VALID,
  SCST_SCSI_ATOMIC,
  SCST_SERIALIZED,
  SCST_STRICTLY_SERIALIZED,
} from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";

const EXCLUSIVE = SCST_SCSI_ATOMIC | SCST_STRICTLY_SERIALIZED;

/** What runs on a device, as far as it excludes others. */
export class Exclusion {
  /** Commands that are being executed and exclude others: few, mostly none. */
  readonly #exclusive: Command[] = [];
  readonly #waiting: Command[] = [];
  /** Those that have waited and are about to ask again. */
  readonly #asking: Command[] = [];
  /** Resets under way: nothing begins. */
  #blockCount = 0;

  /**
   * Whether the command can run now. If not, it is told by `resume` when it can.
   *
   * @param running what the device of a command is executing; asked for only of one that
   *   excludes others
   */
  begins(command: Command, running: (command: Command) => Iterable<Command>): boolean {
    const flags = command.opFlags;
    if ((flags & EXCLUSIVE) === 0 && !this.watches) return true;
    if (this.#isExcluded(command, running)) {
      this.#waiting.push(command);
      return false;
    }
    if ((flags & EXCLUSIVE) !== 0) this.#exclusive.push(command);
    return true;
  }

  /**
   * The same for a part of a command at another device, such as a WRITE of an EXTENDED COPY. It
   * waits for what runs, and for nothing else: what waits here may be waiting for the command
   * that it is part of.
   */
  partBegins(command: Command): boolean {
    if (!this.#exclusive.some((other) => excludes(other, command))) return true;
    this.#waiting.push(command);
    return false;
  }

  #isExcluded(command: Command, running: (command: Command) => Iterable<Command>): boolean {
    if (this.#blockCount > 0) return true;
    for (const other of this.#exclusive) if (excludes(other, command)) return true;
    // One that waits has its turn before those that came later.
    for (const other of this.#waiting) if (excludes(other, command)) return true;
    if ((command.opFlags & EXCLUSIVE) === 0) return false;
    for (const other of running(command))
      if (other !== command && excludes(command, other)) return true;
    return false;
  }

  /** Whether {@link ended} has to be told of each end. */
  get watches(): boolean {
    return this.#exclusive.length > 0 || this.#waiting.length > 0 || this.#blockCount > 0;
  }

  /** A command is done: others may be able to run, and `resume` is called for them. */
  ended(command: Command, resume: (command: Command) => void): void {
    const index = this.#exclusive.indexOf(command);
    if (index >= 0) this.#exclusive.splice(index, 1);
    this.#resume(resume);
  }

  #resume(resume: (command: Command) => void): void {
    // One that ends at once brings us here again, and may end others that have not asked yet.
    this.#asking.unshift(...this.#waiting.splice(0));
    for (let next = this.#asking.shift(); next !== undefined; next = this.#asking.shift()) {
      resume(next);
    }
  }

  /** Nothing begins until {@link unblock}. Blocks nest. */
  block(): void {
    this.#blockCount++;
  }

  /** Ends a block; when it was the last, `resume` is called for what has waited. */
  unblock(resume: (command: Command) => void): void {
    this.#blockCount--;
    if (this.#blockCount === 0) this.#resume(resume);
  }

  /** A waiting command will not run. */
  forget(command: Command): void {
    for (const list of [this.#waiting, this.#asking]) {
      const index = list.indexOf(command);
      if (index >= 0) list.splice(index, 1);
    }
  }
}

/** Whether `command`, while it runs, keeps `other` from running. */
function excludes(command: Command, other: Command): boolean {
  const flags = command.opFlags;
  if ((flags & SCST_STRICTLY_SERIALIZED) === SCST_STRICTLY_SERIALIZED) return true;
  if ((flags & SCST_SERIALIZED) !== 0) return (other.opFlags & SCST_SERIALIZED) !== 0;
  return overlaps(command, other);
}

/** Whether both touch a block. One whose blocks are in its parameter list may touch any. */
function overlaps(a: Command, b: Command): boolean {
  if ((b.opFlags & SCST_DESCRIPTORS_BASED) !== 0) return true;
  if ((b.opFlags & SCST_LBA_NOT_VALID) !== 0) return false;
  const blockSize = a.nexus?.device.blockSize ?? 1;
  return a.lba < b.lba + b.dataLength / blockSize && b.lba < a.lba + a.dataLength / blockSize;
}
