import type { LogicalUnit } from "./logical-unit.ts";

/** RESOURCE COUNT has four bytes. */
const RESOURCES_MAX = 0xffff_ffff;
/** A threshold set is at least so large. */
const THRESHOLD_SET_BYTES_MIN = 1024 * 1024;
/** Runs of bytes looked at for one answer: a store in more pieces than that is not counted. */
const RUNS_MAX = 100_000;

/** VPD page B2h, THRESHOLD EXPONENT: LBA mapping resources are counted in 2^n blocks. */
export function thresholdExponent({ blockSize, blocks }: LogicalUnit): number {
  const setBytes = Math.max(THRESHOLD_SET_BYTES_MIN, (blocks / RESOURCES_MAX) * blockSize);
  return Math.max(1, Math.ceil(Math.log2(setBytes / blockSize)));
}

/** How many threshold sets have space; undefined where the store cannot tell, or not quickly. */
export async function usedThresholdSets(unit: LogicalUnit): Promise<number | undefined> {
  const { store } = unit;
  const end = unit.blocks * unit.blockSize;
  let used = 0;
  let runs = 0;
  for (let at = 0; at < end;) {
    const extents = await store.allocated?.(at, end - at);
    if (extents === undefined || extents.length === 0) return undefined;
    runs += extents.length;
    if (runs > RUNS_MAX) return undefined;
    for (const { length, allocated } of extents) {
      if (allocated) used += length;
      at += length;
    }
  }
  return Math.ceil(used / (unit.blockSize * 2 ** thresholdExponent(unit)));
}
