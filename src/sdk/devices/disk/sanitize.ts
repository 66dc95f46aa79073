import { Sanitize, SanitizeOverwriteParameterList, SENSE } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { BackgroundOperation, type Progress } from "./background.ts";
import { SCRATCH_BYTES } from "./limits.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb, invalidFieldInParameterList, writeProtected } from "../refusals.ts";
import { SANITIZING } from "./saved-state.ts";
import { repeat, trimBlocks, writePattern } from "./zeros.ts";

type Work = (progress: Progress) => Promise<Outcome>;

/** SANITIZE, OVERWRITE: the pattern goes over all blocks, as often as it is asked for. */
export function sanitizeOverwrite(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  if (unit.readOnly) return writeProtected;
  const { parameterListLength } = Sanitize.view(command.cdb);
  const head = SanitizeOverwriteParameterList.size;
  // SBC-4, "SANITIZE command", OVERWRITE: at least one byte of pattern, at most a block.
  if (parameterListLength <= head || parameterListLength > head + unit.blockSize) {
    return invalidFieldInCdb(Sanitize.offsetOf("parameterListLength"));
  }
  const list = command.buffer.subarray(0, parameterListLength);
  if (list.length < parameterListLength) return listLengthError;
  const view = SanitizeOverwriteParameterList.view(list);
  const { invert, test, overwriteCount, initializationPatternLength: length } = view;
  // TEST is vendor specific, and OVERWRITE COUNT at least one.
  if (test !== 0) return invalidFieldInParameterList(0, 6);
  if (overwriteCount === 0) return invalidFieldInParameterList(0, 4);
  if (length === 0 || length > unit.blockSize) return invalidFieldInParameterList(2);
  if (head + length > list.length) return listLengthError;
  const block = new Uint8Array(unit.blockSize);
  repeat(list.slice(head, head + length), block);
  return start(unit, command, (progress) => {
    return overwrite(unit, block, overwriteCount, invert, progress);
  });
}

/** SANITIZE, BLOCK ERASE: of a thin disk, whose blocks are unmapped and read as zeros. */
export function sanitizeBlockErase(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  if (unit.readOnly) return writeProtected;
  const refusal = refuseParameterList(command);
  return refusal ?? start(unit, command, (progress) => eraseAll(unit, progress));
}

/** SANITIZE, EXIT FAILURE MODE: allowed where the SANITIZE that failed had AUSE. */
export function sanitizeExitFailureMode(
  unit: LogicalUnit,
  command: ScsiCommand,
): MaybePromise<Outcome> {
  const refusal = refuseParameterList(command);
  if (refusal !== undefined) return refusal;
  const { readiness } = unit;
  if (!readiness.sanitizeFailed) return good;
  if (!readiness.mayExitFailure) return checkCondition(SENSE.SANITIZE_COMMAND_FAILED);
  return leave(unit);
}

async function leave(unit: LogicalUnit): Promise<Outcome> {
  await unit.saved.save({ sanitizing: SANITIZING.NO });
  unit.readiness.sanitizeFailed = false;
  return good;
}

function refuseParameterList({ cdb }: ScsiCommand): Outcome | undefined {
  if (Sanitize.view(cdb).parameterListLength === 0) return undefined;
  return invalidFieldInCdb(Sanitize.offsetOf("parameterListLength"));
}

/**
 * Begins a SANITIZE. It goes on whatever becomes of the command that began it (SBC-4, "Sanitize
 * operations"): nothing but the end of the program stops it, and that it was not finished is
 * kept where the disk has a state store.
 */
function start(unit: LogicalUnit, command: ScsiCommand, work: Work): MaybePromise<Outcome> {
  const { immed, ause } = Sanitize.view(command.cdb);
  const { readiness } = unit;
  const underWay = [...unit.writesUnderWay];
  const operation = new BackgroundOperation("sanitize", command, async (progress) => {
    // What was begun before must not land on what is erased already.
    await Promise.allSettled(underWay);
    const outcome = await sanitized(unit, work, progress, ause);
    readiness.sanitizeFailed = outcome !== good;
    readiness.mayExitFailure = ause;
    readiness.background = undefined;
    return outcome;
  });
  readiness.background = operation;
  return immed ? good : Promise.race([operation.ended, operation.released]);
}

async function sanitized(
  unit: LogicalUnit,
  work: Work,
  progress: Progress,
  ause: boolean,
): Promise<Outcome> {
  try {
    await unit.saved.save({ sanitizing: ause ? SANITIZING.WITH_EXIT : SANITIZING.YES });
    const outcome = await work(progress);
    if (outcome !== good) return sanitizeFailed;
    await unit.store.flush();
    await unit.saved.save({ sanitizing: SANITIZING.NO });
    return good;
  } catch {
    return sanitizeFailed;
  }
}

async function overwrite(
  unit: LogicalUnit,
  block: Uint8Array,
  count: number,
  invert: boolean,
  progress: Progress,
): Promise<Outcome> {
  const pattern = new Uint8Array(SCRATCH_BYTES);
  const lengthBytes = unit.blocks * unit.blockSize;
  for (let pass = 0; pass < count; pass++) {
    repeat(block, pattern);
    const outcome = await writePattern(unit, 0, lengthBytes, pattern, (bytes) => {
      progress((pass + bytes / lengthBytes) / count);
    });
    if (outcome !== undefined) return outcome;
    // SBC-4, INVERT: each pass writes the complement of the one before.
    if (invert) for (let i = 0; i < block.length; i++) block[i] = ~(block[i] as number);
  }
  return good;
}

async function eraseAll(unit: LogicalUnit, progress: Progress): Promise<Outcome> {
  const lengthBytes = unit.blocks * unit.blockSize;
  const step = unit.settings.limits.unmapBytes;
  for (let at = 0; at < lengthBytes; at += step) {
    progress(at / lengthBytes);
    const length = Math.min(step, lengthBytes - at);
    const outcome = await trimBlocks(unit, at / unit.blockSize, length);
    if (outcome !== good) return outcome;
  }
  return good;
}

const listLengthError = Object.freeze(checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR));
const sanitizeFailed = Object.freeze(checkCondition(SENSE.SANITIZE_COMMAND_FAILED));
