/** The commands of SBC-4, and of its predecessors where SCST still takes them. */
import type { Layout } from "../../layout/index.ts";
import {
  SCST_DATA_BIDI,
  SCST_DATA_READ,
  SCST_DATA_WRITE,
  SCST_DESCRIPTORS_BASED as DESCRIPTORS,
  SCST_IMPLICIT_HQ as IMPLICIT_HQ,
  SCST_LOCAL_CMD as LOCAL,
  SCST_LONG_TIMEOUT as LONG,
  SCST_SCSI_ATOMIC as ATOMIC,
  SCST_SMALL_TIMEOUT as SMALL,
  SCST_STRICTLY_SERIALIZED as STRICT,
  SCST_WRITE_EXCL_ALLOWED as WRITE_EXCL,
  SCST_WRITE_MEDIUM as WRITE_MEDIUM,
} from "../../scst/constants.ts";
import * as cdb from "../cdb.ts";
import { DEVICE_TYPE } from "../device-type.ts";
import { ALWAYS_ALLOWED as ALWAYS } from "./flags.ts";
import {
  blocks,
  blocks256,
  bytes,
  command,
  type CommandRow,
  type CommandSpec,
  fixedBlocks,
  fixedBytes,
  type Special,
  unknownLength,
} from "./row.ts";
import * as special from "./sbc-special.ts";

type More = Partial<CommandSpec>;

const { DISK, PRINTER, WORM, CDROM, SCANNER, MO } = DEVICE_TYPE;
const DISK_ONLY = [DISK];
const BLOCK = [DISK, WORM, CDROM, MO];
const block = { types: BLOCK };
const beyondScst = { beyondScst: true };

const lba = "logicalBlockAddress";
const transferLength = blocks("transferLength");
const verificationLength = blocks("verificationLength");
const numberOfLogicalBlocks = blocks("numberOfLogicalBlocks");
const byteTransferLength = bytes("byteTransferLength");

function noData(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  return command(name, { opcode, cdb: layout, flags, types: DISK_ONLY, ...more });
}

function dataIn(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  const spec = { opcode, cdb: layout, direction: SCST_DATA_READ, flags, types: DISK_ONLY };
  return command(name, { ...spec, length: bytes("allocationLength"), ...more });
}

function dataOut(name: string, opcode: number, layout: Layout, flags = 0, more?: More): CommandRow {
  const spec = { opcode, cdb: layout, direction: SCST_DATA_WRITE, flags, types: DISK_ONLY };
  return command(name, { ...spec, length: bytes("parameterListLength"), ...more });
}

/** Logical blocks to the initiator. */
function read(name: string, opcode: number, layout: Layout, more?: More): CommandRow {
  return dataIn(name, opcode, layout, WRITE_EXCL, { lba, length: transferLength, ...more });
}

/** Logical blocks from the initiator. */
function write(name: string, opcode: number, layout: Layout, more?: More): CommandRow {
  return dataOut(name, opcode, layout, WRITE_MEDIUM, { lba, length: transferLength, ...more });
}

function verify(name: string, opcode: number, layout: Layout): CommandRow {
  const more = { lba, length: verificationLength, special: special.verify, ...block };
  return dataOut(name, opcode, layout, WRITE_EXCL, more);
}

function writeSame(name: string, opcode: number, layout: Layout): CommandRow {
  return write(name, opcode, layout, { length: numberOfLogicalBlocks, special: special.writeSame });
}

function sanitize(name: string, serviceAction: number): CommandRow {
  // Not serialized: while it runs others are answered (SBC-4, "Sanitize operations").
  const more = { serviceAction, ...beyondScst };
  return dataOut(`SANITIZE, ${name}`, 0x48, cdb.Sanitize, LONG | WRITE_MEDIUM, more);
}

function serviceActionIn16(
  name: string,
  serviceAction: number,
  layout: Layout,
  flags = 0,
  more?: More,
): CommandRow {
  return dataIn(name, 0x9e, layout, flags, { serviceAction, ...more });
}

/** Variable length CDBs; the service action stands in bytes 8 and 9. */
function variableLength(name: string, serviceAction: number, layout: Layout): CommandRow {
  const refuse: Special = special.withType2ProtectionOnly;
  return command(name, {
    opcode: 0x7f,
    serviceAction,
    cdb: layout,
    types: DISK_ONLY,
    special: refuse,
  });
}

