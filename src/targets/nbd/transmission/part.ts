import type { Timer } from "../../../core/clock.ts";
import type { Command } from "../../../core/command.ts";
import { NbdError } from "../../../protocol/nbd/index.ts";
import { UnmapBlockDescriptor, UnmapParameterList } from "../../../protocol/scsi/index.ts";
import { SCST_DATA_NONE, SCST_DATA_READ, SCST_DATA_WRITE } from "../../../protocol/scst/index.ts";
import * as cdb from "../scsi/cdb.ts";
import type { CommandOwner } from "../scsi/client.ts";
import { AGAIN, AGAIN_LATER, outcomeOf } from "../scsi/outcome.ts";
import type { Request } from "./request.ts";
import type { Transmission } from "./transmission.ts";

/** What a part does to its blocks. */
export const PartKind = {
  read: 0,
  /** A read without a command: the blocks are known to be zeros. */
  hole: 1,
  write: 2,
  /** A write of zeros. */
  zeros: 3,
  writeSame: 4,
  unmap: 5,
  prefetch: 6,
  synchronize: 7,
  /** The question where the medium has holes. */
  provisioning: 8,
} as const;
export type PartKind = (typeof PartKind)[keyof typeof PartKind];

/** How long a device that is busy is left alone. */
const BUSY_DELAY_MS = 50;

const UNMAP_LIST_LENGTH = UnmapParameterList.size + UnmapBlockDescriptor.size;
const LENGTH_FIELD_LENGTH = 2;

/**
 * One SCSI command of a request, and what has to be kept until the device has carried it out:
 * commands that had no chance go again. Connections keep a pool of them.
 */
export class Part implements CommandOwner {
  readonly #phase: Transmission;
  request!: Request;
  kind: PartKind = PartKind.read;
  /** Where it begins on the medium, in bytes. */
  offset = 0;
  length = 0;
  /** A read's, which has the data, until the reply has left or a copy was made. */
  command: Command | undefined = undefined;
  /** The data are on their way: the part is needed until they have left. */
  lent = false;
  /** Its request is over. */
  dropped = false;
  /** What was read; or where a write's payload goes, from when there is a buffer. */
  data: Uint8Array | undefined = undefined;
  /** Bytes of the payload that have come. */
  received = 0;
  /** It is over: what still comes of its payload is dropped. */
  ended = false;
  #retryCount = 0;
  /** The data of a write's command that had no chance: for the next one. */
  #kept: Uint8Array | undefined = undefined;
  /** It has a place in the window. */
  #entered = false;
  #timer: Timer | undefined = undefined;
  #issued: Command | undefined = undefined;

  constructor(phase: Transmission) {
    this.#phase = phase;
  }

  reset(): void {
    this.command = undefined;
    this.lent = false;
    this.dropped = false;
    this.data = undefined;
    this.received = 0;
    this.ended = false;
    this.#retryCount = 0;
    this.#kept = undefined;
    this.#entered = false;
    this.#timer = undefined;
    this.#issued = undefined;
  }

  get writes(): boolean {
    return this.kind >= PartKind.write && this.kind <= PartKind.unmap;
  }

  /** For the window: there is a place for its command. */
  enter(): void {
    this.#entered = true;
    this.#issue();
  }

