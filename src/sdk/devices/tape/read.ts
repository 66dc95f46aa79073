import { SENSE } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { StoredObject } from "../../storage/cartridge/partition-log.ts";
import { inChunks } from "../chunks.ts";
import { invalidFieldInCdb, readFailed } from "../refusals.ts";
import { decodeBlock } from "./block-codec.ts";
import { protectedBlock } from "./block-protection.ts";
import type { TapeUnit } from "./tape-unit.ts";
import { type Transfer, transferOf } from "./transfer.ts";

/** READ(6) and READ(16). */
export function read(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const refusal = unit.notReady();
  if (refusal !== undefined) return refusal;
  const transfer = transferOf(unit, command);
  if (!("blocks" in transfer)) return transfer;
  if (transfer.fixed && transfer.sili) return invalidFieldInCdb(1, 1);
  if (transfer.blocks === 0) return good;
  return transfer.fixed
    ? readFixed(unit, command, transfer)
    : readVariable(unit, command, transfer);
}

/** What comes next on the tape: a block's bytes, or what there is in its place. */
export type Next = Uint8Array | "filemark" | "end" | Outcome;

/**
 * Reads the next logical object and goes behind it. The bytes are valid until the next call. A
 * block that can't be read is passed as well: the medium goes on behind it.
 */
export function readNext(unit: TapeUnit): MaybePromise<Next> {
  const { log, object } = unit;
  if (object >= log.count) return "end";
  try {
    const stored = log.read(object);
    return stored instanceof Promise
      ? stored.then(
          (found) => decoded(unit, found),
          (error) => failed(unit, error),
        )
      : decoded(unit, stored);
  } catch (error) {
    return failed(unit, error);
  }
}

function failed(unit: TapeUnit, error: unknown): Outcome {
  unit.object++;
  unit.statistics.failedToRead();
  if ((error as { code?: unknown } | null)?.code === "CARTRIDGE_DATA") return UNREADABLE;
  return readFailed(error, 0);
}

function decoded(unit: TapeUnit, stored: StoredObject): MaybePromise<Next> {
  if (stored.filemark) {
    unit.object++;
    return "filemark";
  }
  const mediumBytes = stored.bytes.length;
  const take = (block: Uint8Array | Outcome): Next => {
    // SSC-5, "Data encryption": a block that can't be decrypted is not passed.
    if (!(block instanceof Uint8Array)) return block;
    unit.object++;
    unit.statistics.read(block.length, mediumBytes);
    return protectedBlock(unit.mode, block);
  };
  const block = decodeBlock(stored, unit.encryption.parameters, unit.room);
  return block instanceof Promise ? block.then(take) : take(block);
}

function readVariable(
  unit: TapeUnit,
  command: ScsiCommand,
  { count, sili }: Transfer,
): MaybePromise<Outcome> {
  const take = (next: Next): Outcome => {
    if (!(next instanceof Uint8Array)) return ended(unit, command, next, 0, count);
    const length = Math.min(next.length, command.buffer.length);
    command.buffer.set(length === next.length ? next : next.subarray(0, length));
    command.responseLength = length;
    const short = count - next.length;
    if (short === 0) return good;
    // SSC-5, "READ(6) command": SILI covers blocks that are too short, and too long ones where no
    // block length is set.
    if (sili && (short > 0 || unit.mode.blockLength === 0)) return good;
    return incorrectLength(short);
  };
  const next = readNext(unit);
  return next instanceof Promise ? next.then(take) : take(next);
}

function readFixed(
  unit: TapeUnit,
  command: ScsiCommand,
  { blockLength, blocks }: Transfer,
): MaybePromise<Outcome> {
  const { buffer } = command;
  const done = (at: number) => at / blockLength;
  const step = (at: number): MaybePromise<Outcome | undefined> => {
    const take = (next: Next): Outcome | undefined => {
      const residue = blocks - done(at);
      if (!(next instanceof Uint8Array)) return ended(unit, command, next, at, residue);
      if (next.length !== blockLength) {
        command.responseLength = Math.min(at, buffer.length);
        return incorrectLength(residue);
      }
      // The initiator's buffer may be shorter than the CDB says.
      const room = Math.max(0, buffer.length - at);
      if (room > 0) buffer.set(room < next.length ? next.subarray(0, room) : next, at);
      return undefined;
    };
    const next = readNext(unit);
    return next instanceof Promise ? next.then(take) : take(next);
  };
  const whole = (outcome: Outcome | undefined) => outcome ?? good;
  const result = inChunks(blocks * blockLength, blockLength, step);
  return result instanceof Promise ? result.then(whole) : whole(result);
}

/** Something else than a block came: `at` bytes are in the buffer, `residue` was not done. */
function ended(
  unit: TapeUnit,
  command: ScsiCommand,
  next: Exclude<Next, Uint8Array>,
  at: number,
  residue: number,
): Outcome {
  if (command.bufferLength > 0) command.responseLength = Math.min(at, command.bufferLength);
  return stopped(unit, next, residue);
}

/** The sense for what came in place of a block. */
export function stopped(unit: TapeUnit, next: Exclude<Next, Uint8Array>, residue: number): Outcome {
  if (next === "filemark") {
    return checkCondition(SENSE.FILEMARK_DETECTED, {
      filemark: true,
      eom: false,
      information: residue,
    });
  }
  if (next === "end") {
    return checkCondition(SENSE.END_OF_DATA_DETECTED, {
      filemark: false,
      eom: unit.atEarlyWarning,
      information: residue,
    });
  }
  const details = { filemark: false, eom: false, information: residue };
  return next.sense === undefined ? next : checkCondition(next.sense, details);
}

/** The residue of a block that is too long is negative. */
export function incorrectLength(residue: number): Outcome {
  return checkCondition(SENSE.NO_ADDITIONAL_SENSE_INFORMATION, {
    filemark: false,
    eom: false,
    ili: true,
    information: residue,
  });
}

const UNREADABLE = checkCondition(SENSE.UNRECOVERED_READ_ERROR);
