import type { Command } from "../../../../src/core/command.ts";
import { DataBuffer } from "../../../../src/core/data-buffer.ts";
import { Device } from "../../../../src/core/device.ts";
import { executed } from "../../../../src/core/completion.ts";
import { spaceReady } from "../../../../src/core/life-cycle.ts";
import type { Nexus } from "../../../../src/core/nexus.ts";
import { SENSE } from "../../../../src/protocol/scsi/index.ts";

const BLOCK_SIZE = 512;

/** Longer buffers are not used again: whoever fuzzes asks for many, and all of them would stay. */
const KEPT_LENGTH_MAX = 1_048_576;

/**
 * A disk in memory, straight under the core: target driver tests need no handler. Its tests
 * choose what is put off: buffers (`holdBuffers`) and execution (`holdExecution`).
 */
export class RamDevice extends Device {
  readonly parsedBy = "core" as const;
  readonly descriptorSense = false;
  readonly writeProtected = false;
  readonly separateTaskSets = true;
  readonly restrictedReordering = false;
  taskAbortedStatus = false;
  readonly queueErrorManagement = 0;
  readonly ownOrderManagement = false;
  readonly persistentReserveNotifications = false;
  readonly medium: Uint8Array;
  holdBuffers = false;
  holdExecution = false;
  readonly waitingForBuffers: Command[] = [];
  readonly waitingForExecution: Command[] = [];
  /** Buffers that commands have. */
  bufferCount = 0;
  readonly #free: DataBuffer[] = [];

  constructor(name: string, blockCount = 16_384) {
    super(name, 0, BLOCK_SIZE);
    this.medium = new Uint8Array(blockCount * BLOCK_SIZE);
  }

  parse(): void {
    // parsedBy says that the core does it.
  }

  allocate(command: Command): boolean {
    if (this.holdBuffers) {
      this.waitingForBuffers.push(command);
      return false;
    }
    this.#give(command);
    return true;
  }

  allocateCached(command: Command): void {
    this.#give(command);
  }

  #give(command: Command): void {
    this.bufferCount++;
    const length = command.bufferLength;
    const free = this.#free.pop();
    command.buffer =
      free !== undefined && free.bytes.length >= length
        ? free
        : new DataBuffer(0, new Uint8Array(length), -1);
    // What is left of another command must not be seen.
    command.buffer.bytes.fill(0xee, 0, length);
  }

  /** Gives the buffers that were put off. */
  giveBuffers(): void {
    for (const command of this.waitingForBuffers.splice(0)) {
      const { core } = command.session;
      core.enter();
      this.#give(command);
      spaceReady(command);
      core.leave();
    }
  }

  exec(command: Command): void {
    if (this.holdExecution) {
      this.waitingForExecution.push(command);
      return;
    }
    this.#execute(command);
    executed(command);
  }

  /** Executes what was put off. */
  execute(): void {
    for (const command of this.waitingForExecution.splice(0)) {
      this.#execute(command);
      command.executed();
    }
  }

  #execute(command: Command): void {
    switch (command.cdb[0]) {
      case 0x00: // TEST UNIT READY
      case 0x35: // SYNCHRONIZE CACHE(10)
        command.setGood(0);
        return;
      case 0x12: // INQUIRY
        answer(command, [0, 0, 6, 2, 31], 36);
        return;
      case 0x1a: // MODE SENSE(6)
        answer(command, [3], 4);
        return;
      case 0x25: // READ CAPACITY(10)
        answer(command, [...uint32(this.#lastBlock), ...uint32(BLOCK_SIZE)], 8);
        return;
      case 0x9e: // READ CAPACITY(16)
        answer(command, [0, 0, 0, 0, ...uint32(this.#lastBlock), ...uint32(BLOCK_SIZE)], 32);
        return;
      case 0x28: // READ(10)
      case 0x88: // READ(16)
      case 0x2a: // WRITE(10)
      case 0x8a: // WRITE(16)
        this.#transfer(command);
        return;
      default:
        command.setSense(SENSE.INVALID_OPCODE);
    }
  }

  get #lastBlock(): number {
    return this.medium.length / BLOCK_SIZE - 1;
  }

  #transfer(command: Command): void {
    const start = command.lba * BLOCK_SIZE;
    const { data } = command;
    const end = start + command.bufferLength;
    if (end > this.medium.length) {
      command.setSense(SENSE.LBA_OUT_OF_RANGE);
    } else if (command.cdb[0] === 0x28 || command.cdb[0] === 0x88) {
      data.set(this.medium.subarray(start, end));
      command.setGood(command.bufferLength);
    } else {
      this.medium.set(data, start);
      command.setGood(0);
    }
  }

  free(command: Command): boolean {
    if (command.buffer !== undefined) {
      this.bufferCount--;
      if (command.buffer.bytes.length <= KEPT_LENGTH_MAX) this.#free.push(command.buffer);
    }
    return true;
  }

  takeBack(command: Command): boolean {
    for (const list of [this.waitingForBuffers, this.waitingForExecution]) {
      const index = list.indexOf(command);
      if (index < 0) continue;
      list.splice(index, 1);
      return true;
    }
    return false;
  }

  attach(_nexus: Nexus, done: (attached: boolean) => void): void {
    done(true);
  }

  detach(): void {
    // Nothing is kept for a nexus.
  }

  taskManagementReceived(_request: unknown, _nexus: Nexus, done: () => void): void {
    done();
  }

  taskManagementDone(_request: unknown, _nexus: Nexus, done: (result: number) => void): void {
    done(0);
  }
}

/** Data-in of `length` bytes that begin with `bytes`. */
function answer(command: Command, bytes: readonly number[], length: number): void {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  const count = Math.min(length, command.bufferLength);
  command.data.set(whole.subarray(0, count));
  command.setGood(count);
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
