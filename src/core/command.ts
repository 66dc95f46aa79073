import { UsageError } from "../protocol/errors.ts";
import {
  type Command as CommandRow,
  encodeDescriptorSense,
  encodeFixedSense,
  type ParsedCommand,
  type SenseCondition,
  STATUS,
  unpackLun,
} from "../protocol/scsi/index.ts";
import {
  SCST_CMD_QUEUE_SIMPLE,
  SCST_DATA_BIDI,
  SCST_DATA_NONE,
  SCST_DATA_UNKNOWN,
  SCST_MAX_LONG_CDB_SIZE,
} from "../protocol/scst/index.ts";
import { pagesOf } from "./buffer-pool.ts";
import { COMMAND_STATE, type CommandState, commandStateName, mayFollow } from "./command-state.ts";
import type { DataBuffer } from "./data-buffer.ts";
import type { InternalOwner } from "./internal-command.ts";
import { executed, finish } from "./completion.ts";
import { checkExclusion } from "./execution.ts";
import { begin, whenDataReceived } from "./life-cycle.ts";
import type { Linked, List } from "./list.ts";
import type { Nexus } from "./nexus.ts";
import type { Observer } from "./observe/observer.ts";
import type { Session } from "./session.ts";
import { NO_GROUP } from "./task-set.ts";

/** CDBs up to this length need no allocation. */
const USUAL_CDB_LENGTH_MAX = 260;

/** SCST's own limit; the length field of the ABI is one byte. */
const SENSE_LENGTH_MAX = 252;

export type SenseDetails = Parameters<typeof encodeFixedSense>[1];

const NO_DATA = new Uint8Array(0);

/**
 * A SCSI command on its way through the core. Sessions keep a pool of them: a target driver
 * takes one with `session.command()`, fills it in, and submits it; after `responseSent` it
 * serves another command.
 */
export class Command implements ParsedCommand, Linked<Command> {
  readonly session: Session;

  // What the target driver says.

  /** Only the first `cdbLength` bytes mean something. */
  cdb = new Uint8Array(USUAL_CDB_LENGTH_MAX);
  cdbLength = 0;
  /** The unpacked LUN, or -1 for one that nobody can have. */
  lun = 0;
  /** The initiator's task tag, unique in the session while the command runs. */
  tag = 0;
  /** `SCST_CMD_QUEUE_…` */
  taskAttribute: number = SCST_CMD_QUEUE_SIMPLE;
  /** What the initiator says about its buffers; `SCST_DATA_UNKNOWN` where it says nothing. */
  expectedDirection: number = SCST_DATA_UNKNOWN;
  expectedLength = 0;
  expectedOutLength = 0;
  /** The target driver's own. */
  transport: unknown = undefined;

  // What the core reads in the CDB.

  row: CommandRow | undefined = undefined;
  lba = 0;
  dataLength = 0;
  bufferLength = 0;
  outBufferLength = 0;
  dataDirection: number = SCST_DATA_NONE;
  opFlags = 0;
  timeoutSeconds = 0;
  errorByte = -1;
  errorBit = -1;
  /** How much data-out comes: less than there is room for where the initiator announced less. */
  dataOutLength = 0;
  /** When its device got it, in milliseconds of the clock; -1 where nobody wants to know. */
  beganAt = -1;
  /** Bytes of command memory that are set aside for it. */
  chargedLength = 0;
  /** `bufferLength` before it was cut to the data-out that came; 0 where it was not. */
  wantedLength = 0;

  // What became of it.

  status: number = STATUS.GOOD;
  readonly sense = new Uint8Array(SENSE_LENGTH_MAX);
  senseLength = 0;
  /** Bytes of data-in in `data`. */
  responseLength = 0;
  /** Positive: the initiator expected that much more. Negative: that much did not fit. */
  residual = 0;
  /** By task management or because the session ended: no response is to be sent. */
  aborted = false;
  /** Another nexus aborted it, and it ends with TASK ABORTED: a response that is sent. */
  answersAbort = false;
  deliveryFailed = false;
  /** The core gave the command to the device itself: no target driver hears of it. */
  internal: InternalOwner | undefined = undefined;
  /** The command that such a one is part of. */
  parent: Command | undefined = undefined;
  /** Somebody waits until nothing but the command's response is left. */
  whenDone: (() => void) | undefined = undefined;
  /** Somebody waits for the command's end. */
  whenEnded: (() => void) | undefined = undefined;

  state: CommandState = COMMAND_STATE.FREE;
  nexus: Nexus | undefined = undefined;
  /** Its place in the task set. */
  orderGroup = NO_GROUP;
  buffer: DataBuffer | undefined = undefined;
  /** The device's own note about the command. */
  deviceNote: unknown = undefined;

  /** Who looks on, and when the command came to which state, in milliseconds of its clock. */
  observer: Observer | undefined = undefined;
  stamps: Float64Array | undefined = undefined;

  previous: Command | undefined = undefined;
  next: Command | undefined = undefined;
  list: List<Command> | undefined = undefined;

  constructor(session: Session) {
    this.session = session;
  }

  /** The data buffer, `bufferLength` bytes. Stable from `readyToTransfer` to `responseSent`. */
  get data(): Uint8Array {
    return this.buffer === undefined ? NO_DATA : this.buffer.first(this.bufferLength);
  }

