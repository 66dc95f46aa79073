import {
  GetLbaStatus,
  GetLbaStatusData,
  LbaStatusDescriptor,
  PROVISIONING_STATUS,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { Extent } from "../../storage/block-store.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb, lbaOutOfRange, readFailed } from "../refusals.ts";

/** Descriptors of one answer, whatever room the initiator has for them. */
const DESCRIPTORS_MAX = 1024;
/** NUMBER OF LOGICAL BLOCKS has four bytes. */
const BLOCKS_MAX = 0xffff_ffff;
/** COMPLETION CONDITION: why the list ends; OTHER says nothing. */
const COMPLETION = { ALLOCATION_LENGTH: 1, LAST_LBA: 3, OTHER: 0 } as const;

interface Run {
  lba: number;
  blocks: number;
  readonly mapped: boolean;
}

/** GET LBA STATUS(16). Of a disk that is not thin all blocks are mapped. */
export function getLbaStatus(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const cdb = GetLbaStatus.view(command.cdb);
  const { lba } = command;
  // SBC-4, "GET LBA STATUS(16) command", REPORT TYPE 00h: all blocks, whatever their status.
  if (cdb.reportType !== 0) return invalidFieldInCdb(14);
  if (lba < 0 || lba >= unit.blocks) return lbaOutOfRange(lba);
  const room = Math.floor(
    (cdb.allocationLength - GetLbaStatusData.size) / LbaStatusDescriptor.size,
  );
  const runsMax = Math.min(DESCRIPTORS_MAX, Math.max(1, room));
  const { store } = unit;
  if (!unit.settings.thinProvisioned || store.allocated === undefined) {
    return command.reply(encode(unit, [clipped(unit, lba, true)], runsMax));
  }
  const from = lba * unit.blockSize;
  const answer = (extents: readonly Extent[]): Outcome =>
    command.reply(encode(unit, runsOf(unit, lba, extents), runsMax));
  const failed = (error: unknown): Outcome => readFailed(error, undefined);
  try {
    const extents = store.allocated(from, unit.blocks * unit.blockSize - from);
    return extents instanceof Promise ? extents.then(answer, failed) : answer(extents);
  } catch (error) {
    return failed(error);
  }
}

/** From `lba` to the end of the medium, as far as one descriptor can say it. */
function clipped(unit: LogicalUnit, lba: number, mapped: boolean): Run {
  return { lba, blocks: Math.min(unit.blocks - lba, BLOCKS_MAX), mapped };
}

/** A block is mapped if any byte of it has space. */
function runsOf(unit: LogicalUnit, lba: number, extents: readonly Extent[]): Run[] {
  const runs: Run[] = [];
  let next = lba;
  for (const { offset, length, allocated } of extents) {
    const end = (offset + length) / unit.blockSize;
    const until = allocated ? Math.ceil(end) : Math.floor(end);
    const last = runs.at(-1);
    const blocks = Math.min(
      until - next,
      BLOCKS_MAX - (last?.mapped === allocated ? last.blocks : 0),
    );
    if (blocks <= 0) continue;
    if (last?.mapped === allocated) last.blocks += blocks;
    else runs.push({ lba: next, blocks, mapped: allocated });
    next += blocks;
    if (next < until) break;
  }
  return runs.length === 0 ? [{ lba, blocks: 1, mapped: true }] : runs;
}

function encode(unit: LogicalUnit, all: readonly Run[], runsMax: number): Uint8Array {
  const runs = all.slice(0, runsMax);
  const { lba, blocks } = runs.at(-1) as Run;
  const data = GetLbaStatusData.encode(
    {
      parameterDataLength: GetLbaStatusData.size - 4 + runs.length * LbaStatusDescriptor.size,
      completionCondition:
        lba + blocks >= unit.blocks
          ? COMPLETION.LAST_LBA
          : runs.length < all.length
            ? COMPLETION.ALLOCATION_LENGTH
            : COMPLETION.OTHER,
    },
    GetLbaStatusData.size + runs.length * LbaStatusDescriptor.size,
  );
  for (const [index, run] of runs.entries()) {
    const at = GetLbaStatusData.size + index * LbaStatusDescriptor.size;
    LbaStatusDescriptor.write(LbaStatusDescriptor.view(data, at), {
      logicalBlockAddress: run.lba,
      numberOfLogicalBlocks: run.blocks,
      provisioningStatus: run.mapped ? PROVISIONING_STATUS.MAPPED : PROVISIONING_STATUS.DEALLOCATED,
    });
  }
  return data;
}
