/**
 * The kernel's side of `scst_user`: what an open `/dev/scst_user` answers to each ioctl, with
 * the same bytes and errnos.
 */
import { ERRNO } from "../protocol/errno.ts";
import { DEVICE_TYPE, SENSE, STATUS } from "../protocol/scsi/index.ts";
import {
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_GET_EXTENDED_CDB,
  SCST_USER_GET_OPTIONS,
  SCST_USER_PREALLOC_BUFFER,
  SCST_USER_REGISTER_DEVICE,
  SCST_USER_REPLY_AND_GET_CMD,
  SCST_USER_REPLY_AND_GET_MULTI,
  SCST_USER_REPLY_CMD,
  SCST_USER_SET_OPTIONS,
  SCST_USER_UNREGISTER_DEVICE,
  ScstUserGetCmd,
  ScstUserGetExtCdb,
  ScstUserGetMulti,
  ScstUserOpt,
  ScstUserReplyCmd,
  SCST_MAX_CDB_SIZE,
  UCMD_STATE_BUF_ALLOCING,
  UCMD_STATE_EXECING,
  UCMD_STATE_EXT_COPY_REMAPPING,
  UCMD_STATE_NEW,
  UCMD_STATE_ON_FREEING,
  UCMD_STATE_PARSING,
} from "../protocol/scst/index.ts";
import type { Core, Deferred } from "./core.ts";
import { executed, refused, respond } from "./completion.ts";
import { localEvent } from "./execution.ts";
import type { UserBackend } from "./user/backend.ts";
import { readOptions, writeOptions } from "./user/options.ts";
import { ReadyQueue } from "./user/ready-queue.ts";
import { registerDevice } from "./user/registration.ts";
import { endRemap } from "./user/remap.ts";
import { takeReply, unjam } from "./user/replies.ts";
import { type GetCmdView, writeRequest } from "./user/requests.ts";
import type { UserCommand } from "./user/user-command.ts";
import { ViewWindow } from "./user/view-window.ts";
import type { UserMemory } from "./user-memory.ts";

type MultiView = ReturnType<typeof ScstUserGetMulti.view>;

/** Those that need a registered device. */
const IOCTLS: ReadonlySet<number> = new Set([
  SCST_USER_DEVICE_CAPACITY_CHANGED,
  SCST_USER_FLUSH_CACHE,
  SCST_USER_GET_EXTENDED_CDB,
  SCST_USER_GET_OPTIONS,
  SCST_USER_PREALLOC_BUFFER,
  SCST_USER_REPLY_AND_GET_CMD,
  SCST_USER_REPLY_AND_GET_MULTI,
  SCST_USER_REPLY_CMD,
  SCST_USER_SET_OPTIONS,
  SCST_USER_UNREGISTER_DEVICE,
]);

/** One open user device. */
export class UserDevice implements Deferred {
  readonly #core: Core;
  readonly #memory: UserMemory;
  readonly #onReadable: () => void;
  readonly #queue = new ReadyQueue();
  #backend: UserBackend | undefined;
  #closed = false;
  #waking = false;

  readonly #reply = new ViewWindow(ScstUserReplyCmd);
  readonly #getCmd = new ViewWindow(ScstUserGetCmd);
  readonly #multi = new ViewWindow(ScstUserGetMulti);
  readonly #replies = new ViewWindow(ScstUserReplyCmd);
  readonly #getCmds = new ViewWindow(ScstUserGetCmd);

  /**
   * @param memory the program's memory
   * @param onReadable called when there is something to get after there was nothing
   */
  constructor(core: Core, memory: UserMemory, onReadable: () => void) {
    this.#core = core;
    this.#memory = memory;
    this.#onReadable = onReadable;
  }

  /** The registered device. */
  get device(): UserBackend | undefined {
    return this.#backend;
  }

  /** poll(): whether a get would give something now. */
  get readable(): boolean {
    return this.#queue.length > 0;
  }

