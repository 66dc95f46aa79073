/** EXTENDED COPY(LID1): the core copies blocks between logical units of the session. */
import { SENSE, STATUS } from "../../protocol/scsi/index.ts";
import type { Command } from "../command.ts";
import type { Nexus } from "../nexus.ts";
import { CopyRecord, CopyResults } from "./copy-results.ts";
import { findByDesignator, learnDesignators } from "./designators.ts";
import { accessFailure, type Failure, senseFailure, setFailure } from "./failure.ts";
import { COPIES_PER_SESSION_MAX } from "./limits.ts";
import { type CopyList, type Cscd, readCopyList, type Segment } from "./parameter-list.ts";
import { receiveCopyResults } from "./receive-copy-results.ts";
import { type Extent, SegmentCopy } from "./segment-copy.ts";

const THIRD_PARTY_COPY_OUT = 0x83;
const THIRD_PARTY_COPY_IN = 0x84;

/** Whether the core's copy manager executes the command. */
export function isThirdPartyCopy({ cdb, row }: Command): boolean {
  const opcode = cdb[0];
  return row !== undefined && (opcode === THIRD_PARTY_COPY_OUT || opcode === THIRD_PARTY_COPY_IN);
}

/** Executes EXTENDED COPY or RECEIVE COPY RESULTS; `done` is called when it has its status. */
export function thirdPartyCopy(command: Command, done: () => void): void {
  if (command.cdb[0] === THIRD_PARTY_COPY_IN) {
    receiveCopyResults(command);
    done();
  } else if (command.bufferLength === 0) {
    // SPC-4, "EXTENDED COPY(LID1) command": no parameter list is not an error.
    command.setGood(0);
    done();
  } else {
    extendedCopy(command, done);
  }
}

function extendedCopy(command: Command, done: () => void): void {
  const list = readCopyList(command.data);
  if ("sense" in list) {
    command.setSense(list.sense, list.details);
    done();
    return;
  }
  const results = CopyResults.of(command.session);
  const { listIdentifier } = list;
  const old = listIdentifier === undefined ? undefined : results.find(listIdentifier);
  if (old !== undefined && old.outcome === undefined) {
    command.setSense(SENSE.OPERATION_IN_PROGRESS);
    done();
  } else if (results.running >= COPIES_PER_SESSION_MAX) {
    command.setStatus(STATUS.TASK_SET_FULL);
    done();
  } else {
    new CopyJob(command, list, results, done).run();
  }
}

/** A copy source or destination: undefined where nothing reachable has the designator. */
type Resolved = Nexus | undefined;

class CopyJob {
  readonly #parent: Command;
  readonly #list: CopyList;
  readonly #results: CopyResults;
  readonly #done: () => void;
  readonly #record = new CopyRecord();
  #resolved: readonly Resolved[] = [];

  constructor(parent: Command, list: CopyList, results: CopyResults, done: () => void) {
    this.#parent = parent;
    this.#list = list;
    this.#results = results;
    this.#done = done;
  }

