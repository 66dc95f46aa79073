import type { Command } from "../../../../src/core/command.ts";
import { executed } from "../../../../src/core/completion.ts";
import {
  BlockLimitsVpdPage,
  COMMAND_SUPPORT,
  GetLbaStatus,
  GetLbaStatusData,
  LbaStatusDescriptor,
  OneCommandHeader,
  PROVISIONING_STATUS,
  ReadCapacity16Data,
  UnmapBlockDescriptor,
  UnmapParameterList,
  WriteSame16,
} from "../../../../src/protocol/scsi/index.ts";
import { RamDevice } from "../../iscsi/support/ram-device.ts";

const BLOCK_SIZE = 512;

/** A disk that knows which of its blocks have storage, and tells what it was asked to do. */
export class ThinDevice extends RamDevice {
  /** The opcodes of the commands that it carried out, in hexadecimal. */
  readonly carriedOut: string[] = [];
  /** Which blocks have storage. */
  readonly mapped: Uint8Array;
  readonly unmapBlocksMax = 1024;
  /** Service actions wait until {@link answer}. */
  holdQuestions = false;
  readonly #questions: Command[] = [];
  /** MAXIMUM TRANSFER LENGTH; 0 for no limit. */
  transferBlocksMax = 0;

  constructor(name: string, blockCount = 16_384) {
    super(name, blockCount);
    this.mapped = new Uint8Array(blockCount);
  }

  /** Answers what was held. */
  answer(): void {
    this.holdQuestions = false;
    for (const command of this.#questions.splice(0)) this.exec(command);
  }

  override exec(command: Command): void {
    const opcode = command.cdb[0] as number;
    if (this.holdQuestions && opcode === 0x9e) {
      this.#questions.push(command);
      return;
    }
    this.carriedOut.push(opcode.toString(16));
    if (opcode === 0x8a && !this.holdExecution) {
      this.mapped.fill(1, command.lba, command.lba + command.bufferLength / BLOCK_SIZE);
    }
    const run = this.#commands.get(opcode);
    if (run === undefined || !run(command)) super.exec(command);
    else executed(command);
  }

  readonly #commands = new Map<number, (command: Command) => boolean>([
    [0x12, (command) => this.#inquiry(command)],
    [0x42, (command) => this.#unmap(command)],
    [0x90, (command) => good(command)],
    [0x91, (command) => good(command)],
    [0x93, (command) => this.#writeSame(command)],
    [0x9e, (command) => this.#serviceActionIn(command)],
    [0xa3, (command) => supported(command)],
  ]);

  #inquiry(command: Command): boolean {
    if (command.cdb[2] !== 0xb0) return false;
    return answer(
      command,
      BlockLimitsVpdPage.encode({
        pageCode: 0xb0,
        pageLength: 60,
        maximumTransferLength: this.transferBlocksMax,
        maximumUnmapLbaCount: this.unmapBlocksMax,
        maximumUnmapBlockDescriptorCount: 1,
        maximumWriteSameLength: 2048,
      }),
    );
  }

  #unmap(command: Command): boolean {
    const descriptor = UnmapBlockDescriptor.view(command.data, UnmapParameterList.size);
    const { unmapLogicalBlockAddress: lba, numberOfLogicalBlocks: count } = descriptor;
    this.#deallocate(lba, count);
    return good(command);
  }

  #writeSame(command: Command): boolean {
    const cdb = WriteSame16.view(command.cdb);
    const { logicalBlockAddress: lba, numberOfLogicalBlocks: count } = cdb;
    this.#deallocate(lba, count);
    if (!cdb.unmap) this.mapped.fill(1, lba, lba + count);
    return good(command);
  }

  #deallocate(lba: number, count: number): void {
    this.mapped.fill(0, lba, lba + count);
    this.medium.fill(0, lba * BLOCK_SIZE, (lba + count) * BLOCK_SIZE);
  }

  #serviceActionIn(command: Command): boolean {
    const cdb = GetLbaStatus.view(command.cdb);
    if (cdb.serviceAction === 0x10) {
      return answer(
        command,
        ReadCapacity16Data.encode({
          returnedLogicalBlockAddress: this.mapped.length - 1,
          logicalBlockLength: BLOCK_SIZE,
          lbpme: true,
          lbprz: true,
        }),
      );
    }
    const parts: Uint8Array[] = [new Uint8Array(GetLbaStatusData.size)];
    const room = cdb.allocationLength - GetLbaStatusData.size;
    let lba = cdb.startingLogicalBlockAddress;
    while (lba < this.mapped.length && parts.length * LbaStatusDescriptor.size <= room) {
      const state = this.mapped[lba];
      let end = lba;
      while (end < this.mapped.length && this.mapped[end] === state) end++;
      parts.push(
        LbaStatusDescriptor.encode({
          logicalBlockAddress: lba,
          numberOfLogicalBlocks: end - lba,
          provisioningStatus:
            state === 1 ? PROVISIONING_STATUS.MAPPED : PROVISIONING_STATUS.DEALLOCATED,
        }),
      );
      lba = end;
    }
    return answer(command, Buffer.concat(parts));
  }
}

/** REPORT SUPPORTED OPERATION CODES: everything, with all bits of the CDB. */
function supported(command: Command): boolean {
  const header = OneCommandHeader.encode({ support: COMMAND_SUPPORT.STANDARD, cdbSize: 16 });
  return answer(command, Buffer.concat([header, new Uint8Array(16).fill(0xff)]));
}

function good(command: Command): boolean {
  command.setGood(0);
  return true;
}

function answer(command: Command, data: Uint8Array): boolean {
  command.answer(data);
  return true;
}
