import { Prefetch10, Prefetch16 } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import { inChunks } from "../chunks.ts";
import { SCRATCH_BYTES } from "./limits.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { lbaOutOfRange, readFailed, soleBlock } from "../refusals.ts";

/** Of a longer range the first part is fetched: more would push out what is in use. */
const PREFETCH_BYTES_MAX = 8 * 1024 * 1024;

export function prefetch10(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { prefetchLength, immed } = Prefetch10.view(command.cdb);
  return prefetch(unit, command, prefetchLength, immed);
}

export function prefetch16(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { prefetchLength, immed } = Prefetch16.view(command.cdb);
  return prefetch(unit, command, prefetchLength, immed);
}

/**
 * Reads the blocks, which brings them into the page cache. GOOD, and never CONDITION MET: nobody
 * knows whether they stay there (SBC-4, "PRE-FETCH(10) command").
 */
function prefetch(
  unit: LogicalUnit,
  command: ScsiCommand,
  blocks: number,
  immediate: boolean,
): MaybePromise<Outcome> {
  const { lba } = command;
  if (!unit.contains(lba, blocks * unit.blockSize)) return lbaOutOfRange(lba);
  // A length of zero means to the end of the medium.
  const wanted = (blocks === 0 ? unit.blocks - lba : blocks) * unit.blockSize;
  const lengthBytes = Math.min(wanted, PREFETCH_BYTES_MAX);
  if (immediate) command.answerInBackground();
  const fetched = unit.withScratch((scratch) =>
    inChunks(lengthBytes, SCRATCH_BYTES, (at, length) => {
      const failed = (error: unknown) =>
        readFailed(error, soleBlock(unit, lba + at / unit.blockSize, length));
      try {
        const done = unit.store.read(scratch.subarray(0, length), lba * unit.blockSize + at);
        return done?.then(() => undefined, failed);
      } catch (error) {
        return failed(error);
      }
    }),
  );
  return fetched instanceof Promise
    ? fetched.then((outcome) => outcome ?? good)
    : (fetched ?? good);
}
