/** The CDBs that requests become. Each fills one block of memory, which the command copies. */
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

const bytes = new Uint8Array(16);
const read12 = Read12.view(bytes);
const read16 = Read16.view(bytes);
const write16 = Write16.view(bytes);
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
  blank(opcode);
  if (opcode === READ_12) {
    read12.logicalBlockAddress = lba;
    read12.transferLength = blocks;
    command.setCdb(bytes, 0, Read12.size);
    return;
  }
  read16.logicalBlockAddress = lba;
  read16.transferLength = blocks;
  command.setCdb(bytes, 0, Read16.size);
}

export function setWrite(command: Command, lba: number, blocks: number, fua: boolean): void {
  blank(WRITE_16);
  write16.fua = fua;
  write16.logicalBlockAddress = lba;
  write16.transferLength = blocks;
  command.setCdb(bytes, 0, Write16.size);
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
