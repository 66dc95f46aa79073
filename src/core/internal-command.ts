/** Commands that the core itself gives to a device, as part of one of an initiator's. */
import { Read16, Write16 } from "../protocol/scsi/index.ts";
import type { Command } from "./command.ts";

/** Who waits for such a command, in a target driver's place. */
export interface InternalOwner {
  /** The command has its buffer: put the data-out into `command.data`. */
  fill(command: Command): void;
  /** The command is over; what it says is valid during the call. */
  ended(command: Command): void;
}

const READ_16 = 0x88;
const WRITE_16 = 0x8a;

export function read16(logicalBlockAddress: number, transferLength: number): Uint8Array {
  return Read16.encode({ operationCode: READ_16, logicalBlockAddress, transferLength });
}

export function write16(logicalBlockAddress: number, transferLength: number): Uint8Array {
  return Write16.encode({ operationCode: WRITE_16, logicalBlockAddress, transferLength });
}

/** Gives `cdb` to the logical unit behind `lun` of the session of `parent`. */
export function submitInternal(
  parent: Command,
  lun: number,
  cdb: Uint8Array,
  owner: InternalOwner,
  taskAttribute?: number,
): void {
  const command = parent.session.command();
  command.setCdb(cdb, 0, cdb.length);
  command.lun = lun;
  if (taskAttribute !== undefined) command.taskAttribute = taskAttribute;
  command.internal = owner;
  command.parent = parent;
  command.submit();
}
