import { SENSE } from "../../protocol/scsi/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_MAX_CDB_SIZE,
  ScstUserScsiCmdExec,
} from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";
import type { Block } from "../memory/arena.ts";
import { checkCondition, type Outcome, taskSetFull } from "../outcome.ts";
import { fetchExtendedCdb } from "./extended-cdb.ts";
import type { GetCmdView } from "./mailbox.ts";
import { NO_BYTES, type SlotCommand } from "./scsi-command.ts";
import type { Sessions } from "./sessions.ts";

const CDB_AT = ScstUserScsiCmdExec.offsetOf("cdb");

/** Reads an EXEC into the slot. An outcome is the answer already: it has no buffer. */
export function readExec(
  command: SlotCommand,
  view: GetCmdView,
  channel: Channel,
  sessions: Sessions,
): Outcome | undefined {
  const { execCmd } = view;
  // First of all: what throws below must not meet the memory of the slot's last command.
  command.ownBlock = undefined;
  command.handle = view.cmdH;
  command.cdbLength = execCmd.cdbLen;
  readCdb(command, execCmd.bytes, execCmd.offset + CDB_AT);
  command.lba = execCmd.lba;
  command.dataLength = execCmd.dataLen;
  command.bufferLength = execCmd.bufflen;
  command.dataDirection = execCmd.dataDirection;
  command.taskAttribute = execCmd.queueType;
  command.timeoutSeconds = execCmd.timeout;
  command.session = sessions.get(execCmd.sessHLow, execCmd.sessHHigh);
  command.responseLengthSet = -1;
  command.inBackground = false;
  command.buffer = NO_BYTES;
  command.outBuffer = NO_BYTES;
  if (command.cdbLength > SCST_MAX_CDB_SIZE) fetchExtendedCdb(channel, command);
  return command.bufferLength === 0 ? undefined : findBuffer(command, execCmd, channel);
}

/** The buffer that the core names, or one of the handler's where the core has none. */
function findBuffer(
  command: SlotCommand,
  execCmd: GetCmdView["execCmd"],
  { arena }: Channel,
): Outcome | undefined {
  const { pbuf } = execCmd;
  let block: Block | undefined;
  if (pbuf !== 0) {
    block = arena.blockAt(pbuf);
  } else {
    block = arena.allocate(execCmd.allocLen);
    if (block === undefined) return taskSetFull;
    command.ownBlock = block;
  }
  if (block === undefined) return checkCondition(SENSE.INTERNAL_TARGET_FAILURE);
  command.buffer = block.first(command.bufferLength);
  if (command.dataDirection === SCST_DATA_BIDI && execCmd.outBufflen > 0) {
    const at = execCmd.pOutBuf - pbuf;
    command.outBuffer = block.bytes.subarray(at, at + execCmd.outBufflen);
  }
  return undefined;
}

function readCdb(command: SlotCommand, from: Uint8Array, at: number): void {
  const { cdb } = command;
  for (let i = 0; i < SCST_MAX_CDB_SIZE; i++) cdb[i] = from[at + i] as number;
}
