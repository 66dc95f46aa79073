/** COMPARE AND WRITE done by the core: a READ(16), a comparison, a WRITE(16). */
import { SENSE, STATUS } from "../protocol/scsi/index.ts";
import { SCST_CMD_QUEUE_HEAD_OF_QUEUE, SCST_DATA_UNKNOWN } from "../protocol/scst/index.ts";
import type { Command } from "./command.ts";
import { type InternalOwner, read16, submitInternal, write16 } from "./internal-command.ts";

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
    this.#submit(read16);
  }

  #submit(cdbOf: typeof read16): void {
    const parent = this.#parent;
    const cdb = cdbOf(parent.lba, this.#half / parent.nexus!.device.blockSize);
    submitInternal(parent, parent.lun, cdb, this, SCST_CMD_QUEUE_HEAD_OF_QUEUE);
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
    this.#submit(write16);
  }
}

/** Where the first `length` bytes of two arrays differ, or -1. */
function firstDifference(a: Uint8Array, b: Uint8Array, length: number): number {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return -1;
}