  run(): void {
    const { listIdentifier } = this.#list;
    this.#results.running++;
    if (listIdentifier !== undefined) this.#results.add(listIdentifier, this.#record);
    this.#parent.setGood(0);
    learnDesignators(this.#parent, () => this.#resolve());
  }

  #resolve(): void {
    const { cscds } = this.#list;
    this.#resolved = cscds.map((cscd) => resolve(this.#parent, cscd));
    for (const [i, { at, blockLength, peripheralDeviceType }] of cscds.entries()) {
      const device = this.#resolved[i]?.device;
      if (device?.type !== peripheralDeviceType || device.blockSize === blockLength) continue;
      this.#parent.setSense(SENSE.INVALID_FIELD_IN_PARAMETER_LIST, {
        fieldPointer: { inCdb: false, byte: at + 29 },
      });
      this.#end();
      return;
    }
    this.#nextSegments();
  }

  /** One after the other: a later one may read what an earlier one wrote. */
  #nextSegments(): void {
    const { segments } = this.#list;
    const record = this.#record;
    while (!this.#parent.aborted) {
      const number = record.segmentsProcessed;
      const segment = segments[number];
      if (segment === undefined) break;
      record.segmentsProcessed++;
      if (segment.blocks === 0) continue;
      const extent = this.#extentOf(segment);
      if ("condition" in extent) this.#fail(number, extent);
      else this.#remap(number, extent);
      return;
    }
    this.#end();
  }

  /** The handler may have a better way than copying; what it leaves is copied. */
  #remap(number: number, extent: Extent): void {
    const { device } = this.#parent.nexus!;
    const failure =
      accessFailure("source", extent.source) ?? accessFailure("destination", extent.destination);
    if (failure !== undefined) {
      this.#fail(number, failure);
      return;
    }
    const remapped = device.remapCopy?.(this.#parent, extent, (left) => {
      if (left === undefined) {
        this.#end();
        return;
      }
      const leftBytes = left.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      this.#record.writtenBytes += extent.lengthBytes - leftBytes;
      this.#copy(number, left);
    });
    if (remapped !== true) this.#copy(number, [extent]);
  }

  /** One after the other, as the segments. */
  #copy(number: number, [extent, ...rest]: readonly Extent[]): void {
    if (extent === undefined || this.#parent.aborted) {
      this.#nextSegments();
      return;
    }
    const before = this.#record.writtenBytes;
    const copy = new SegmentCopy(this.#parent, extent, (failure) => {
      this.#record.writtenBytes = before + copy.written;
      if (failure === undefined) this.#copy(number, rest);
      else this.#fail(number, failure);
    });
    copy.run();
  }

  #extentOf(segment: Segment): Extent | Failure {
    const source = this.#reachable(segment.source);
    if ("condition" in source) return source;
    const destination = this.#reachable(segment.destination);
    if ("condition" in destination) return destination;
    const { sourceLba, destinationLba, blocks } = segment;
    const sourceBlock = source.device.blockSize;
    const destinationBlock = destination.device.blockSize;
    const lengthBytes = blocks * (segment.inDestinationBlocks ? destinationBlock : sourceBlock);
    if (lengthBytes % sourceBlock !== 0 || lengthBytes % destinationBlock !== 0) {
      return { condition: SENSE.COPY_SEGMENT_GRANULARITY_VIOLATION };
    }
    // An LBA that is not exact is above every capacity, and must not come out as another one.
    if (!Number.isSafeInteger(sourceLba + blocks)) {
      return senseFailure("source", SENSE.LBA_OUT_OF_RANGE);
    }
    if (!Number.isSafeInteger(destinationLba + blocks)) {
      return senseFailure("destination", SENSE.LBA_OUT_OF_RANGE);
    }
    return { source, sourceLba, destination, destinationLba, lengthBytes };
  }

  #reachable(index: number): Nexus | Failure {
    const cscd = this.#list.cscds[index];
    if (cscd === undefined) return { condition: SENSE.UNREACHABLE_COPY_TARGET };
    const nexus = this.#resolved[index];
    if (nexus === undefined) return { condition: SENSE.COPY_TARGET_DEVICE_NOT_REACHABLE };
    if (nexus.device.type !== cscd.peripheralDeviceType) {
      return { condition: SENSE.INCORRECT_COPY_TARGET_DEVICE_TYPE };
    }
    // Between devices without blocks there is nothing that this segment could mean.
    if (nexus.device.blockSize === 0) return { condition: SENSE.UNREACHABLE_COPY_TARGET };
    return nexus;
  }

  #fail(number: number, failure: Failure): void {
    setFailure(this.#parent, number, failure);
    this.#end();
  }

  #end(): void {
    const { listIdentifier, holdResults } = this.#list;
    const { aborted, status, sense, senseLength } = this.#parent;
    this.#results.running--;
    if (listIdentifier !== undefined) {
      if (holdResults && !aborted) {
        this.#results.keep(this.#record, { status, sense: sense.slice(0, senseLength) });
      } else {
        this.#results.forget(listIdentifier);
      }
    }
    this.#done();
  }
}

function resolve(parent: Command, cscd: Cscd): Resolved {
  return cscd.isNull ? undefined : findByDesignator(parent.nexus!, cscd);
}