  /** The end of a batch: the program may get what waits. */
  flush(): void {
    this.#waking = false;
    if (this.#queue.length > 0 && !this.#closed) this.#onReadable();
  }

  /** ioctl(2): 0 or more, or a negative errno. `argument` is an address, where there is one. */
  ioctl(request: number, argument: number): number {
    if (this.#closed) return -ERRNO.EBADF;
    this.#core.enter();
    try {
      return this.#dispatch(request, argument);
    } finally {
      this.#core.leave();
    }
  }

  #dispatch(request: number, argument: number): number {
    if (request === SCST_USER_REGISTER_DEVICE) return this.#register(argument);
    const backend = this.#backend;
    if (backend === undefined) return this.#withoutDevice(request, argument);
    switch (request) {
      case SCST_USER_REPLY_AND_GET_MULTI:
        return this.#replyAndGetMulti(argument, backend);
      case SCST_USER_REPLY_AND_GET_CMD:
        return this.#replyAndGet(argument, backend);
      case SCST_USER_REPLY_CMD:
        return this.#takeReplyAt(argument, backend);
      case SCST_USER_SET_OPTIONS:
        return this.#setOptions(argument, backend);
      case SCST_USER_GET_OPTIONS:
        return this.#getOptions(argument, backend);
      case SCST_USER_FLUSH_CACHE:
        backend.pool.flush();
        return 0;
      case SCST_USER_DEVICE_CAPACITY_CHANGED:
        return capacityChanged(backend);
      case SCST_USER_GET_EXTENDED_CDB:
        return this.#getExtendedCdb(argument, backend);
      case SCST_USER_PREALLOC_BUFFER:
        return backend.buffers.preallocate(argument, this.#memory);
      case SCST_USER_UNREGISTER_DEVICE:
        // Obsolete in SCST: the device goes when it is closed.
        return 0;
      default:
        return -ERRNO.EINVAL;
    }
  }

  /** Before REGISTER_DEVICE. SET_OPTIONS reads its argument first. */
  #withoutDevice(request: number, argument: number): number {
    if (!IOCTLS.has(request)) return -ERRNO.EINVAL;
    if (request !== SCST_USER_SET_OPTIONS) return -ERRNO.ENODEV;
    return this.#memory.find(argument, ScstUserOpt.size) === undefined
      ? -ERRNO.EFAULT
      : -ERRNO.ENODEV;
  }

  #register(argument: number): number {
    const backend = registerDevice(
      {
        core: this.#core,
        memory: this.#memory,
        registered: this.#backend !== undefined,
        queue: {
          add: (userCommand) => this.#enqueue(userCommand),
          remove: (userCommand) => this.#queue.remove(userCommand),
        },
      },
      argument,
    );
    if (typeof backend === "number") return backend;
    this.#backend = backend;
    return 0;
  }

  #enqueue(userCommand: UserCommand): void {
    this.#queue.add(userCommand);
    if (this.#waking) return;
    this.#waking = true;
    this.#core.wake(this);
  }

