import { SENSE } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { inChunks } from "../chunks.ts";
import { SCRATCH_BYTES } from "./limits.ts";
import type { LogicalUnit, SupportedCommand } from "./logical-unit.ts";
import { dataOf, refuseWrite, writeBlocks } from "./read-write.ts";
import { invalidFieldInCdb, lbaOutOfRange, readFailed, soleBlock } from "../refusals.ts";

/** SBC-4, "VERIFY(10) command", BYTCHK. */
const BYTCHK = {
  /** The medium is read, and nothing compared. */
  MEDIUM: 0,
  /** Each block is compared with one of the Data-Out Buffer. */
  DATA: 1,
  /** Each block is compared with the one block of the Data-Out Buffer. */
  ONE_BLOCK: 3,
} as const;

/** VERIFY(10), (12) and (16): the same fields in the same bits of byte 1. */
export function verify(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { lba, dataLength } = command;
  if (!unit.contains(lba, dataLength)) return lbaOutOfRange(lba);
  switch (bytchkOf(command)) {
    case BYTCHK.MEDIUM:
      return compare(unit, lba, dataLength, undefined);
    case BYTCHK.DATA:
      return compare(unit, lba, dataOf(command).length, command.buffer);
    case BYTCHK.ONE_BLOCK:
      // The initiator sent less than a block: there is nothing to compare with.
      if (dataLength > 0 && command.buffer.length < unit.blockSize) return invalidFieldInCdb(1, 2);
      return compareWithBlock(unit, lba, dataLength, command.buffer.subarray(0, unit.blockSize));
    default:
      return invalidFieldInCdb(1, 2);
  }
}

/**
 * WRITE AND VERIFY(10), (12) and (16): the data is on the medium, or where the medium's cache
 * keeps it safe, before it is looked at.
 */
export function writeAndVerify(
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
): MaybePromise<Outcome> {
  const refusal = refuseWrite(unit, command, row);
  if (refusal !== undefined) return refusal;
  const bytchk = bytchkOf(command);
  if (bytchk !== BYTCHK.MEDIUM && bytchk !== BYTCHK.DATA) return invalidFieldInCdb(1, 2);
  const written = writeBlocks(unit, command, unit.mustBeDurable(true));
  const thenVerify = (outcome: Outcome): MaybePromise<Outcome> => {
    if (outcome !== good) return outcome;
    const data = dataOf(command);
    const length = data.length - (data.length % unit.blockSize);
    return compare(unit, command.lba, length, bytchk === BYTCHK.DATA ? data : undefined);
  };
  return written instanceof Promise ? written.then(thenVerify) : thenVerify(written);
}

function bytchkOf({ cdb }: ScsiCommand): number {
  return ((cdb[1] as number) >> 1) & 0x03;
}

/** Reads `lengthBytes` from `lba`, and compares them with `expected` where it is given. */
function compare(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
  expected: Uint8Array | undefined,
): MaybePromise<Outcome> {
  const look = (found: Uint8Array, at: number) =>
    expected === undefined
      ? undefined
      : miscompare(expected.subarray(at, at + found.length), found, at);
  return readAll(unit, lba, lengthBytes, SCRATCH_BYTES, look);
}

function compareWithBlock(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
  block: Uint8Array,
): MaybePromise<Outcome> {
  const look = (found: Uint8Array): Outcome | undefined => {
    for (let at = 0; at < found.length; at += block.length) {
      const outcome = miscompare(block, found.subarray(at, at + block.length), 0);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  };
  return readAll(unit, lba, lengthBytes, SCRATCH_BYTES, look);
}

/** Reads a range piece by piece, and shows each to `look` until it has an outcome. */
function readAll(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
  chunkBytes: number,
  look: (found: Uint8Array, at: number) => Outcome | undefined,
): MaybePromise<Outcome> {
  if (lengthBytes === 0) return good;
  unit.counters.verifiedBlocks += lengthBytes / unit.blockSize;
  return unit.withScratch((scratch) => {
    const ended = inChunks(lengthBytes, chunkBytes, (at, length) => {
      const found = scratch.subarray(0, length);
      const failed = (error: unknown) => {
        unit.counters.verifyErrors++;
        return readFailed(error, soleBlock(unit, lba + at / unit.blockSize, length));
      };
      try {
        const done = unit.store.read(found, lba * unit.blockSize + at);
        return done === undefined ? look(found, at) : done.then(() => look(found, at), failed);
      } catch (error) {
        return failed(error);
      }
    });
    return ended instanceof Promise ? ended.then((outcome) => outcome ?? good) : (ended ?? good);
  });
}

/**
 * MISCOMPARE where the two differ; INFORMATION is the offset of the first differing byte in the
 * Data-Out Buffer.
 */
function miscompare(expected: Uint8Array, found: Uint8Array, at: number): Outcome | undefined {
  if (Buffer.compare(expected, found) === 0) return undefined;
  let index = 0;
  while (expected[index] === found[index]) index++;
  return checkCondition(SENSE.MISCOMPARE_DURING_VERIFY, { information: at + index });
}
