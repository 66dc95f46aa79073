import { SENSE } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { inChunks } from "../chunks.ts";
import { invalidFieldInCdb } from "../refusals.ts";
import { incorrectLength, type Next, readNext, stopped } from "./read.ts";
import type { TapeUnit } from "./tape-unit.ts";
import { transferOf } from "./transfer.ts";

/** Byte 1 of VERIFY(6) and (16): verify to end of data, LBP, by filemarks. */
const VTE = 0x20;
const VLBPM = 0x10;
const VBF = 0x08;
const IMMED = 0x04;
const BYTCMP = 0x02;

/** VERIFY(6) and VERIFY(16): reads, and compares with what was sent where BYTCMP says so. */
export function verify(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const flags = command.cdb[1] as number;
  const refusal = unit.notReady();
  if (refusal !== undefined) return refusal;
  const compares = (flags & BYTCMP) !== 0;
  if ((flags & VLBPM) !== 0) return invalidFieldInCdb(1, 4);
  // SSC-5, "VERIFY(6) command": what was sent can only be compared before the answer.
  if (compares && (flags & (VTE | VBF | IMMED)) !== 0) return invalidFieldInCdb(1, 1);
  if ((flags & VTE) !== 0) return toEndOfData(unit, command, flags);
  if ((flags & VBF) !== 0) return invalidFieldInCdb(1, 3);
  const transfer = transferOf(unit, command);
  if (!("blocks" in transfer)) return transfer;
  const { fixed, count, blockLength, blocks } = transfer;
  if (blocks === 0) return good;
  if ((flags & IMMED) !== 0) command.answerInBackground();
  const step = (at: number): MaybePromise<Outcome | undefined> => {
    const residue = fixed ? blocks - at / blockLength : count;
    const take = (next: Next) => {
      if (!(next instanceof Uint8Array)) return stopped(unit, next, residue);
      if (next.length !== blockLength) {
        return incorrectLength(fixed ? residue : count - next.length);
      }
      const sent = command.buffer.subarray(at, at + next.length);
      return compares && Buffer.compare(next, sent) !== 0 ? MISCOMPARE : undefined;
    };
    const next = readNext(unit);
    return next instanceof Promise ? next.then(take) : take(next);
  };
  const whole = (outcome: Outcome | undefined) => outcome ?? good;
  const result = inChunks(blocks * blockLength, blockLength, step);
  return result instanceof Promise ? result.then(whole) : whole(result);
}

async function toEndOfData(unit: TapeUnit, command: ScsiCommand, flags: number): Promise<Outcome> {
  if ((flags & IMMED) !== 0) command.answerInBackground();
  for (;;) {
    const next = await readNext(unit);
    if (next === "end") return good;
    if (next !== "filemark" && !(next instanceof Uint8Array)) return next;
  }
}

const MISCOMPARE = checkCondition(SENSE.MISCOMPARE_DURING_VERIFY);