export const SBC: readonly CommandRow[] = [
  noData("REZERO UNIT", 0x01, cdb.RezeroUnit, LONG, beyondScst),
  noData("FORMAT UNIT", 0x04, cdb.FormatUnit, LONG | WRITE_MEDIUM | STRICT, {
    special: special.formatUnit,
    types: [DISK, CDROM, MO],
  }),
  // Tapes have READ BLOCK LIMITS, SPACE(6) and their own REASSIGN BLOCKS in their own set.
  dataIn("READ BLOCK LIMITS", 0x05, cdb.ReadBlockLimits, SMALL | ALWAYS, {
    length: fixedBytes(6),
    types: [DISK, PRINTER, DEVICE_TYPE.PROCESSOR, WORM, CDROM, DEVICE_TYPE.CHANGER],
  }),
  dataOut("REASSIGN BLOCKS", 0x07, cdb.ReassignBlocks, WRITE_MEDIUM, {
    length: unknownLength(),
    types: [DISK, PRINTER, WORM, MO],
  }),
  read("READ(6)", 0x08, cdb.Read6, { length: blocks256("transferLength") }),
  write("WRITE(6)", 0x0a, cdb.Write6, { length: blocks256("transferLength") }),
  noData("SEEK(6)", 0x0b, cdb.Seek6, 0, { lba, types: [DISK, WORM, CDROM, MO] }),
  noData("SPACE(6)", 0x11, cdb.Space6, LONG | WRITE_EXCL, {
    types: [DISK, PRINTER, DEVICE_TYPE.PROCESSOR, WORM, CDROM],
  }),
  noData("START STOP UNIT", 0x1b, cdb.StartStopUnit, LONG, {
    special: special.startStop,
    types: [...BLOCK, DEVICE_TYPE.RAID],
  }),
  dataIn("READ FORMAT CAPACITIES", 0x23, cdb.ReadFormatCapacities, 0, block),
  dataIn("READ CAPACITY(10)", 0x25, cdb.ReadCapacity10, IMPLICIT_HQ | ALWAYS, {
    length: fixedBytes(8),
    ...block,
  }),
  read("READ(10)", 0x28, cdb.Read10, { types: [...BLOCK, SCANNER] }),
  dataIn("READ GENERATION", 0x29, cdb.ReadGeneration, 0, block),
  write("WRITE(10)", 0x2a, cdb.Write10, block),
  noData("SEEK(10)", 0x2b, cdb.Seek10, 0, { lba, ...block }),
  noData("ERASE(10)", 0x2c, cdb.Erase10, LONG | WRITE_MEDIUM, { types: [DISK, CDROM, MO] }),
  dataIn("READ UPDATED BLOCK(10)", 0x2d, cdb.ReadUpdatedBlock10, 0, {
    length: fixedBlocks(1),
    types: [DISK, WORM, MO],
  }),
  write("WRITE AND VERIFY(10)", 0x2e, cdb.WriteAndVerify10, block),
  verify("VERIFY(10)", 0x2f, cdb.Verify10),
  // The blocks that the cache commands are about do not count as data: SCST's data_len is 0.
  noData("PRE-FETCH(10)", 0x34, cdb.Prefetch10, WRITE_EXCL, { lba, ...block }),
  noData("SYNCHRONIZE CACHE(10)", 0x35, cdb.SynchronizeCache10, 0, { lba, ...block }),
  noData("LOCK UNLOCK CACHE(10)", 0x36, cdb.LockUnlockCache10, WRITE_EXCL, block),
  dataIn("READ DEFECT DATA(10)", 0x37, cdb.ReadDefectData10, WRITE_EXCL, { types: [DISK, MO] }),
  dataIn("READ LONG(10)", 0x3e, cdb.ReadLong10, 0, { lba, length: byteTransferLength, ...block }),
  dataOut("WRITE LONG(10)", 0x3f, cdb.WriteLong10, WRITE_MEDIUM, {
    lba,
    length: byteTransferLength,
    special: special.writeLong,
    types: [DISK, WORM, MO],
  }),
  writeSame("WRITE SAME(10)", 0x41, cdb.WriteSame10),
  dataOut("UNMAP", 0x42, cdb.Unmap, WRITE_MEDIUM | DESCRIPTORS),
  // Another service action than the standard's is an invalid field, not an unknown opcode.
  dataOut("SANITIZE", 0x48, cdb.Sanitize, LONG | WRITE_MEDIUM, beyondScst),
  sanitize("OVERWRITE", 0x01),
  sanitize("BLOCK ERASE", 0x02),
  sanitize("CRYPTOGRAPHIC ERASE", 0x03),
  sanitize("EXIT FAILURE MODE", 0x1f),
  write("XDWRITE(10)", 0x50, cdb.Xdwrite10),
  write("XPWRITE(10)", 0x51, cdb.Xpwrite10),
  read("XDREAD(10)", 0x52, cdb.Xdread10, beyondScst),
  write("XDWRITEREAD(10)", 0x53, cdb.Xdwriteread10, { direction: SCST_DATA_BIDI }),
  variableLength("READ(32)", 0x0009, cdb.Read32),
  variableLength("VERIFY(32)", 0x000a, cdb.Verify32),
  variableLength("WRITE(32)", 0x000b, cdb.Write32),
  variableLength("WRITE AND VERIFY(32)", 0x000c, cdb.WriteAndVerify32),
  variableLength("WRITE SAME(32)", 0x000d, cdb.WriteSame32),
  dataOut("REBUILD(16)", 0x81, cdb.Rebuild16, WRITE_MEDIUM, block),
  dataOut("REGENERATE(16)", 0x82, cdb.Regenerate16, WRITE_MEDIUM, block),
  noData("ATA PASS-THROUGH(16)", 0x85, cdb.AtaPassThrough16, 0, {
    lba: "lba",
    special: special.ataPassThrough,
    types: [DISK, CDROM, DEVICE_TYPE.RBC],
  }),
  read("READ(16)", 0x88, cdb.Read16, { types: [...BLOCK, SCANNER] }),
  dataOut("COMPARE AND WRITE", 0x89, cdb.CompareAndWrite, LOCAL | WRITE_MEDIUM | ATOMIC, {
    lba,
    length: numberOfLogicalBlocks,
    special: special.compareAndWrite,
  }),
  write("WRITE(16)", 0x8a, cdb.Write16, block),
  write("ORWRITE(16)", 0x8b, cdb.Orwrite16, { flags: WRITE_MEDIUM | ATOMIC, ...beyondScst }),
  write("WRITE AND VERIFY(16)", 0x8e, cdb.WriteAndVerify16, block),
  verify("VERIFY(16)", 0x8f, cdb.Verify16),
  noData("PRE-FETCH(16)", 0x90, cdb.Prefetch16, WRITE_EXCL, { lba, ...block }),
  noData("SYNCHRONIZE CACHE(16)", 0x91, cdb.SynchronizeCache16, 0, { lba, ...block }),
  noData("LOCK UNLOCK CACHE(16)", 0x92, cdb.LockUnlockCache16, 0, block),
  writeSame("WRITE SAME(16)", 0x93, cdb.WriteSame16),
  write("WRITE ATOMIC(16)", 0x9c, cdb.WriteAtomic16, {
    flags: WRITE_MEDIUM | ATOMIC,
    ...beyondScst,
  }),
  // Whatever else there is under 9Eh, only its initiator knows how much data it returns.
  dataIn("SERVICE ACTION IN(16)", 0x9e, cdb.ServiceActionIn16, 0, { length: unknownLength() }),
  serviceActionIn16("READ CAPACITY(16)", 0x10, cdb.ReadCapacity16, IMPLICIT_HQ | ALWAYS),
  serviceActionIn16("READ LONG(16)", 0x11, cdb.ReadLong16, 0, { lba, length: byteTransferLength }),
  serviceActionIn16("GET LBA STATUS(16)", 0x12, cdb.GetLbaStatus, WRITE_EXCL, {
    lba: "startingLogicalBlockAddress",
  }),
  serviceActionIn16("REPORT REFERRALS", 0x13, cdb.ReportReferrals, ALWAYS, { lba }),
  serviceActionIn16("STREAM CONTROL", 0x14, cdb.StreamControl),
  serviceActionIn16("BACKGROUND CONTROL", 0x15, cdb.BackgroundControl),
  serviceActionIn16("GET STREAM STATUS", 0x16, cdb.GetStreamStatus, WRITE_EXCL),
  dataOut("WRITE LONG(16)", 0x9f, cdb.WriteLong16, WRITE_MEDIUM, {
    serviceAction: 0x11,
    lba,
    length: byteTransferLength,
    special: special.writeLong,
    ...beyondScst,
  }),
  noData("ATA PASS-THROUGH(12)", 0xa1, cdb.AtaPassThrough12, 0, {
    lba: "lba",
    special: special.ataPassThrough,
    types: [DISK, CDROM, DEVICE_TYPE.RBC],
  }),
  read("READ(12)", 0xa8, cdb.Read12, block),
  write("WRITE(12)", 0xaa, cdb.Write12, block),
  write("WRITE AND VERIFY(12)", 0xae, cdb.WriteAndVerify12, block),
  verify("VERIFY(12)", 0xaf, cdb.Verify12),
  dataIn("READ DEFECT DATA(12)", 0xb7, cdb.ReadDefectData12, WRITE_EXCL, { types: [DISK, MO] }),
];
