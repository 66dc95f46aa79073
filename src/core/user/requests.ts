/** Writes subcommands into the handler's `scst_user_get_cmd`. */
import {
  SCST_DATA_NONE,
  SCST_DATA_UNKNOWN,
  SCST_DATA_WRITE,
  SCST_MAX_CDB_SIZE,
  SCST_TRANSFER_LEN_TYPE_FIXED,
  SCST_USER_ALLOC_MEM,
  SCST_USER_ATTACH_SESS,
  SCST_USER_DETACH_SESS,
  SCST_USER_EXEC,
  SCST_USER_ON_CACHED_MEM_FREE,
  SCST_USER_ON_FREE_CMD,
  SCST_USER_PARSE,
  SCST_USER_TASK_MGMT_DONE,
  SCST_USER_TASK_MGMT_RECEIVED,
  ScstUserGetCmd,
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
import { pagesOf } from "../buffer-pool.ts";
import type { Command } from "../command.ts";
import type { Nexus } from "../nexus.ts";
import type { UserBackend } from "./backend.ts";
import { NOT_REUSED } from "./buffers.ts";
import { writeRemap } from "./remap.ts";
import type { EndedCommand, UserCommand } from "./user-command.ts";

export type GetCmdView = ReturnType<typeof ScstUserGetCmd.view>;

const PARSE_CDB = ScstUserGetCmd.offsetOf("parseCmd.cdb");
const ALLOC_CDB = ScstUserGetCmd.offsetOf("allocCmd.cdb");
const EXEC_CDB = ScstUserGetCmd.offsetOf("execCmd.cdb");

/** SCST_CMD_DELIVERY_FAILED as the unsigned byte that the struct has. */
const DELIVERY_FAILED = 0xff;
const DELIVERY_SUCCESS = 0;

/** Fills `view` in for `userCommand`. */
export function writeRequest(
  view: GetCmdView,
  userCommand: UserCommand,
  backend: UserBackend,
): void {
  view.cmdH = userCommand.handle;
  switch (userCommand.state) {
    case UCMD_STATE_EXECING:
      writeExec(view, userCommand.command!, backend);
      break;
    case UCMD_STATE_PARSING:
      writeParse(view, userCommand.command!);
      break;
    case UCMD_STATE_BUF_ALLOCING:
      writeAllocMem(view, userCommand.command!, backend);
      break;
    case UCMD_STATE_EXT_COPY_REMAPPING:
      writeRemap(view, userCommand.command!, userCommand.remap!);
      break;
    case UCMD_STATE_ON_FREEING:
      writeOnFree(view, userCommand.command ?? userCommand.ended!);
      break;
    case UCMD_STATE_ON_CACHE_FREEING:
      view.subcode = SCST_USER_ON_CACHED_MEM_FREE;
      view.onCachedMemFree.pbuf = userCommand.buffer!.address;
      break;
    case UCMD_STATE_ATTACH_SESS:
      writeAttach(view, userCommand.nexus!);
      break;
    case UCMD_STATE_DETACH_SESS:
      view.subcode = SCST_USER_DETACH_SESS;
      view.sess.sessHLow = userCommand.nexus!.handle;
      view.sess.sessHHigh = 0;
      break;
    case UCMD_STATE_TM_RECEIVED_EXECING:
    case UCMD_STATE_TM_DONE_EXECING:
      writeTaskManagement(view, userCommand);
      break;
    default:
      break;
  }
}

function writeExec(view: GetCmdView, command: Command, backend: UserBackend): void {
  const { execCmd } = view;
  const { buffer, bufferLength } = command;
  view.subcode = SCST_USER_EXEC;
  execCmd.sessHLow = command.nexus!.handle;
  execCmd.sessHHigh = 0;
  writeCdb(view, EXEC_CDB, command);
  execCmd.cdbLen = command.cdbLength;
  execCmd.lba = command.lba;
  execCmd.dataLen = command.dataLength;
  execCmd.bufflen = bufferLength;
  const pbuf = buffer === undefined ? 0 : buffer.address;
  const delayed = pbuf === 0 && command.dataDirection !== SCST_DATA_NONE;
  execCmd.allocLen = delayed ? backend.allocationLength(command) : 0;
  execCmd.pbuf = pbuf;
  execCmd.queueType = command.taskAttribute;
  execCmd.dataDirection = command.dataDirection;
  execCmd.partial = 0;
  execCmd.timeout = command.timeoutSeconds;
  // SCST lays the second buffer behind the pages of the first, and says so for all commands.
  const length = command.dataDirection === SCST_DATA_WRITE ? command.dataOutLength : bufferLength;
  const pages = delayed && !backend.reuses(command) ? 0 : pagesOf(length);
  execCmd.pOutBuf = pbuf + pages;
  execCmd.outBufflen = command.outBufferLength;
  execCmd.sn = 0;
  execCmd.parentCmdH = 0;
  execCmd.parentCmdDataLen = 0;
  execCmd.partialOffset = 0;
}

function writeParse(view: GetCmdView, command: Command): void {
  const { parseCmd } = view;
  view.subcode = SCST_USER_PARSE;
  parseCmd.sessHLow = command.nexus!.handle;
  parseCmd.sessHHigh = 0;
  writeCdb(view, PARSE_CDB, command);
  parseCmd.cdbLen = command.cdbLength;
  parseCmd.lba = command.lba;
  const unit = parseUnit(command);
  parseCmd.dataLen = command.dataLength / unit;
  parseCmd.bufflen = command.bufferLength / unit;
  parseCmd.outBufflen = command.outBufferLength / unit;
  parseCmd.timeout = command.timeoutSeconds;
  parseCmd.opFlags = command.opFlags;
  parseCmd.queueType = command.taskAttribute;
  parseCmd.dataDirection = command.dataDirection;
  const expected = command.expectedDirection !== SCST_DATA_UNKNOWN;
  parseCmd.expectedValuesSet = expected ? 1 : 0;
  parseCmd.expectedDataDirection = command.expectedDirection;
  parseCmd.expectedTransferLen = expected ? command.expectedLength : 0;
  parseCmd.expectedOutTransferLen = expected ? command.expectedOutLength : 0;
  parseCmd.sn = 0;
}

/** SCST tells what stands in the CDB, which may be a count of blocks: its own parse multiplies. */
function parseUnit({ opFlags, nexus }: Command): number {
  const { blockSize } = nexus!.device;
  return (opFlags & SCST_TRANSFER_LEN_TYPE_FIXED) !== 0 && blockSize > 0 ? blockSize : 1;
}

function writeAllocMem(view: GetCmdView, command: Command, backend: UserBackend): void {
  const { allocCmd } = view;
  view.subcode = SCST_USER_ALLOC_MEM;
  allocCmd.sessHLow = command.nexus!.handle;
  allocCmd.sessHHigh = 0;
  writeCdb(view, ALLOC_CDB, command);
  allocCmd.cdbLen = command.cdbLength;
  allocCmd.allocLen = backend.allocationLength(command);
  allocCmd.queueType = command.taskAttribute;
  allocCmd.dataDirection = command.dataDirection;
  allocCmd.sn = 0;
}

function writeOnFree(view: GetCmdView, command: EndedCommand): void {
  const { onFreeCmd } = view;
  view.subcode = SCST_USER_ON_FREE_CMD;
  onFreeCmd.pbuf = command.buffer === undefined ? 0 : command.buffer.address;
  onFreeCmd.respDataLen = command.responseLength;
  const cached = command.buffer !== undefined && command.buffer.sizeClass !== NOT_REUSED;
  onFreeCmd.bufferCached = cached ? 1 : 0;
  onFreeCmd.aborted = command.aborted || command.answersAbort ? 1 : 0;
  onFreeCmd.status = command.status;
  onFreeCmd.deliveryStatus = command.deliveryFailed ? DELIVERY_FAILED : DELIVERY_SUCCESS;
}

function writeAttach(view: GetCmdView, nexus: Nexus): void {
  const { sess } = view;
  const { target } = nexus.session;
  view.subcode = SCST_USER_ATTACH_SESS;
  sess.sessHLow = nexus.handle;
  sess.sessHHigh = 0;
  sess.lun = nexus.lun;
  sess.threadsNum = 0;
  sess.rdOnly = nexus.readOnly ? 1 : 0;
  sess.scsiTransportVersion = target.transportVersion;
  sess.physTransportVersion = 0;
  sess.initiatorName = nexus.session.name;
  sess.targetName = target.name;
}

function writeTaskManagement(view: GetCmdView, userCommand: UserCommand): void {
  const { tmCmd } = view;
  const request = userCommand.request!;
  view.subcode =
    userCommand.state === UCMD_STATE_TM_DONE_EXECING
      ? SCST_USER_TASK_MGMT_DONE
      : SCST_USER_TASK_MGMT_RECEIVED;
  tmCmd.sessHLow = userCommand.nexus!.handle;
  tmCmd.sessHHigh = 0;
  tmCmd.fn = request.function;
  const note = request.command?.deviceNote as UserCommand | undefined;
  // When the function is done the command may be gone: its handle is kept from before.
  if (note?.seen === true) request.seenHandle = note.handle;
  tmCmd.cmdHToAbort = request.seenHandle ?? 0;
  tmCmd.cmdSn = 0;
  tmCmd.cmdSnSet = 0;
}

/** A handler gets 16 bytes of CDB; the rest it asks for (GET_EXTENDED_CDB). */
function writeCdb(view: GetCmdView, at: number, command: Command): void {
  const { bytes, offset } = view;
  const { cdb } = command;
  for (let i = 0; i < SCST_MAX_CDB_SIZE; i++) bytes[offset + at + i] = cdb[i] as number;
}