  /**
   * Where data-out goes: `data`, but for a bidirectional command, whose data-out has a place of
   * its own behind the pages of the data-in.
   */
  get dataOut(): Uint8Array {
    const { buffer, dataDirection, bufferLength, outBufferLength } = this;
    if (buffer === undefined || dataDirection !== SCST_DATA_BIDI) return this.data;
    const at = pagesOf(bufferLength);
    return buffer.bytes.subarray(at, at + outBufferLength);
  }

  /** Copies a CDB in. */
  setCdb(from: Uint8Array, offset: number, length: number): void {
    if (length < 1 || length > SCST_MAX_LONG_CDB_SIZE || offset + length > from.length) {
      throw new UsageError(
        "CDB_LENGTH",
        `a CDB of ${length} bytes: it must be 1 to ${SCST_MAX_LONG_CDB_SIZE} and in its buffer`,
      );
    }
    if (length > this.cdb.length) this.cdb = new Uint8Array(length);
    for (let i = 0; i < length; i++) this.cdb[i] = from[offset + i] as number;
    // A handler gets 16 bytes whatever the length.
    for (let i = length; i < 16; i++) this.cdb[i] = 0;
    this.cdbLength = length;
  }

  /** Reads an eight-byte LUN. */
  setLun(from: Uint8Array, offset: number): void {
    this.lun = unpackLun(from, offset);
  }

  /** Hands the command to the core. */
  submit(): void {
    const { core } = this.session;
    core.enter();
    try {
      begin(this);
    } finally {
      core.leave();
    }
  }

  /** For the target driver: the data-out is in `data`. */
  dataReceived(): void {
    const { core } = this.session;
    core.enter();
    try {
      whenDataReceived(this);
    } finally {
      core.leave();
    }
  }

  /** For the target driver: `data` is no longer needed, and the response left or did not. */
  responseSent(delivered: boolean): void {
    const { core } = this.session;
    core.enter();
    try {
      finish(this, delivered);
    } finally {
      core.leave();
    }
  }

  /** For the device: the command was executed, `status` and the like are set. */
  executed(): void {
    const { core } = this.session;
    core.enter();
    try {
      executed(this);
    } finally {
      core.leave();
    }
  }

  /** For who had it wait: nothing that it waited for is in its way any more. */
  itsTurn(): void {
    checkExclusion(this);
  }

  setGood(responseLength: number): void {
    this.status = STATUS.GOOD;
    this.senseLength = 0;
    this.responseLength = responseLength;
  }

  /** GOOD, with as much of `data` as the buffer takes. */
  answer(data: Uint8Array): void {
    const into = this.data;
    const length = Math.min(into.length, data.length);
    into.set(length === data.length ? data : data.subarray(0, length));
    this.setGood(length);
  }

  setStatus(status: number): void {
    this.status = status;
    this.senseLength = 0;
    this.responseLength = 0;
  }

  /** Ends as `other` did. */
  copyResult(other: Command): void {
    this.setSenseBytes(other.sense, other.senseLength);
    this.status = other.status;
  }

  /** CHECK CONDITION with the core's own sense, in the format that D_SENSE asks for. */
  setSense(condition: SenseCondition, details?: SenseDetails): void {
    const descriptor = this.nexus?.device.descriptorSense === true;
    const bytes = descriptor
      ? encodeDescriptorSense(condition, details)
      : encodeFixedSense(condition, details);
    this.setSenseBytes(bytes, bytes.length);
  }

  /** CHECK CONDITION with sense data as they are, cut to what there is room for. */
  setSenseBytes(bytes: Uint8Array, length: number): void {
    const count = Math.min(length, bytes.length, SENSE_LENGTH_MAX);
    this.status = STATUS.CHECK_CONDITION;
    this.sense.set(count === bytes.length ? bytes : bytes.subarray(0, count));
    this.senseLength = count;
    this.responseLength = 0;
  }

  /** Walks the table of states. */
  moveTo(next: CommandState): void {
    if (!mayFollow(this.state, next)) throw wrongState(this.state, next);
    this.state = next;
    if (this.observer !== undefined) this.observer.entered(this, next);
  }

  /** Makes it as new, for its next use. */
  reset(): void {
    this.lun = 0;
    this.tag = 0;
    this.taskAttribute = SCST_CMD_QUEUE_SIMPLE;
    this.expectedDirection = SCST_DATA_UNKNOWN;
    this.expectedLength = 0;
    this.expectedOutLength = 0;
    this.transport = undefined;
    this.row = undefined;
    this.lba = 0;
    this.dataLength = 0;
    this.bufferLength = 0;
    this.outBufferLength = 0;
    this.dataDirection = SCST_DATA_NONE;
    this.opFlags = 0;
    this.timeoutSeconds = 0;
    this.dataOutLength = 0;
    this.wantedLength = 0;
    this.beganAt = -1;
    this.chargedLength = 0;
    this.status = STATUS.GOOD;
    this.senseLength = 0;
    this.responseLength = 0;
    this.residual = 0;
    this.aborted = false;
    this.answersAbort = false;
    this.deliveryFailed = false;
    this.internal = undefined;
    this.parent = undefined;
    this.nexus = undefined;
    this.buffer = undefined;
    this.deviceNote = undefined;
  }
}

function wrongState(state: CommandState, next: CommandState): UsageError {
  return new UsageError(
    "COMMAND_STATE",
    `a command in ${commandStateName(state)} can't go to ${commandStateName(next)}`,
  );
}
