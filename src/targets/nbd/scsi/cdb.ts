/**
 * The CDBs that requests become, which commands copy. Reads and writes have one each, of which only
 * some fields change; the others share a block of memory.
 */
import type { Command } from "../../../core/command.ts";
import {
  GetLbaStatus,
  Prefetch16,
  Read12,
  Read16,
  SynchronizeCache10,
  SynchronizeCache16,
  Unmap,
  Write16,
  WriteSame16,
} from "../../../protocol/scsi/index.ts";

export const READ_12 = 0xa8;
export const READ_16 = 0x88;
const WRITE_16 = 0x8a;
export const SYNCHRONIZE_CACHE_10 = 0x35;
export const SYNCHRONIZE_CACHE_16 = 0x91;
export const UNMAP = 0x42;
export const WRITE_SAME_16 = 0x93;
export const PREFETCH_16 = 0x90;
export const SERVICE_ACTION_IN_16 = 0x9e;
export const GET_LBA_STATUS = 0x12;

const read12 = Read12.encode({ operationCode: READ_12 });
const read12View = Read12.view(read12);
const read16 = Read16.encode({ operationCode: READ_16 });
const read16View = Read16.view(read16);
const write16 = Write16.encode({ operationCode: WRITE_16 });
const write16View = Write16.view(write16);
const bytes = new Uint8Array(16);
const unmap = Unmap.view(bytes);
const writeSame16 = WriteSame16.view(bytes);
const prefetch16 = Prefetch16.view(bytes);
const getLbaStatus = GetLbaStatus.view(bytes);

/** All zeros but the opcode. */
function blank(opcode: number): void {
  bytes.fill(0);
  bytes[0] = opcode;
}

export function setRead(command: Command, opcode: number, lba: number, blocks: number): void {
  const short = opcode === READ_12;
  const view = short ? read12View : read16View;
  view.logicalBlockAddress = lba;
  view.transferLength = blocks;
  command.setCdb(short ? read12 : read16, 0, short ? Read12.size : Read16.size);
}

export function setWrite(command: Command, lba: number, blocks: number, fua: boolean): void {
  write16View.fua = fua;
  write16View.logicalBlockAddress = lba;
  write16View.transferLength = blocks;
  command.setCdb(write16, 0, Write16.size);
}

/** All blocks: NUMBER OF LOGICAL BLOCKS zero. */
export function setSynchronizeCache(command: Command, opcode: number): void {
  blank(opcode);
  const layout = opcode === SYNCHRONIZE_CACHE_10 ? SynchronizeCache10 : SynchronizeCache16;
  command.setCdb(bytes, 0, layout.size);
}

export function setUnmap(command: Command, parameterListLength: number): void {
  blank(UNMAP);
  unmap.parameterListLength = parameterListLength;
  command.setCdb(bytes, 0, Unmap.size);
}

export function setWriteSame(
  command: Command,
  lba: number,
  blocks: number,
  flags: { readonly unmap: boolean; readonly ndob: boolean },
): void {
  blank(WRITE_SAME_16);
  writeSame16.unmap = flags.unmap;
  writeSame16.ndob = flags.ndob;
  writeSame16.logicalBlockAddress = lba;
  writeSame16.numberOfLogicalBlocks = blocks;
  command.setCdb(bytes, 0, WriteSame16.size);
}

export function setPrefetch(command: Command, lba: number, blocks: number): void {
  blank(PREFETCH_16);
  prefetch16.immed = true;
  prefetch16.logicalBlockAddress = lba;
  prefetch16.prefetchLength = blocks;
  command.setCdb(bytes, 0, Prefetch16.size);
}

export function setGetLbaStatus(command: Command, lba: number, allocationLength: number): void {
  blank(SERVICE_ACTION_IN_16);
  getLbaStatus.serviceAction = GET_LBA_STATUS;
  getLbaStatus.startingLogicalBlockAddress = lba;
  getLbaStatus.allocationLength = allocationLength;
  command.setCdb(bytes, 0, GetLbaStatus.size);
}
