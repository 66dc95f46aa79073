import {
  SCST_QUEUE_ALG_0_RESTRICTED_REORDER,
  SCST_TST_1_SEP_TASK_SETS,
  SCST_USER_ON_FREE_CMD_CALL,
  SCST_USER_PARSE_CALL,
  SCST_USER_PARSE_STANDARD,
  UCMD_STATE_ATTACH_SESS,
  UCMD_STATE_BUF_ALLOCING,
  UCMD_STATE_DETACH_SESS,
  UCMD_STATE_EXECING,
  UCMD_STATE_EXT_COPY_REMAPPING,
  UCMD_STATE_ON_CACHE_FREEING,
  UCMD_STATE_ON_FREEING,
  UCMD_STATE_PARSING,
  UCMD_STATE_TM_DONE_EXECING,
  UCMD_STATE_TM_RECEIVED_EXECING,
} from "../../protocol/scst/index.ts";
import { STATUS } from "../../protocol/scsi/index.ts";
import type { BufferPool } from "../buffer-pool.ts";
import type { PoolLease } from "../buffer-pools.ts";
import type { Clock } from "../clock.ts";
import type { Command } from "../command.ts";
import type { BufferOwner, DataBuffer } from "../data-buffer.ts";
import { Device, type DeviceAttributes, type ParsedBy } from "../device.ts";
import type { Extent } from "../extended-copy/segment-copy.ts";
import { executed, freed, refused } from "../completion.ts";
import type { Nexus } from "../nexus.ts";
import type { StateStore } from "../reservations/state-store.ts";
import { TASK_MANAGEMENT_STATUS, type TaskManagementRequest } from "../task-management.ts";
import type { UserMemory } from "../user-memory.ts";
import { reuses, UserBuffers } from "./buffers.ts";
import type { UserOptions } from "./options.ts";
import { type Remap, REMAP_LENGTH_MAX } from "./remap.ts";
import { type UserCommand, UserCommandTable } from "./user-command.ts";

/** A handler that does not answer ATTACH_SESS in this time is not attached. */
const ATTACH_TIMEOUT_MS = 5000;

/** Puts a subcommand on its way to the handler. */
export type Enqueue = (userCommand: UserCommand) => void;

/** Takes one back that has not been handed out: true if it was still there. */
export type Unqueue = (userCommand: UserCommand) => boolean;

/** The device that a program registered: turns what the core asks into subcommands. */
export class UserBackend extends Device implements BufferOwner {
  readonly table = new UserCommandTable();
  readonly buffers: UserBuffers;
  override readonly persistentReserveNotifications: boolean;
  readonly #clock: Clock;
  readonly #enqueue: Enqueue;
  readonly #unqueue: Unqueue;
  #options: UserOptions;
  /** The program is gone: nothing reaches it any more. */
  gone = false;

  constructor(
    identity: {
      name: string;
      type: number;
      blockSize: number;
      persistentReserveNotifications: boolean;
      stateStore: StateStore | undefined;
    },
    options: UserOptions,
    clock: Clock,
    queue: { readonly add: Enqueue; readonly remove: Unqueue },
    memory: { lease: PoolLease; zeroes: boolean },
  ) {
    super(identity.name, identity.type, identity.blockSize, identity.stateStore);
    this.persistentReserveNotifications = identity.persistentReserveNotifications;
    this.#options = options;
    this.#clock = clock;
    this.#enqueue = queue.add;
    this.#unqueue = queue.remove;
    this.buffers = new UserBuffers(this, memory);
  }

  get pool(): BufferPool {
    return this.buffers.pool;
  }

  get options(): UserOptions {
    return this.#options;
  }

  set options(options: UserOptions) {
    this.#options = options;
  }

