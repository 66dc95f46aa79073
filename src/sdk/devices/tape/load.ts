import { LoadUnload, SENSE } from "../../../protocol/scsi/index.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { invalidFieldInCdb, writeFailed } from "../refusals.ts";
import { noteLoad, noteUnload } from "./medium-memory.ts";
import type { TapeUnit } from "./tape-unit.ts";

export function loadUnload(unit: TapeUnit, command: ScsiCommand): MaybePromise<Outcome> {
  const { immed, hold, eot, reten, load } = LoadUnload.view(command.cdb);
  // SSC-5, "LOAD UNLOAD command": EOT with LOAD contradicts itself.
  if (eot && load) return invalidFieldInCdb(4, 2);
  if (unit.cartridge === undefined) return NO_MEDIUM;
  if (load) {
    if (immed) command.answerInBackground();
    if (unit.threaded) return rewound(unit);
    return thread(unit).then(() => (hold ? unthreadHeld(unit) : good));
  }
  void reten;
  if (unit.preventing.size > 0) return REMOVAL_PREVENTED;
  if (immed) command.answerInBackground();
  return unthread(unit, hold).then(
    () => good,
    (error: unknown) => writeFailed(error),
  );
}

/** LOAD of what is loaded: the tape goes to its beginning. */
async function rewound(unit: TapeUnit): Promise<Outcome> {
  try {
    await unit.flush();
  } catch (error) {
    return writeFailed(error);
  }
  unit.moveTo(0, 0);
  return good;
}

async function unthreadHeld(unit: TapeUnit): Promise<Outcome> {
  await unthread(unit, true);
  return good;
}

/** Brings the cartridge to the heads. Every nexus hears that the medium may be another. */
export async function thread(unit: TapeUnit): Promise<void> {
  const { cartridge } = unit;
  if (cartridge === undefined || unit.threaded) return;
  unit.threaded = true;
  unit.held = false;
  unit.moveTo(0, 0);
  unit.overwriteAllowedAt = undefined;
  unit.changed = false;
  unit.statistics.loaded();
  const { kind, cleaningsLeft } = cartridge.description;
  if (kind === "cleaning") {
    unit.cleaned = cleaningsLeft > 0;
    if (cleaningsLeft > 0 && !cartridge.readOnly) {
      await cartridge.update({ cleaningsLeft: cleaningsLeft - 1 });
    }
  } else {
    await noteLoad(unit);
  }
  unit.attentions.establish(SENSE.NOT_READY_TO_READY_CHANGE);
}

/** Takes the cartridge from the heads; what is buffered is on the medium when it is done. */
export async function unthread(unit: TapeUnit, hold = false): Promise<void> {
  if (!unit.threaded) {
    unit.held = hold;
    return;
  }
  await unit.flush();
  await noteUnload(unit);
  unit.threaded = false;
  unit.held = hold;
  unit.moveTo(0, 0);
  unit.mode.partitioning = undefined;
  if (unit.encryption.parameters?.clearOnDemount === true) unit.encryption.set(undefined);
}

/** PREVENT ALLOW MEDIUM REMOVAL: removal is prevented as long as any nexus prevents it. */
export function preventAllow(unit: TapeUnit, { cdb, session }: ScsiCommand): Outcome {
  const prevent = (cdb[4] as number) & 0x03;
  if (prevent > 1) return invalidFieldInCdb(4, 1);
  if (prevent === 1) unit.preventing.add(session);
  else unit.preventing.delete(session);
  return good;
}

export function testUnitReady(unit: TapeUnit): Outcome {
  return unit.notReady() ?? good;
}

const NO_MEDIUM = checkCondition(SENSE.MEDIUM_NOT_PRESENT);
const REMOVAL_PREVENTED = checkCondition(SENSE.MEDIUM_REMOVAL_PREVENTED);
