/** EXT_COPY_REMAP: the handler copies a segment of an EXTENDED COPY itself, or parts of it. */
import { ERRNO } from "../../protocol/errno.ts";
import { SENSE, STATUS } from "../../protocol/scsi/index.ts";
import {
  SCST_USER_EXT_COPY_REMAP,
  ScstUserExtCopyDataDescr,
  type ScstUserGetCmd,
  type ScstUserReplyCmd,
} from "../../protocol/scst/index.ts";
import { PAGE_SIZE } from "../buffer-pool.ts";
import type { Command } from "../command.ts";
import type { Extent } from "../extended-copy/segment-copy.ts";
import { copyFromUser, type UserMemory } from "../user-memory.ts";
import type { UserCommand } from "./user-command.ts";

type RemapReplyView = ReturnType<typeof ScstUserReplyCmd.view>["remapReply"];

/** The ABI's length is a signed number of 32 bits: longer segments the core copies itself. */
export const REMAP_LENGTH_MAX = 0x7fff_ffff;

/** A segment at the handler. */
export interface Remap {
  readonly extent: Extent;
  /** Told what is left to copy; undefined where the command has its status, or is aborted. */
  readonly done: (left: readonly Extent[] | undefined) => void;
}

export function writeRemap(
  view: ReturnType<typeof ScstUserGetCmd.view>,
  command: Command,
  { extent }: Remap,
): void {
  const { remapCmd } = view;
  view.subcode = SCST_USER_EXT_COPY_REMAP;
  remapCmd.sessHLow = command.nexus!.handle;
  remapCmd.sessHHigh = 0;
  remapCmd.srcSessHLow = extent.source.handle;
  remapCmd.srcSessHHigh = 0;
  remapCmd.dstSessHLow = extent.destination.handle;
  remapCmd.dstSessHHigh = 0;
  remapCmd.dataDescr.srcLba = extent.sourceLba;
  remapCmd.dataDescr.dstLba = extent.destinationLba;
  remapCmd.dataDescr.dataLen = extent.lengthBytes;
}

/** The handler is done with the segment. */
export function endRemap(userCommand: UserCommand, left: readonly Extent[] | undefined): void {
  const { remap } = userCommand;
  userCommand.remap = undefined;
  remap?.done(left);
}

/** Takes the reply. Returns 0 or a negative errno. */
export function takeRemapReply(
  userCommand: UserCommand,
  reply: RemapReplyView,
  memory: UserMemory,
): number {
  const command = userCommand.command!;
  if (reply.status !== STATUS.GOOD) {
    const error = takeRefusal(command, reply, memory);
    endRemap(userCommand, undefined);
    return error;
  }
  const left = readExtents(userCommand.remap!.extent, reply, memory);
  if (typeof left !== "number") {
    endRemap(userCommand, left);
    return 0;
  }
  // SCST has a list that it can't read count as "nothing is left", which loses data.
  command.setSense(SENSE.INTERNAL_TARGET_FAILURE);
  endRemap(userCommand, undefined);
  return left;
}

function takeRefusal(command: Command, reply: RemapReplyView, memory: UserMemory): number {
  command.setStatus(reply.status);
  if (reply.senseLen === 0) return 0;
  const sense = copyFromUser(memory, reply.psenseBuffer, reply.senseLen);
  if (sense === undefined) {
    command.setSense(SENSE.INTERNAL_TARGET_FAILURE);
    return -ERRNO.EFAULT;
  }
  command.setSenseBytes(sense, sense.length);
  command.status = reply.status;
  return 0;
}

/** What is left, or a negative errno: a list of at most a page, and no more than there was. */
function readExtents(
  { source, destination, lengthBytes }: Extent,
  reply: RemapReplyView,
  memory: UserMemory,
): Extent[] | number {
  const length = reply.remapDescriptorsLen;
  const { size } = ScstUserExtCopyDataDescr;
  if (length === 0) return [];
  if (length > PAGE_SIZE) return -ERRNO.EOVERFLOW;
  const list = copyFromUser(memory, reply.remapDescriptors, length);
  if (list === undefined) return -ERRNO.EFAULT;
  if (length % size !== 0) return -ERRNO.EINVAL;
  const extents: Extent[] = [];
  let sum = 0;
  for (let at = 0; at < length; at += size) {
    const { srcLba, dstLba, dataLen } = ScstUserExtCopyDataDescr.view(list, at);
    const wholeBlocks =
      dataLen % source.device.blockSize === 0 && dataLen % destination.device.blockSize === 0;
    sum += dataLen;
    if (dataLen <= 0 || !wholeBlocks || sum > lengthBytes) return -ERRNO.EINVAL;
    extents.push({
      source,
      sourceLba: srcLba,
      destination,
      destinationLba: dstLba,
      lengthBytes: dataLen,
    });
  }
  return extents;
}
