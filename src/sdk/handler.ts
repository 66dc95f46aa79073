import type { Outcome } from "./outcome.ts";

/** A value now, or later. What can be done at once should be: it costs no promise. */
export type MaybePromise<T> = T | Promise<T>;

/** One I_T nexus to the device: an initiator that has it as a LUN. */
export interface DeviceSession {
  /** The core's handle: opaque, unique while the session is attached. */
  readonly handle: bigint;
  readonly lun: number;
  readonly readOnly: boolean;
  readonly initiatorName: string;
  readonly targetName: string;
  /** The SPC version descriptor of the transport, such as 0x0960 for iSCSI. */
  readonly transportVersion: number;
}

/**
 * One SCSI command at the handler, from `exec` until its outcome is given.
 *
 * The object and its buffer belong to the command: after the outcome they serve another one.
 */
export interface ScsiCommand {
  /** The command descriptor block; the first `cdbLength` bytes mean something. */
  readonly cdb: Uint8Array;
  readonly cdbLength: number;
  /** The first logical block, where the opcode has one. */
  readonly lba: number;
  /** How many bytes of the medium the command is about (for VERIFY without data too). */
  readonly dataLength: number;
  /** How many bytes the initiator's buffer in the core has. */
  readonly bufferLength: number;
  /**
   * The data: `bufferLength` bytes. Filled with data-out before `exec`; for data-in the handler
   * fills it. Empty where there is no data phase.
   */
  readonly buffer: Uint8Array;
  /** The second buffer of a bidirectional command: the data-out. */
  readonly outBuffer: Uint8Array;
  /** `SCST_DATA_WRITE`, `SCST_DATA_READ`, `SCST_DATA_BIDI` or `SCST_DATA_NONE`. */
  readonly dataDirection: number;
  /** The task attribute: `SCST_CMD_QUEUE_…`. */
  readonly taskAttribute: number;
  /** When the initiator's patience ends, in seconds. */
  readonly timeoutSeconds: number;
  readonly session: DeviceSession;
  /**
   * How many bytes of `buffer` go to the initiator, from 0 to `bufferLength`. The whole buffer
   * where the handler does not set it and the outcome is good; nothing where it does not and the
   * outcome is not.
   */
  responseLength: number;
  /**
   * Answers a data-in command with `data`, cut to the buffer (SPC-5, "Allocation length"), and
   * gives {@link good}. Valid for data-in commands only.
   */
  reply(data: Uint8Array): Outcome;
  /** Tells the initiator GOOD now, while the handler goes on (not for data-in commands). */
  answerInBackground(): void;
}

/** A command at `parse`: the core's own reading of the CDB, which the handler may mend. */
export interface ParseCommand {
  readonly cdb: Uint8Array;
  cdbLength: number;
  lba: number;
  /**
   * Bytes on the medium. This and the lengths below count blocks where the device has no
   * `blockSize` and `opFlags` have `SCST_TRANSFER_LEN_TYPE_FIXED`.
   */
  dataLength: number;
  bufferLength: number;
  outBufferLength: number;
  dataDirection: number;
  taskAttribute: number;
  /** `SCST_…` flags of the opcode; `SCST_INFO_VALID` is set by the SDK. */
  opFlags: number;
  readonly timeoutSeconds: number;
  /** What the initiator said about its buffers; undefined where the transport does not say. */
  readonly expected:
    | { readonly direction: number; readonly length: number; readonly outLength: number }
    | undefined;
  readonly session: DeviceSession;
}

/** A command that is over, at `onFree`. */
export interface FreedCommand {
  readonly responseLength: number;
  readonly bufferCached: boolean;
  readonly aborted: boolean;
  readonly status: number;
  /** `SCST_CMD_DELIVERY_…`: whether the response reached the initiator. */
  readonly deliveryStatus: number;
}

/** A task management function, told to the handler before and after the core carries it out. */
export interface TaskManagement {
  /** `SCST_ABORT_TASK`, `SCST_LUN_RESET`, … */
  readonly function: number;
  readonly session: DeviceSession | undefined;
  /** For ABORT TASK: the command at the handler, if it has seen it. */
  readonly command: ScsiCommand | undefined;
}

/** Bytes to copy from one logical unit to another, from a logical block of each on. */
export interface CopyExtent {
  readonly sourceLba: number;
  readonly destinationLba: number;
  /** In whole blocks of both logical units. */
  readonly lengthBytes: number;
}

/** How many extents a handler can leave to the core. */
export const COPY_EXTENTS_MAX = 170;

/** A segment of an EXTENDED COPY that came to the device. */
export interface CopySegment extends CopyExtent {
  /** Whose command it is. */
  readonly session: DeviceSession;
  /**
   * What is copied from, and to: undefined where that is not one of the sessions that this handler
   * has attached, but another device's.
   */
  readonly source: DeviceSession | undefined;
  readonly destination: DeviceSession | undefined;
}

