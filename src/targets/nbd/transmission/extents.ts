import type { Command } from "../../../core/command.ts";
import { AllocationState } from "../../../protocol/nbd/index.ts";
import {
  GetLbaStatusData,
  LbaStatusDescriptor,
  PROVISIONING_STATUS,
} from "../../../protocol/scsi/index.ts";
import type { ExportProperties } from "../scsi/properties.ts";
import type { Part } from "./part.ts";

const descriptor = LbaStatusDescriptor.view();

/**
 * The extents that the last GET LBA STATUS of a connection told of, clipped to what was asked
 * and with neighbours of one state joined. Read at once: the next answer takes their place.
 */
export class Extents {
  /** How many there are. */
  count = 0;
  /** Bytes, as their number says. */
  readonly lengths: number[] = [];
  /** `AllocationState`s. */
  readonly states: number[] = [];
  /** Where the last one ends that is allocated, whatever was asked for; 0: the last one is not. */
  allocatedTo = 0;
  /** How much room the answer has: header and descriptors. */
  readonly allocationLength: number;
  readonly #properties: ExportProperties;

  constructor(properties: ExportProperties, countMax: number) {
    this.#properties = properties;
    this.allocationLength = GetLbaStatusData.size + countMax * LbaStatusDescriptor.size;
  }

  /** Nothing is known of `length` bytes: they count as allocated. */
  unknown(length: number): void {
    this.count = 1;
    this.lengths[0] = length;
    this.states[0] = AllocationState.allocated;
  }

  /** Takes what a device answered about the blocks of `part`. */
  read(part: Part, command: Command): void {
    const { data, responseLength } = command;
    this.count = 0;
    this.allocatedTo = 0;
    const end = part.offset + part.length;
    let at = part.offset;
    const last = responseLength - LbaStatusDescriptor.size;
    for (let i = GetLbaStatusData.size; i <= last && at < end; i += LbaStatusDescriptor.size) {
      descriptor.at(i, data);
      const begin = descriptor.logicalBlockAddress * this.#properties.blockSize;
      const length = descriptor.numberOfLogicalBlocks * this.#properties.blockSize;
      // The first may begin before what was asked for; holes between them would be a fault.
      if (begin > at || begin + length <= at) break;
      const next = Math.min(begin + length, end);
      const state = this.#stateOf(descriptor.provisioningStatus);
      this.#add(next - at, state);
      this.allocatedTo = state === AllocationState.allocated ? begin + length : 0;
      at = next;
    }
    if (this.count === 0) this.unknown(part.length);
  }

  #add(length: number, state: number): void {
    const last = this.count - 1;
    if (last >= 0 && this.states[last] === state) {
      this.lengths[last] = (this.lengths[last] as number) + length;
      return;
    }
    this.lengths[this.count] = length;
    this.states[this.count] = state;
    this.count++;
  }

  #stateOf(provisioningStatus: number): number {
    const zero = this.#properties.unmappedIsZero ? AllocationState.zero : 0;
    switch (provisioningStatus) {
      case PROVISIONING_STATUS.DEALLOCATED:
        return AllocationState.hole | zero;
      // Anchored: the storage is reserved, the contents are those of an unmapped block.
      case PROVISIONING_STATUS.ANCHORED:
        return zero;
      default:
        return AllocationState.allocated;
    }
  }
}
