import {
  SENSE,
  Unmap,
  UnmapBlockDescriptor,
  UnmapParameterList,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInParameterList, lbaOutOfRange, writeProtected } from "../refusals.ts";
import { settleDurable, trimBlocks } from "./zeros.ts";

interface Range {
  readonly lba: number;
  readonly blocks: number;
}

/** UNMAP: the whole list is judged before anything is unmapped. */
export function unmap(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  if (unit.readOnly) return writeProtected;
  const { parameterListLength } = Unmap.view(command.cdb);
  // SBC-4, "UNMAP command": an empty parameter list is not an error.
  if (parameterListLength === 0) return good;
  const list = command.buffer.subarray(0, parameterListLength);
  const ranges = readList(unit, list);
  return "status" in ranges ? ranges : unmapAll(unit, ranges);
}

function readList(unit: LogicalUnit, list: Uint8Array): Range[] | Outcome {
  if (list.length < UnmapParameterList.size) return listLengthError;
  const { unmapBlockDescriptorDataLength: declared } = UnmapParameterList.view(list);
  const size = UnmapBlockDescriptor.size;
  // What is no whole descriptor at the end does not count.
  const count = Math.floor(declared / size);
  if (UnmapParameterList.size + count * size > list.length) return listLengthError;
  const { unmapDescriptors, unmapBytes } = unit.settings.limits;
  const countByte = UnmapParameterList.offsetOf("unmapBlockDescriptorDataLength");
  if (count > unmapDescriptors) return invalidFieldInParameterList(countByte);
  const ranges: Range[] = [];
  let blocksLeft = unmapBytes / unit.blockSize;
  for (let i = 0; i < count; i++) {
    const at = UnmapParameterList.size + i * size;
    const view = UnmapBlockDescriptor.view(list, at);
    const { unmapLogicalBlockAddress: lba, numberOfLogicalBlocks: blocks } = view;
    if (!unit.contains(lba, blocks * unit.blockSize)) return lbaOutOfRange(lba);
    blocksLeft -= blocks;
    if (blocksLeft < 0) {
      const field = UnmapBlockDescriptor.offsetOf("numberOfLogicalBlocks");
      return invalidFieldInParameterList(at + field);
    }
    if (blocks > 0) ranges.push({ lba, blocks });
  }
  return ranges;
}

function unmapAll(unit: LogicalUnit, ranges: readonly Range[], from = 0): MaybePromise<Outcome> {
  for (let i = from; i < ranges.length; i++) {
    const { lba, blocks } = ranges[i] as Range;
    const trimmed = trimBlocks(unit, lba, blocks * unit.blockSize);
    if (trimmed instanceof Promise) {
      return trimmed.then((outcome) =>
        outcome === good ? unmapAll(unit, ranges, i + 1) : outcome,
      );
    }
    if (trimmed !== good) return trimmed;
  }
  return settleDurable(unit, good);
}

const listLengthError = Object.freeze(checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR));
