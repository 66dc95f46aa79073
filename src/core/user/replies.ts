/** Takes the handler's replies: checks every word of them before it counts. */
import { ERRNO } from "../../protocol/errno.ts";
import { SENSE, type SenseCondition, STATUS } from "../../protocol/scsi/index.ts";
import {
  SCST_CMD_QUEUE_ACA,
  SCST_DATA_NONE,
  SCST_DATA_READ,
  SCST_DATA_UNKNOWN,
  SCST_EXEC_REPLY_BACKGROUND,
  SCST_EXEC_REPLY_COMPLETED,
  SCST_EXEC_REPLY_DO_WRITE_SAME,
  SCST_INFO_VALID,
  SCST_USER_ALLOC_MEM,
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXEC,
  SCST_USER_EXT_COPY_REMAP,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PARSE,
  SCST_USER_TASK_MGMT_DONE,
  SCST_USER_TASK_MGMT_RECEIVED,
  ScstUserDataDescriptor,
  type ScstUserReplyCmd,
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
import { PAGE_SIZE } from "../buffer-pool.ts";
import type { Command } from "../command.ts";
import { overLimitStatus } from "../flow-control.ts";
import { executed, failed, refused, respond } from "../completion.ts";
import { changeTaskAttribute, parsed, spaceReady } from "../life-cycle.ts";
import { copyFromUser, type UserMemory } from "../user-memory.ts";
import { type BlockRange, isWriteSame, writeSame, writeSameRange } from "../write-same.ts";
import type { UserBackend } from "./backend.ts";
import { endRemap, takeRemapReply } from "./remap.ts";
import type { UserCommand } from "./user-command.ts";

type ReplyView = ReturnType<typeof ScstUserReplyCmd.view>;
type ParseReplyView = ReplyView["parseReply"];
type ExecReplyView = ReplyView["execReply"];

/** The subcommand that each state waits for. */
const SUBCODE_OF: Readonly<Record<number, number>> = {
  [UCMD_STATE_PARSING]: SCST_USER_PARSE,
  [UCMD_STATE_BUF_ALLOCING]: SCST_USER_ALLOC_MEM,
  [UCMD_STATE_EXECING]: SCST_USER_EXEC,
  [UCMD_STATE_EXT_COPY_REMAPPING]: SCST_USER_EXT_COPY_REMAP,
  [UCMD_STATE_ON_FREEING]: SCST_USER_ON_FREE_CMD,
  [UCMD_STATE_ON_CACHE_FREEING]: SCST_USER_ON_CACHED_MEM_FREE,
  [UCMD_STATE_ATTACH_SESS]: SCST_USER_ATTACH_SESS,
  [UCMD_STATE_DETACH_SESS]: SCST_USER_DETACH_SESS,
  [UCMD_STATE_TM_RECEIVED_EXECING]: SCST_USER_TASK_MGMT_RECEIVED,
  [UCMD_STATE_TM_DONE_EXECING]: SCST_USER_TASK_MGMT_DONE,
};

/** Takes one reply. Returns 0 or a negative errno, as REPLY_CMD does. */
export function takeReply(view: ReplyView, backend: UserBackend, memory: UserMemory): number {
  const userCommand = backend.table.find(view.cmdH);
  if (userCommand === undefined) return -ERRNO.ESRCH;
  if (userCommand.background) return endBackground(userCommand, view.execReply, backend);
  if (userCommand.unjammed) return 0;
  if (!userCommand.sent) return -ERRNO.EINVAL;
  userCommand.sent = false;
  if (view.subcode !== SUBCODE_OF[userCommand.state]) return wrongSubcode(userCommand, backend);

  switch (userCommand.state) {
    case UCMD_STATE_EXECING:
      return takeExecReply(userCommand, view.execReply, backend, memory);
    case UCMD_STATE_EXT_COPY_REMAPPING:
      return takeRemapReply(userCommand, view.remapReply, memory);
    case UCMD_STATE_PARSING:
      return takeParseReply(userCommand.command!, view.parseReply, memory);
    case UCMD_STATE_BUF_ALLOCING:
      return takeAllocReply(userCommand.command!, view.allocReply.pbuf, backend, memory);
    default:
      takeEventReply(userCommand, view.result, backend);
      return 0;
  }
}

/** Replies whose content is one number or nothing. */
function takeEventReply(
  userCommand: UserCommand,
  result: number | undefined,
  backend: UserBackend,
): void {
  if (userCommand.state === UCMD_STATE_ON_FREEING) {
    backend.onFreed(userCommand);
    return;
  }
  const { replied } = userCommand;
  backend.table.give(userCommand);
  replied?.(result);
}

function wrongSubcode(userCommand: UserCommand, backend: UserBackend): number {
  if (userCommand.command === undefined || userCommand.state === UCMD_STATE_ON_FREEING) {
    takeEventReply(userCommand, -ERRNO.EFAULT, backend);
  } else {
    userCommand.unjammed = true;
    unjam(userCommand, SENSE.LOGICAL_UNIT_NOT_SUPPORTED);
  }
  return -ERRNO.EINVAL;
}

/** Ends a SCSI command at the handler with the core's own sense, in whatever state it is. */
export function unjam(userCommand: UserCommand, sense: SenseCondition): void {
  const command = userCommand.command!;
  if (userCommand.state === UCMD_STATE_EXECING) {
    command.setSense(sense);
    executed(command);
  } else if (userCommand.state === UCMD_STATE_EXT_COPY_REMAPPING) {
    command.setSense(sense);
    endRemap(userCommand, undefined);
  } else {
    failed(command, sense);
  }
}

function takeParseReply(command: Command, reply: ParseReplyView, memory: UserMemory): number {
  if (command.aborted) {
    respond(command);
    return 0;
  }
  if (reply.status !== STATUS.GOOD) return refuseParse(command, reply, memory);
  if (!validParse(command, reply)) {
    failed(command, SENSE.INTERNAL_TARGET_FAILURE);
    return -ERRNO.EINVAL;
  }
  const { queueType } = reply;
  if (queueType !== command.taskAttribute) changeTaskAttribute(command, queueType);
  command.dataDirection = reply.dataDirection;
  command.lba = reply.lba;
  command.dataLength = reply.dataLen;
  command.bufferLength = reply.bufflen;
  command.outBufferLength = reply.outBufflen;
  command.opFlags = reply.opFlags;
  if (reply.cdbLen !== 0) command.cdbLength = reply.cdbLen;
  parsed(command);
  return 0;
}

function refuseParse(command: Command, reply: ParseReplyView, memory: UserMemory): number {
  if (reply.status !== STATUS.CHECK_CONDITION || reply.senseLen === 0) {
    refused(command, reply.status);
    return 0;
  }
  const sense = copyFromUser(memory, reply.psenseBuffer, reply.senseLen);
  if (sense === undefined) {
    failed(command, SENSE.COMMAND_INTERNAL_FAILURE);
    return -ERRNO.EFAULT;
  }
  command.setSenseBytes(sense, sense.length);
  respond(command);
  return 0;
}

function validParse(command: Command, reply: ParseReplyView): boolean {
  return (
    reply.queueType <= SCST_CMD_QUEUE_ACA &&
    reply.dataDirection !== SCST_DATA_UNKNOWN &&
    reply.dataDirection <= SCST_DATA_NONE &&
    (reply.dataDirection === SCST_DATA_NONE || reply.bufflen > 0) &&
    reply.bufflen >= 0 &&
    reply.outBufflen >= 0 &&
    reply.dataLen >= 0 &&
    reply.lba >= 0 &&
    reply.cdbLen <= command.cdbLength &&
    (reply.opFlags & SCST_INFO_VALID) !== 0
  );
}

function takeAllocReply(
  command: Command,
  pbuf: number,
  backend: UserBackend,
  memory: UserMemory,
): number {
  if (command.aborted) {
    respond(command);
    return 0;
  }
  if (pbuf === 0) {
    refused(command, overLimitStatus(command));
    return 0;
  }
  const buffer = backend.bufferAt(command, pbuf, memory);
  if (typeof buffer === "number") {
    const unaligned = buffer === -ERRNO.EINVAL;
    failed(command, unaligned ? SENSE.INTERNAL_TARGET_FAILURE : SENSE.COMMAND_INTERNAL_FAILURE);
    return buffer;
  }
  command.buffer = buffer;
  spaceReady(command);
  return 0;
}

function takeExecReply(
  userCommand: UserCommand,
  reply: ExecReplyView,
  backend: UserBackend,
  memory: UserMemory,
): number {
  const command = userCommand.command!;
  const { replyType, respDataLen } = reply;
  if (replyType === SCST_EXEC_REPLY_DO_WRITE_SAME) {
    return takeWriteSameReply(userCommand, reply, memory);
  }
  const background = replyType === SCST_EXEC_REPLY_BACKGROUND;
  const known = background || replyType === SCST_EXEC_REPLY_COMPLETED;
  const read = command.dataDirection === SCST_DATA_READ;
  const lengthAllowed = read
    ? respDataLen >= 0 && respDataLen <= command.bufferLength
    : respDataLen === 0;
  if (!known || !lengthAllowed || (background && read)) {
    unjam(userCommand, SENSE.COMMAND_INTERNAL_FAILURE);
    return -ERRNO.EINVAL;
  }
  if (respDataLen > 0 && command.buffer === undefined) {
    const error = takeLateBuffer(userCommand, reply.pbuf, backend, memory);
    if (error !== undefined) return error;
  }
  const error = takeStatus(userCommand, reply, memory);
  if (error !== 0) return error;
  if (background) {
    // The initiator hears GOOD whatever becomes of the rest.
    command.setGood(0);
    userCommand.background = true;
    userCommand.sent = true;
  }
  executed(command);
  return 0;
}

/** The handler wants the core to write the block: to the ranges in its list, or to the CDB's. */
function takeWriteSameReply(
  userCommand: UserCommand,
  reply: ExecReplyView,
  memory: UserMemory,
): number {
  const command = userCommand.command!;
  const ranges =
    isWriteSame(command) && reply.status === STATUS.GOOD
      ? readRanges(command, reply, memory)
      : -ERRNO.EINVAL;
  if (typeof ranges === "number") {
    unjam(userCommand, SENSE.INTERNAL_TARGET_FAILURE);
    return ranges;
  }
  writeSame(command, ranges, () => executed(command));
  return 0;
}

/** The list, or a negative errno: it is at most a page long and ends with a zero record. */
function readRanges(
  command: Command,
  reply: ExecReplyView,
  memory: UserMemory,
): BlockRange[] | number {
  const length = reply.wsDescriptorsLen;
  if (length === 0) return [writeSameRange(command)];
  if (length > PAGE_SIZE) return -ERRNO.EOVERFLOW;
  if (length % ScstUserDataDescriptor.size !== 0) return -ERRNO.EINVAL;
  const list = copyFromUser(memory, reply.wsDescriptors, length);
  if (list === undefined) return -ERRNO.EFAULT;
  const ranges: BlockRange[] = [];
  for (let at = 0; at < length; at += ScstUserDataDescriptor.size) {
    const { usddLba: lba, usddBlocks: blocks } = ScstUserDataDescriptor.view(list, at);
    if (blocks === 0) return ranges;
    ranges.push({ lba, blocks });
  }
  return -ERRNO.EINVAL;
}

/** The buffer of a data-in command that had none comes with the answer. */
function takeLateBuffer(
  userCommand: UserCommand,
  pbuf: number,
  backend: UserBackend,
  memory: UserMemory,
): number | undefined {
  const command = userCommand.command!;
  if (pbuf === 0) {
    command.setStatus(overLimitStatus(command));
    executed(command);
    return 0;
  }
  const buffer = backend.bufferAt(command, pbuf, memory);
  if (typeof buffer !== "number") {
    command.buffer = buffer;
    return undefined;
  }
  unjam(userCommand, SENSE.COMMAND_INTERNAL_FAILURE);
  // SCST loses this errno; only a wrong address is told.
  return buffer === -ERRNO.EINVAL ? buffer : 0;
}

function takeStatus(userCommand: UserCommand, reply: ExecReplyView, memory: UserMemory): number {
  const command = userCommand.command!;
  const { status, senseLen } = reply;
  command.status = status;
  command.responseLength = reply.respDataLen;
  command.senseLength = 0;
  if (status === STATUS.GOOD || senseLen === 0) return 0;
  const sense = copyFromUser(memory, reply.psenseBuffer, senseLen);
  if (sense === undefined) {
    unjam(userCommand, SENSE.COMMAND_INTERNAL_FAILURE);
    return -ERRNO.EFAULT;
  }
  command.setSenseBytes(sense, senseLen);
  command.status = status;
  // As SCST: data-in may come along with sense.
  command.responseLength = reply.respDataLen;
  return 0;
}

/** The work that went on behind an answered command is done: its status no longer matters. */
function endBackground(
  userCommand: UserCommand,
  reply: ExecReplyView,
  backend: UserBackend,
): number {
  const completed = reply.replyType === SCST_EXEC_REPLY_COMPLETED;
  userCommand.background = false;
  userCommand.sent = false;
  if (userCommand.command === undefined) backend.endedInBackground(userCommand);
  return completed ? 0 : -ERRNO.EINVAL;
}
