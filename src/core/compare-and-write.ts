/** COMPARE AND WRITE done by the core: a READ(16), a comparison, a WRITE(16). */
import { Read16, SENSE, STATUS, Write16 } from "../protocol/scsi/index.ts";
import { SCST_CMD_QUEUE_HEAD_OF_QUEUE, SCST_DATA_UNKNOWN } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import type { InternalOwner } from "./internal-command.ts";

const READ_16 = 0x88;
const WRITE_16 = 0x8a;

/**
 * SBC-4, "COMPARE AND WRITE command": the first half of the buffer is compared with the medium,
 * and if it is the same the second half is written. Nothing else may touch the blocks meanwhile:
 * the caller sees to that. `done` is called when `parent` has its status.
 */
export function compareAndWrite(parent: Command, done: () => void): void {
  if (!announced(parent)) {
    parent.setSense(SENSE.INVALID_FIELD_IN_CDB, { fieldPointer: { inCdb: true, byte: 13 } });
    done();
    return;
  }
  parent.setGood(0);
  if (parent.bufferLength === 0) {
    done();
    return;
  }
  new CompareAndWriteJob(parent, done).read();
}

/** Whether the initiator sends just the two halves: a NUMBER OF LOGICAL BLOCKS has eight bits. */
function announced({ expectedDirection, expectedLength, bufferLength }: Command): boolean {
  return expectedDirection === SCST_DATA_UNKNOWN || expectedLength === bufferLength;
}

class CompareAndWriteJob implements InternalOwner {
  readonly #parent: Command;
  readonly #done: () => void;
  readonly #half: number;
  #writing = false;

  constructor(parent: Command, done: () => void) {
    this.#parent = parent;
    this.#done = done;
    this.#half = parent.bufferLength / 2;
  }

  read(): void {
    this.#submit(Read16.encode(this.#fields(READ_16)));
  }

  #fields(operationCode: number) {
    const { blockSize } = this.#parent.nexus!.device;
    const transferLength = this.#half / blockSize;
    return { operationCode, logicalBlockAddress: this.#parent.lba, transferLength };
  }

  #submit(cdb: Uint8Array): void {
    const { session, lun } = this.#parent;
    const command = session.command();
    command.setCdb(cdb, 0, cdb.length);
    command.lun = lun;
    command.taskAttribute = SCST_CMD_QUEUE_HEAD_OF_QUEUE;
    command.internal = this;
    command.submit();
  }

  fill(command: Command): void {
    command.data.set(this.#parent.data.subarray(this.#half));
  }

  ended(command: Command): void {
    const parent = this.#parent;
    if (command.aborted || parent.aborted || this.#writing || command.status !== STATUS.GOOD) {
      if (command.status !== STATUS.GOOD) parent.copyResult(command);
      this.#done();
      return;
    }
    const offset = firstDifference(parent.data, command.data, this.#half);
    if (offset >= 0) {
      parent.setSense(SENSE.MISCOMPARE_DURING_VERIFY, { information: offset });
      this.#done();
      return;
    }
    this.#writing = true;
    this.#submit(Write16.encode(this.#fields(WRITE_16)));
  }
}

/** Where the first `length` bytes of two arrays differ, or -1. */
function firstDifference(a: Uint8Array, b: Uint8Array, length: number): number {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
}
