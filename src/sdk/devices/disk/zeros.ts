import type { MaybePromise } from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import { inChunks } from "../chunks.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { soleBlock, writeFailed } from "../refusals.ts";

/** Gives the space of blocks back; they read as zeros. */
export function trimBlocks(unit: LogicalUnit, lba: number, lengthBytes: number) {
  return calling(soleBlock(unit, lba, lengthBytes), () =>
    unit.store.trim?.(lba * unit.blockSize, lengthBytes),
  );
}

/** Makes blocks zeros in the way that the store has for it; undefined where it has none. */
export function zeroBlocks(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
): MaybePromise<Outcome> | undefined {
  if (unit.store.writeZeroes === undefined) return undefined;
  const options = { mayTrim: false, fua: unit.mustBeDurable(false) };
  return calling(soleBlock(unit, lba, lengthBytes), () =>
    unit.store.writeZeroes?.(lba * unit.blockSize, lengthBytes, options),
  );
}

/** Writes `pattern`, whole blocks, again and again from `lba` on; `done` hears how far it is. */
export function writePattern(
  unit: LogicalUnit,
  lba: number,
  lengthBytes: number,
  pattern: Uint8Array,
  done?: (bytes: number) => void,
): MaybePromise<Outcome | undefined> {
  return inChunks(lengthBytes, pattern.length, (at, length) => {
    done?.(at);
    const outcome = calling(soleBlock(unit, lba, lengthBytes), () =>
      // What must be durable is made so once, at the end.
      unit.store.write(pattern.subarray(0, length), lba * unit.blockSize + at, false),
    );
    const goOn = (result: Outcome): Outcome | undefined => (result === good ? undefined : result);
    return outcome instanceof Promise ? outcome.then(goOn) : goOn(outcome);
  });
}

/** What has been changed by other means than a write is durable now, where it must be. */
export function settleDurable(unit: LogicalUnit, outcome: Outcome): MaybePromise<Outcome> {
  if (outcome !== good || !unit.mustBeDurable(false)) return outcome;
  return calling(undefined, () => unit.flush());
}

function calling(
  lba: number | undefined,
  call: () => MaybePromise<void> | undefined,
): MaybePromise<Outcome> {
  const failed = (error: unknown): Outcome => writeFailed(error, lba);
  try {
    const done = call();
    return done === undefined ? good : done.then(() => good, failed);
  } catch (error) {
    return failed(error);
  }
}

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

/** Fills `into` with `block`, by doubling. */
export function repeat(block: Uint8Array, into: Uint8Array): void {
  into.set(block.subarray(0, into.length));
  for (let done = block.length; done < into.length; done *= 2) into.copyWithin(done, 0, done);
}