/** How the core treats the device: the fields of `scst_user_opt`, named by what they mean. */
export interface DeviceOptions {
  /** `"standard"`: the core parses CDBs; `"call"`: `parse` does; `"exception"`: `parse` does for opcodes that the core does not know. */
  readonly parse?: "standard" | "call" | "exception";
  /** Which buffers the core keeps for reuse. */
  readonly memoryReuse?: "none" | "read" | "write" | "all";
  /** Whether `onFree` is called. By default, if the handler has one. */
  readonly onFree?: "call" | "ignore";
  /** Control mode page TST: 0 one task set, 1 one a nexus. */
  readonly taskSetType?: 0 | 1;
  /** Control mode page QUEUE ALGORITHM MODIFIER: 0 restricted, 1 unrestricted reordering. */
  readonly queueAlgorithm?: 0 | 1;
  readonly queueErrorManagement?: 0 | 1 | 3;
  readonly taskAbortedStatus?: boolean;
  readonly softwareWriteProtect?: boolean;
  readonly descriptorSense?: boolean;
  readonly taskManagementFunctionsOnly?: boolean;
  readonly ownOrderManagement?: boolean;
  /** Whether `extendedCopyRemap` is called. By default, if the handler has one. */
  readonly extendedCopyRemap?: boolean;
  /** Whether a PERSISTENT RESERVE OUT that succeeded is passed on to `exec`. */
  readonly persistentReserveNotifications?: boolean;
}

/** What a handler can tell the core of its device on its own. */
export interface DeviceControl {
  /**
   * `options` has changed: the core keeps to the new ones.
   *
   * @throws SystemError where the core refuses them; the old ones hold
   */
  optionsChanged(): void;
  /** Tells every initiator that the capacity has changed (disks). */
  capacityChanged(): void;
}

/**
 * A SCSI device, written in TypeScript. Only `exec` is required; everything else has the default
 * that scst_user would use.
 */
export interface DeviceHandler {
  /** The peripheral device type: `DEVICE_TYPE.DISK` … */
  readonly type: number;
  /** Bytes of a logical block, a power of two from 512; 0 for devices without blocks. */
  readonly blockSize: number;
  /** May change: {@link DeviceControl.optionsChanged} tells the core. */
  readonly options?: DeviceOptions;

  /**
   * The device is registered, and commands will come.
   *
   * Valid outcomes: none.
   */
  registered?(device: DeviceControl): void;

  /**
   * Carries a command out.
   *
   * Valid outcomes: any; a thrown error becomes sense by its errno, or HARDWARE ERROR.
   */
  exec(command: ScsiCommand): MaybePromise<Outcome>;

  /**
   * Mends the core's reading of a CDB. Called for each command with `parse: "call"`, for opcodes
   * unknown to the core with `parse: "exception"`.
   *
   * Valid outcomes: `good`, `checkCondition`, `busy`, `taskSetFull`.
   */
  parse?(command: ParseCommand): MaybePromise<Outcome>;

  /**
   * A command is over and its response delivered, or not.
   *
   * Valid outcomes: none.
   */
  onFree?(command: FreedCommand): void;

  /**
   * An initiator gets the device as a LUN. A throw refuses it.
   *
   * Valid outcomes: none.
   */
  attachSession?(session: DeviceSession): MaybePromise<void>;

  /**
   * The initiator is gone; there will be no further command of the session.
   *
   * Valid outcomes: none.
   */
  detachSession?(session: DeviceSession): void;

  /**
   * A task management function arrived, before the core does its part.
   *
   * Valid outcomes: none.
   */
  taskManagementReceived?(request: TaskManagement): MaybePromise<void>;

  /**
   * All commands that the function affected are done. A throw makes the function fail.
   *
   * Valid outcomes: none.
   */
  taskManagementDone?(request: TaskManagement): MaybePromise<void>;

  /**
   * Copies a segment of an EXTENDED COPY by a better way than reading and writing, such as shared
   * extents of a file, or a part of it. Gives what is left, which the core then copies: nothing
   * where all is done, the segment itself where the handler can't help.
   *
   * Valid outcomes instead of a list: any but `good`; the EXTENDED COPY ends with it.
   */
  extendedCopyRemap?(segment: CopySegment): MaybePromise<readonly CopyExtent[] | Outcome>;

  /** The device is being closed: flush and let go of what it holds. */
  close?(): MaybePromise<void>;
}

/** Checks a handler and gives it back, typed: what a device is, before it is registered. */
export function defineDevice<Handler extends DeviceHandler>(handler: Handler): Handler {
  return handler;
}
