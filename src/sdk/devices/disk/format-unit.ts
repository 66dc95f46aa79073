import {
  FormatUnit,
  LongFormatParameterListHeader,
  SENSE,
  ShortFormatParameterListHeader,
} from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { BackgroundOperation, type Progress } from "./background.ts";
import { SCRATCH_BYTES } from "./limits.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { invalidFieldInCdb, invalidFieldInParameterList, writeProtected } from "../refusals.ts";
import { trimBlocks, writePattern, zeroBlocks } from "./zeros.ts";

/** FFMT 01b: the blocks need not be touched. */
const FAST_FORMAT = 1;

/**
 * FORMAT UNIT: all blocks become zeros, or with fast format stay as they are. There is neither
 * protection information nor a defect list.
 */
export function formatUnit(unit: LogicalUnit, command: ScsiCommand): MaybePromise<Outcome> {
  if (unit.readOnly) return writeProtected;
  const cdb = FormatUnit.view(command.cdb);
  if (cdb.fmtpinfo !== 0) return invalidFieldInCdb(1, 7);
  if (cdb.ffmt > FAST_FORMAT) return invalidFieldInCdb(4, 1);
  // SBC-4, "FORMAT UNIT command": without FMTDATA the other bits of byte 1 are zero.
  if (!cdb.fmtdata && (cdb.longlist || cdb.cmplst)) return invalidFieldInCdb(1, 5);
  if (!cdb.fmtdata && cdb.defectListFormat !== 0) return invalidFieldInCdb(1, 2);
  const list = cdb.fmtdata ? readList(command, cdb.longlist) : { immed: false };
  if ("status" in list) return list;
  if (cdb.ffmt === FAST_FORMAT) return good;
  const underWay = [...unit.writesUnderWay];
  const operation = new BackgroundOperation("format", command, async (progress) => {
    await Promise.allSettled(underWay);
    const outcome = await format(unit, progress);
    unit.readiness.background = undefined;
    return outcome;
  });
  unit.readiness.background = operation;
  return list.immed ? good : Promise.race([operation.ended, operation.released]);
}

function readList({ buffer }: ScsiCommand, long: boolean): { immed: boolean } | Outcome {
  const layout = long ? LongFormatParameterListHeader : ShortFormatParameterListHeader;
  if (buffer.length < layout.size) return checkCondition(SENSE.PARAMETER_LIST_LENGTH_ERROR);
  const view = long
    ? LongFormatParameterListHeader.view(buffer)
    : ShortFormatParameterListHeader.view(buffer);
  if (view.protectionFieldsUsage !== 0) return invalidFieldInParameterList(0, 2);
  // SBC-4, "Parameter list header", FOV: without it the options must be zero.
  if (!view.fov && (view.dpry || view.dcrt || view.stpf || view.ip)) {
    return invalidFieldInParameterList(1, 6);
  }
  // An initialization pattern of its own is not supported: the blocks become zeros.
  if (view.ip) return invalidFieldInParameterList(1, 3);
  if (long && (buffer[3] as number) !== 0) return invalidFieldInParameterList(3);
  if (view.defectListLength !== 0) {
    return invalidFieldInParameterList(layout.offsetOf("defectListLength"));
  }
  return { immed: view.immed };
}

async function format(unit: LogicalUnit, progress: Progress): Promise<Outcome> {
  try {
    const outcome = await zeroAll(unit, progress);
    if (outcome !== good) return formatFailed;
    await unit.store.flush();
    return good;
  } catch {
    return formatFailed;
  }
}

async function zeroAll(unit: LogicalUnit, progress: Progress): Promise<Outcome> {
  const lengthBytes = unit.blocks * unit.blockSize;
  const { unmapBytes, writeSameBytes } = unit.settings.limits;
  const thin = unit.settings.thinProvisioned;
  const step = thin ? unmapBytes : writeSameBytes;
  for (let at = 0; at < lengthBytes; at += step) {
    progress(at / lengthBytes);
    const lba = at / unit.blockSize;
    const length = Math.min(step, lengthBytes - at);
    const zeroed = thin ? trimBlocks(unit, lba, length) : zeroBlocks(unit, lba, length);
    const outcome =
      zeroed === undefined
        ? ((await writePattern(unit, lba, length, new Uint8Array(SCRATCH_BYTES))) ?? good)
        : await zeroed;
    if (outcome !== good) return outcome;
  }
  return good;
}

const formatFailed = Object.freeze(checkCondition(SENSE.FORMAT_COMMAND_FAILED));