  override get parsedBy(): ParsedBy {
    if (this.#options.parseType === SCST_USER_PARSE_STANDARD) return "core";
    return this.#options.parseType === SCST_USER_PARSE_CALL ? "device" : "core-then-device";
  }

  override get descriptorSense(): boolean {
    return this.#options.dSense !== 0;
  }

  override get writeProtected(): boolean {
    return this.#options.swp !== 0;
  }

  override get separateTaskSets(): boolean {
    return this.#options.tst === SCST_TST_1_SEP_TASK_SETS;
  }

  override get restrictedReordering(): boolean {
    return this.#options.queueAlg === SCST_QUEUE_ALG_0_RESTRICTED_REORDER;
  }

  override get taskAbortedStatus(): boolean {
    return this.#options.tas !== 0;
  }

  override get queueErrorManagement(): number {
    return this.#options.qerr;
  }

  override get taskManagementFunctionsOnly(): boolean {
    return this.#options.tmfOnly !== 0;
  }

  override get ownOrderManagement(): boolean {
    return this.#options.hasOwnOrderMgmt !== 0;
  }

  override get handlerName(): string {
    return "user";
  }

  override get attributes(): DeviceAttributes {
    const { persistentReserveNotifications } = this;
    return { ...this.#options, persistentReserveNotifications };
  }

  /** Whether the core keeps buffers of commands that go this way. */
  reuses(command: Command): boolean {
    return reuses(command, this.#options.memoryReuseType);
  }

  /** How much memory the handler is asked for. */
  allocationLength(command: Command): number {
    return this.buffers.allocationLength(command, this.#options.memoryReuseType);
  }

  /** The handler's memory at `pbuf` as the command's buffer, or a negative errno. */
  bufferAt(command: Command, pbuf: number, memory: UserMemory): DataBuffer | number {
    return this.buffers.at(command, pbuf, this.#options.memoryReuseType, memory);
  }

  override parse(command: Command): void {
    this.#send(command, UCMD_STATE_PARSING);
  }

  override allocate(command: Command): boolean {
    this.allocateCached(command);
    if (command.buffer !== undefined) return true;
    this.#send(command, UCMD_STATE_BUF_ALLOCING);
    return false;
  }

  override allocateCached(command: Command): void {
    this.buffers.take(command, this.#options.memoryReuseType);
  }

  override exec(command: Command): void {
    this.#send(command, UCMD_STATE_EXECING);
  }

  /** Puts the command on its way to the handler, in `state`. */
  #send(command: Command, state: number): void {
    if (this.gone) {
      this.#bounce(command, state);
      return;
    }
    const userCommand = this.#userCommandOf(command);
    if (userCommand === undefined) {
      this.#bounce(command, state);
      return;
    }
    userCommand.state = state;
    this.#enqueue(userCommand);
  }

  /** What the handler knows the command by; undefined where there are too many. */
  #userCommandOf(command: Command): UserCommand | undefined {
    const known = command.deviceNote as UserCommand | undefined;
    if (known !== undefined) return known;
    const userCommand = this.table.take();
    if (userCommand === undefined) return undefined;
    userCommand.command = command;
    userCommand.nexus = command.nexus;
    command.deviceNote = userCommand;
    return userCommand;
  }

  override remapCopy(command: Command, extent: Extent, done: Remap["done"]): boolean {
    if (this.#options.extCopyRemapSupported === 0 || this.gone) return false;
    if (extent.lengthBytes > REMAP_LENGTH_MAX) return false;
    const userCommand = this.#userCommandOf(command);
    if (userCommand === undefined) return false;
    userCommand.remap = { extent, done };
    userCommand.state = UCMD_STATE_EXT_COPY_REMAPPING;
    this.#enqueue(userCommand);
    return true;
  }

  /** Nobody is there, or nobody has room: the initiator tries again. */
  #bounce(command: Command, state: number): void {
    if (state === UCMD_STATE_EXECING) {
      command.setStatus(STATUS.BUSY);
      executed(command);
    } else {
      refused(command, STATUS.BUSY);
    }
  }

  override free(command: Command): boolean {
    const userCommand = command.deviceNote as UserCommand | undefined;
    if (userCommand?.background === false && this.#tellFreed(userCommand)) return false;
    this.letGo(command);
    return true;
  }

  /** Sends ON_FREE_CMD, where the handler wants it and knows the command. */
  #tellFreed(userCommand: UserCommand): boolean {
    const wanted = this.#options.onFreeCmdType === SCST_USER_ON_FREE_CMD_CALL;
    if (!wanted || !userCommand.seen || this.gone) return false;
    userCommand.state = UCMD_STATE_ON_FREEING;
    this.#enqueue(userCommand);
    return true;
  }

  /** The handler has been told, or need not be: the buffer is kept, or is the handler's again. */
  letGo(command: Command): void {
    const userCommand = command.deviceNote as UserCommand | undefined;
    // In the background the handler still has the buffer: its last reply lets go of it.
    if (userCommand?.background === true) {
      const { buffer, responseLength, aborted, answersAbort, status, deliveryFailed } = command;
      userCommand.ended = {
        buffer,
        responseLength,
        aborted,
        answersAbort,
        status,
        deliveryFailed,
      };
      userCommand.command = undefined;
      return;
    }
    if (command.buffer !== undefined) this.releaseBuffer(command.buffer);
    if (userCommand !== undefined) this.table.give(userCommand);
  }

  /** After the reply to ON_FREE_CMD. */
  onFreed(userCommand: UserCommand): void {
    const { command, ended } = userCommand;
    if (command === undefined) {
      if (ended?.buffer !== undefined) this.releaseBuffer(ended.buffer);
      this.table.give(userCommand);
      return;
    }
    this.letGo(command);
    freed(command);
  }

  /** The handler has done what went on behind a command that has ended already. */
  endedInBackground(userCommand: UserCommand): void {
    if (!this.#tellFreed(userCommand)) this.onFreed(userCommand);
  }

  releaseBuffer(buffer: DataBuffer): void {
    this.buffers.release(buffer);
  }

  /** The pool does not keep the buffer: the handler may free it. */
  bufferReleased(buffer: DataBuffer): void {
    const userCommand = this.gone ? undefined : this.table.take();
    if (userCommand === undefined) return;
    userCommand.buffer = buffer;
    userCommand.state = UCMD_STATE_ON_CACHE_FREEING;
    this.#enqueue(userCommand);
  }

  override takeBack(command: Command): boolean {
    const userCommand = command.deviceNote as UserCommand | undefined;
    return userCommand !== undefined && this.#unqueue(userCommand);
  }

  override attach(nexus: Nexus, done: (attached: boolean) => void): void {
    const userCommand = this.#event(UCMD_STATE_ATTACH_SESS, nexus);
    if (userCommand === undefined) {
      done(false);
      return;
    }
    const timer = this.#clock.after(ATTACH_TIMEOUT_MS, () => {
      userCommand.replied = undefined;
      done(false);
    });
    userCommand.replied = (result) => {
      timer.cancel();
      done(result === 0);
    };
  }

  override detach(nexus: Nexus): void {
    this.#event(UCMD_STATE_DETACH_SESS, nexus);
  }

  override taskManagementReceived(
    request: TaskManagementRequest,
    nexus: Nexus,
    done: () => void,
  ): void {
    const userCommand = this.#event(UCMD_STATE_TM_RECEIVED_EXECING, nexus, request);
    if (userCommand === undefined) done();
    else userCommand.replied = () => done();
  }

  override taskManagementDone(
    request: TaskManagementRequest,
    nexus: Nexus,
    done: (result: number) => void,
  ): void {
    const userCommand = this.#event(UCMD_STATE_TM_DONE_EXECING, nexus, request);
    if (userCommand === undefined) {
      done(TASK_MANAGEMENT_STATUS.SUCCESS);
      return;
    }
    userCommand.replied = (result = TASK_MANAGEMENT_STATUS.FAILED) => {
      // A task that is gone by now is what the initiator wanted.
      const success = result === TASK_MANAGEMENT_STATUS.TASK_NOT_EXIST;
      done(success ? TASK_MANAGEMENT_STATUS.SUCCESS : result);
    };
  }

  #event(state: number, nexus: Nexus, request?: TaskManagementRequest): UserCommand | undefined {
    const userCommand = this.gone ? undefined : this.table.take();
    if (userCommand === undefined) return undefined;
    userCommand.nexus = nexus;
    userCommand.request = request;
    userCommand.state = state;
    this.#enqueue(userCommand);
    return userCommand;
  }
}
