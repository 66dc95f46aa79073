import { errnoName } from "../../protocol/errno.ts";
import { SystemError } from "../../protocol/errors.ts";
import {
  SCST_MAX_CDB_SIZE,
  SCST_USER_GET_EXTENDED_CDB,
  ScstUserGetExtCdb,
} from "../../protocol/scst/index.ts";
import type { Channel } from "../channel/channel.ts";
import type { SlotCommand } from "./scsi-command.ts";

/** Fetches what is behind the first 16 bytes of a long CDB. Rare: it may allocate. */
export function fetchExtendedCdb(channel: Channel, command: SlotCommand): void {
  const rest = command.cdbLength - SCST_MAX_CDB_SIZE;
  const block = channel.arena.allocate(ScstUserGetExtCdb.size + rest);
  if (block === undefined) throw new SystemError("ENOMEM", 12, "no memory for a long CDB");
  try {
    const view = ScstUserGetExtCdb.view(block.bytes);
    view.cmdH = command.handle;
    view.extCdbBuffer = block.address + ScstUserGetExtCdb.size;
    const result = channel.ioctl(SCST_USER_GET_EXTENDED_CDB, block.address);
    if (result < 0) {
      const code = errnoName(result);
      throw new SystemError(code, -result, `reading a CDB of ${command.cdbLength} bytes: ${code}`);
    }
    const cdb = new Uint8Array(command.cdbLength);
    cdb.set(command.cdb.subarray(0, SCST_MAX_CDB_SIZE));
    const from = ScstUserGetExtCdb.size;
    cdb.set(block.bytes.subarray(from, from + rest), SCST_MAX_CDB_SIZE);
    command.cdb = cdb;
  } finally {
    channel.arena.release(block.address);
  }
}