  #setOptions(argument: number, backend: UserBackend): number {
    const segment = this.#memory.find(argument, ScstUserOpt.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    const options = readOptions(ScstUserOpt.view(segment.bytes, argument - segment.base));
    if (options === undefined) return -ERRNO.EINVAL;
    // One task set or many: not a thing to change under commands.
    if (options.tst !== backend.options.tst && backend.nexuses.size > 0) return -ERRNO.EINVAL;
    backend.options = options;
    return 0;
  }

  #getOptions(argument: number, backend: UserBackend): number {
    const segment = this.#memory.find(argument, ScstUserOpt.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    writeOptions(ScstUserOpt.view(segment.bytes, argument - segment.base), backend.options);
    return 0;
  }

  #takeReplyAt(address: number, backend: UserBackend): number {
    const segment = this.#memory.find(address, ScstUserReplyCmd.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    this.#reply.point(segment, address);
    return takeReply(this.#reply.view(0), backend, this.#memory);
  }

  #replyAndGet(argument: number, backend: UserBackend): number {
    const segment = this.#memory.find(argument, ScstUserGetCmd.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    this.#getCmd.point(segment, argument);
    const view = this.#getCmd.view(0);
    if (view.preply !== 0) {
      const error = this.#takeReplyAt(view.preply, backend);
      if (error < 0) return error;
    }
    return this.#handOut(view, backend) ? 0 : -ERRNO.EAGAIN;
  }

  #replyAndGetMulti(argument: number, backend: UserBackend): number {
    const segment = this.#memory.find(argument, ScstUserGetMulti.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    this.#multi.point(segment, argument);
    const multi = this.#multi.view(0);
    const room = multi.cmdsCnt;
    multi.cmdsCnt = 0;
    const error = this.#takeReplies(multi, backend);
    if (error < 0) return error;

    const first = argument + ScstUserGetMulti.size;
    const gets = this.#memory.find(first, Math.max(0, room) * ScstUserGetCmd.size);
    if (gets === undefined) return -ERRNO.EFAULT;
    this.#getCmds.point(gets, first);
    let count = 0;
    while (count < room && this.#handOut(this.#getCmds.view(count), backend)) count++;
    multi.cmdsCnt = count;
    return count === 0 && room > 0 ? -ERRNO.EAGAIN : 0;
  }

  /** In order, up to the first that is wrong. */
  #takeReplies(multi: MultiView, backend: UserBackend): number {
    const { repliesCnt, preplies } = multi;
    multi.repliesDone = 0;
    if (repliesCnt <= 0) return 0;
    const segment = this.#memory.find(preplies, repliesCnt * ScstUserReplyCmd.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    this.#replies.point(segment, preplies);
    for (let done = 0; done < repliesCnt; done++) {
      const error = takeReply(this.#replies.view(done), backend, this.#memory);
      if (error < 0) {
        multi.repliesDone = done;
        return error;
      }
    }
    multi.repliesDone = repliesCnt;
    return 0;
  }

  /** Writes the next subcommand into `view`: false if there is none. */
  #handOut(view: GetCmdView, backend: UserBackend): boolean {
    for (;;) {
      const userCommand = this.#queue.take();
      if (userCommand === undefined) return false;
      if (endedMeanwhile(userCommand)) continue;
      writeRequest(view, userCommand, backend);
      userCommand.sent = true;
      userCommand.seen = true;
      userCommand.unjammed = false;
      return true;
    }
  }

  #getExtendedCdb(argument: number, backend: UserBackend): number {
    const segment = this.#memory.find(argument, ScstUserGetExtCdb.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    const view = ScstUserGetExtCdb.view(segment.bytes, argument - segment.base);
    const userCommand = backend.table.find(view.cmdH);
    if (userCommand === undefined) return -ERRNO.ESRCH;
    const { command } = userCommand;
    if (command === undefined || !userCommand.sent || userCommand.state > UCMD_STATE_EXECING) {
      return -ERRNO.EINVAL;
    }
    const rest = command.cdbLength - SCST_MAX_CDB_SIZE;
    if (rest <= 0) return 0;
    const into = this.#memory.find(view.extCdbBuffer, rest);
    if (into === undefined) return -ERRNO.EFAULT;
    const from = command.cdb.subarray(SCST_MAX_CDB_SIZE, command.cdbLength);
    into.bytes.set(from, view.extCdbBuffer - into.base);
    return 0;
  }

  /** close(2), or the death of the program: the device goes, no initiator waits for ever. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const backend = this.#backend;
    if (backend === undefined) return;
    this.#core.enter();
    try {
      backend.gone = true;
      backend.buffers.close();
      this.#core.removeDevice(backend);
      for (const userCommand of backend.table.all()) abandon(userCommand, backend, this.#queue);
    } finally {
      this.#core.leave();
    }
  }
}

/** Events that came since the command was queued: asked again right before the hand-out. */
function endedMeanwhile(userCommand: UserCommand): boolean {
  const { command } = userCommand;
  if (command === undefined || userCommand.state === UCMD_STATE_ON_FREEING) return false;
  if (userCommand.state !== UCMD_STATE_EXECING) {
    if (!command.aborted) return false;
    if (userCommand.state === UCMD_STATE_EXT_COPY_REMAPPING) endRemap(userCommand, undefined);
    else respond(command);
    return true;
  }
  const sense = localEvent(command);
  if (sense !== undefined) command.setSense(sense);
  else if (!command.aborted) return false;
  executed(command);
  return true;
}

/** SBC-4: only what has a capacity can change it. */
function capacityChanged(backend: UserBackend): number {
  if (backend.type !== DEVICE_TYPE.DISK) return -ERRNO.EINVAL;
  for (const nexus of backend.nexuses) {
    nexus.tell(SENSE.CAPACITY_DATA_HAS_CHANGED);
  }
  return 0;
}

/** Ends one subcommand of a handler that is gone. */
function abandon(userCommand: UserCommand, backend: UserBackend, queue: ReadyQueue): void {
  const queued = queue.remove(userCommand);
  switch (userCommand.state) {
    case UCMD_STATE_NEW:
      // The end of one before it was its end, too.
      break;
    case UCMD_STATE_EXECING:
    case UCMD_STATE_EXT_COPY_REMAPPING:
    case UCMD_STATE_PARSING:
    case UCMD_STATE_BUF_ALLOCING:
      abandonCommand(userCommand, backend, queued);
      break;
    case UCMD_STATE_ON_FREEING:
      backend.onFreed(userCommand);
      break;
    default: {
      const { replied } = userCommand;
      backend.table.give(userCommand);
      replied?.(undefined);
      break;
    }
  }
}

function abandonCommand(userCommand: UserCommand, backend: UserBackend, queued: boolean): void {
  const { command } = userCommand;
  if (userCommand.background || command === undefined) {
    userCommand.background = false;
    if (command === undefined) backend.onFreed(userCommand);
  } else if (queued) {
    // The handler never saw it: the initiator may try again, and will find the LUN gone.
    if (userCommand.state === UCMD_STATE_EXECING) {
      command.setStatus(STATUS.BUSY);
      executed(command);
    } else if (userCommand.state === UCMD_STATE_EXT_COPY_REMAPPING) {
      command.setStatus(STATUS.BUSY);
      endRemap(userCommand, undefined);
    } else {
      refused(command, STATUS.BUSY);
    }
  } else if (userCommand.sent) {
    unjam(userCommand, SENSE.LOGICAL_UNIT_NOT_SUPPORTED);
  }
}
