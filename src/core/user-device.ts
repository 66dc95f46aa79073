/**
 * The kernel's side of `scst_user`: what an open `/dev/scst_user` answers to each ioctl, with
 * the same bytes and errnos.
 */
import { ERRNO } from "../protocol/errno.ts";
import { DEVICE_TYPE, SENSE, STATUS } from "../protocol/scsi/index.ts";
import {
  LOOPBACK_VERSION,
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
  ScstUserDevDesc,
  ScstUserGetCmd,
  ScstUserGetExtCdb,
  ScstUserGetMulti,
  ScstUserOpt,
  ScstUserPreallocBuffer,
  ScstUserReplyCmd,
  SCST_MAX_CDB_SIZE,
  SCST_MAX_NAME,
  UCMD_STATE_BUF_ALLOCING,
  UCMD_STATE_EXECING,
  UCMD_STATE_EXT_COPY_REMAPPING,
  UCMD_STATE_NEW,
  UCMD_STATE_ON_FREEING,
  UCMD_STATE_PARSING,
} from "../protocol/scst/index.ts";
import { PAGE_SIZE, sizeClassOf } from "./buffer-pool.ts";
import type { Core, Deferred } from "./core.ts";
import { DataBuffer } from "./data-buffer.ts";
import { executed, localEvent, refused, respond } from "./life-cycle.ts";
import { UserBackend } from "./user/backend.ts";
import { readOptions, type UserOptions, writeOptions } from "./user/options.ts";
import { ReadyQueue } from "./user/ready-queue.ts";
import { endRemap } from "./user/remap.ts";
import { takeReply, unjam } from "./user/replies.ts";
import { type GetCmdView, writeRequest } from "./user/requests.ts";
import type { UserCommand } from "./user/user-command.ts";
import { ViewWindow } from "./user/view-window.ts";
import type { UserMemory } from "./user-memory.ts";

type DescriptionView = ReturnType<typeof ScstUserDevDesc.view>;
type MultiView = ReturnType<typeof ScstUserGetMulti.view>;

/** The licences that the scst_user module takes. */
const LICENSES: readonly string[] = [
  "GPL",
  "GPL v2",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
];

/** How many bytes the module reads at each of the two string addresses. */
const STRINGS_LENGTH = 91;

/** Device types whose block size is given at registration. */
const BLOCK_TYPES: readonly number[] = [DEVICE_TYPE.DISK, DEVICE_TYPE.CDROM, DEVICE_TYPE.MO];

const BLOCK_SIZE_MIN = 512;

/** The module cuts a name to what SCST's own field of it has. */
const NAME_LENGTH_MAX = SCST_MAX_NAME - 2;

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

/** SCST's default: a cached buffer goes after one to two minutes. */
const PURGE_INTERVAL_DEFAULT_S = 60;

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
        return this.#preallocBuffer(argument, backend);
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

  /** Checks in the order of the module, so that the errno is the same. */
  #register(argument: number): number {
    const segment = this.#memory.find(argument, ScstUserDevDesc.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    const description = ScstUserDevDesc.view(segment.bytes, argument - segment.base);
    const license = this.#stringAt(description.licenseStr);
    const version = this.#stringAt(description.versionStr);
    if (license === undefined || version === undefined) return -ERRNO.EFAULT;
    if (!LICENSES.includes(license)) return -ERRNO.EPERM;
    if (version !== LOOPBACK_VERSION) return -ERRNO.EINVAL;
    if (BLOCK_TYPES.includes(description.type) && description.blockSize < BLOCK_SIZE_MIN) {
      return -ERRNO.EINVAL;
    }
    const options = readOptions(description.opt);
    const name = description.name.slice(0, NAME_LENGTH_MAX);
    const { sgvName } = description;
    if (this.#core.devices.has(name)) {
      // The name of the buffer cache, which is the device's by default, is found taken first.
      if (sgvName === "" || sgvName === name) return -ERRNO.ENOMEM;
      return options === undefined ? -ERRNO.EINVAL : -ERRNO.EEXIST;
    }
    if (options === undefined || name === "" || /[./]/.test(name)) return -ERRNO.EINVAL;
    if (this.#backend !== undefined) return -ERRNO.EINVAL;

    try {
      this.#backend = this.#newBackend(name, description, options);
    } catch (cause) {
      // Who has reserved the device is not known: nobody shall get at it.
      const message = `the saved reservations of "${name}" can't be read`;
      this.#core.log({ level: "error", code: "SAVED_RESERVATIONS", message, cause });
      return -ERRNO.EIO;
    }
    this.#core.addDevice(this.#backend);
    return 0;
  }

  #newBackend(name: string, description: DescriptionView, options: UserOptions): UserBackend {
    const interval = description.sgvPurgeInterval;
    return new UserBackend(
      {
        name,
        type: description.type,
        blockSize: wholeShift(description),
        purgeIntervalMs: (interval === 0 ? PURGE_INTERVAL_DEFAULT_S : interval) * 1000,
        persistentReserveNotifications: description.enablePrCmdsNotifications !== 0,
        stateStore: this.#core.stateStore,
      },
      options,
      this.#core.clock,
      {
        add: (userCommand) => this.#enqueue(userCommand),
        remove: (userCommand) => this.#queue.remove(userCommand),
      },
    );
  }

  #stringAt(address: number): string | undefined {
    const segment = this.#memory.find(address, STRINGS_LENGTH);
    if (segment === undefined) return undefined;
    const start = address - segment.base;
    const bytes = segment.bytes.subarray(start, start + STRINGS_LENGTH);
    const end = bytes.indexOf(0);
    return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
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

  #preallocBuffer(argument: number, backend: UserBackend): number {
    const segment = this.#memory.find(argument, ScstUserPreallocBuffer.size);
    if (segment === undefined) return -ERRNO.EFAULT;
    const view = ScstUserPreallocBuffer.view(segment.bytes, argument - segment.base);
    const { pbuf, bufflen } = view.in;
    const sizeClass = sizeClassOf(bufflen);
    if (pbuf % PAGE_SIZE !== 0 || bufflen === 0 || sizeClass < 0) return -ERRNO.EINVAL;
    const length = PAGE_SIZE << sizeClass;
    const memory = this.#memory.find(pbuf, length);
    if (memory === undefined) return -ERRNO.EFAULT;
    backend.pool.give(DataBuffer.of(memory, pbuf, length, sizeClass));
    view.out.cmdH = 0;
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
      backend.pool.close();
      this.#core.removeDevice(backend);
      for (const userCommand of backend.table.all()) abandon(userCommand, backend, this.#queue);
    } finally {
      this.#core.leave();
    }
  }
}

/** SCST counts in shifts: a size that is no power of two counts as the next smaller one. */
function wholeShift({ blockSize }: { blockSize: number }): number {
  return blockSize === 0 ? 0 : 2 ** Math.floor(Math.log2(blockSize));
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
    if (command === undefined) backend.table.give(userCommand);
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
