import { MediumPartitionModePage } from "../../../protocol/scsi/index.ts";
import type { PartitionRequest } from "./tape-unit.ts";

/** Without sizes the partitions behind the first get a twentieth of the capacity each. */
const SHARE = 20;

/** The partitions' sizes in bytes for FORMAT MEDIUM, or undefined where they do not fit. */
export function partitionSizes(
  capacity: number,
  request: PartitionRequest | undefined,
): number[] | undefined {
  if (request === undefined || request.additional === 0) return [capacity];
  const count = request.additional + 1;
  const asked = request.sizes ?? new Array<undefined>(count).fill(undefined);
  const known = asked.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const open = asked.slice(0, count).filter((size) => size === undefined).length;
  if (known > capacity) return undefined;
  if (open === count) {
    const small = Math.floor(capacity / SHARE);
    return [capacity - small * (count - 1), ...new Array<number>(count - 1).fill(small)];
  }
  const rest = open === 0 ? 0 : Math.floor((capacity - known) / open);
  return Array.from({ length: count }, (_, index) => asked[index] ?? rest);
}

/**
 * What a Medium Partition page asks FORMAT MEDIUM to make, or undefined where it can't be made.
 * FDP and SDP leave the sizes to the drive, IDP gives them; FFFFh is "what is left".
 */
export function requestedPartitions(
  page: Uint8Array,
  partitionsMax: number,
): PartitionRequest | undefined {
  const view = MediumPartitionModePage.view(page);
  const { additionalPartitionsDefined: additional, fdp, sdp, idp, psum, partitionUnits } = view;
  if (additional >= partitionsMax) return undefined;
  if (!idp || fdp || sdp) return { additional, sizes: undefined };
  const unit = PARTITION_UNITS[psum] ?? 10 ** partitionUnits;
  const sizes: (number | undefined)[] = [];
  for (let index = 0; index <= additional; index++) {
    const at = MediumPartitionModePage.size + 2 * index;
    if (at + 2 > page.length) {
      sizes.push(undefined);
      continue;
    }
    const value = ((page[at] as number) << 8) | (page[at + 1] as number);
    sizes.push(value === 0xffff ? undefined : value * unit);
  }
  return { additional, sizes };
}

/** PSUM: bytes, kilobytes, megabytes; 3 is what PARTITION UNITS says. */
const PARTITION_UNITS: Readonly<Record<number, number>> = { 0: 1, 1: 1e3, 2: 1e6 };