  #leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#phase.window.left();
  }

  /** Gives the command to the core. */
  #issue(): void {
    const { session, lun, properties } = this.#phase;
    const command = session.command();
    this.#issued = command;
    command.transport = this;
    command.lun = lun;
    const lba = this.offset / properties.blockSize;
    const blocks = this.length / properties.blockSize;
    command.expectedDirection = SCST_DATA_NONE;
    switch (this.kind) {
      case PartKind.read:
        cdb.setRead(command, properties.readOpcode, lba, blocks);
        expectDataIn(command, this.length);
        break;
      case PartKind.write:
      case PartKind.zeros:
        cdb.setWrite(command, lba, blocks, this.request.fua && properties.forceUnitAccess);
        expectDataOut(command, this.length);
        break;
      case PartKind.writeSame: {
        const ndob = properties.writeSameWithoutData;
        const unmap = properties.writeSameUnmaps && !this.request.noHole;
        cdb.setWriteSame(command, lba, blocks, { unmap, ndob });
        if (!ndob) expectDataOut(command, properties.blockSize);
        break;
      }
      case PartKind.unmap:
        cdb.setUnmap(command, UNMAP_LIST_LENGTH);
        expectDataOut(command, UNMAP_LIST_LENGTH);
        break;
      case PartKind.prefetch:
        cdb.setPrefetch(command, lba, blocks);
        break;
      case PartKind.provisioning: {
        const allocationLength = this.#phase.extents.allocationLength;
        cdb.setGetLbaStatus(command, lba, allocationLength);
        expectDataIn(command, allocationLength);
        break;
      }
      default:
        cdb.setSynchronizeCache(command, properties.synchronizeCacheOpcode);
    }
    command.submit();
  }

  /** The command has its buffer. */
  readyToTransfer(command: Command): void {
    const { data } = command;
    if (this.kind === PartKind.write) {
      this.data = data;
      if (this.#kept === undefined) {
        this.#phase.bufferReady();
        return;
      }
      data.set(this.#kept);
      this.#kept = undefined;
    } else if (this.kind === PartKind.unmap) {
      this.#fillUnmapList(data);
    } else {
      data.fill(0);
    }
    command.dataReceived();
  }

  #fillUnmapList(data: Uint8Array): void {
    const { blockSize } = this.#phase.properties;
    data.fill(0);
    const list = UnmapParameterList.view(data);
    list.unmapDataLength = UNMAP_LIST_LENGTH - LENGTH_FIELD_LENGTH;
    list.unmapBlockDescriptorDataLength = UnmapBlockDescriptor.size;
    const descriptor = UnmapBlockDescriptor.view(data, UnmapParameterList.size);
    descriptor.unmapLogicalBlockAddress = this.offset / blockSize;
    descriptor.numberOfLogicalBlocks = this.length / blockSize;
  }

  /** All of a write's payload is in `data`. */
  payloadComplete(): void {
    const command = this.#issued;
    if (command !== undefined) command.dataReceived();
    // It was aborted while the payload came: now there is what the next command needs.
    else if (this.#kept !== undefined) this.#issue();
  }

  /** The command is over. */
  sendResponse(command: Command): void {
    this.#issued = undefined;
    if (this.#phase.closed) {
      command.responseSent(false);
      this.#end(NbdError.eio);
      return;
    }
    const outcome = outcomeOf(command, this.writes);
    if (outcome === NbdError.none) this.#succeeded(command);
    else if (outcome === AGAIN || outcome === AGAIN_LATER) this.#failed(command, outcome);
    else {
      this.#phase.noteFailure(this.request, command);
      command.responseSent(true);
      this.#end(outcome);
    }
  }

  #succeeded(command: Command): void {
    if (this.kind === PartKind.read) {
      if (command.responseLength < this.length) {
        command.responseSent(true);
        this.#end(NbdError.eio);
        return;
      }
      const { data } = command;
      this.command = command;
      this.data = data.length === this.length ? data : data.subarray(0, this.length);
      if (this.#phase.window.crowded) this.letGo();
    } else {
      if (this.kind === PartKind.provisioning) this.#phase.extents.read(this, command);
      command.responseSent(true);
    }
    this.#end(NbdError.none);
  }

  /** It had no chance: once more, with the data that were in the command's buffer. */
  #failed(command: Command, outcome: typeof AGAIN | typeof AGAIN_LATER): void {
    this.#phase.noteRetry(this.request, command);
    // One that got no buffer has no data to keep: those of its predecessor stay.
    if (this.data !== undefined && this.data === command.data) {
      this.#kept = new Uint8Array(this.data);
      this.data = this.#kept;
    }
    command.responseSent(true);
    this.#retryCount++;
    if (this.#retryCount > this.#phase.limits.retryCountMax) {
      this.#end(NbdError.eio);
    } else if (this.#kept !== undefined && this.received < this.length) {
      // `payloadComplete` goes on.
    } else if (outcome === AGAIN_LATER) {
      this.#timer = this.#phase.after(BUSY_DELAY_MS, this);
    } else {
      this.#issue();
    }
  }

  /** For the timer. */
  wake(): void {
    this.#timer = undefined;
    this.#issue();
  }

  #end(error: NbdError): void {
    this.#kept = undefined;
    this.ended = true;
    // A read's command is the device's until its data have left.
    if (this.command === undefined) this.#leave();
    this.#phase.partEnded(this, error);
  }

  /** Others wait for the place of its command: a copy of what it has read is enough. */
  letGo(): void {
    const { command, data } = this;
    if (command === undefined || data === undefined || this.lent) return;
    this.command = undefined;
    // A Buffer's slice would be no copy.
    this.data = new Uint8Array(data);
    command.responseSent(true);
    this.#leave();
  }

  /** The data of a read have left, or will not. */
  responseSent(delivered: boolean): void {
    const { command } = this;
    this.command = undefined;
    this.lent = false;
    command?.responseSent(delivered);
    this.#leave();
    this.#phase.partReleased(this);
  }

  /** The connection is gone: what no command will end any more ends here. */
  abandon(): void {
    if (this.ended || this.#issued !== undefined) return;
    this.#timer?.cancel();
    this.#end(NbdError.eio);
  }
}

function expectDataIn(command: Command, length: number): void {
  command.expectedDirection = SCST_DATA_READ;
  command.expectedLength = length;
}

function expectDataOut(command: Command, length: number): void {
  command.expectedDirection = SCST_DATA_WRITE;
  command.expectedLength = length;
}
