import { UsageError } from "../../../protocol/errors.ts";
import { type Command, commandsOf, DEVICE_TYPE } from "../../../protocol/scsi/index.ts";
import { SCST_WRITE_MEDIUM } from "../../../protocol/scst/index.ts";
import { good } from "../../outcome.ts";
import { CommandLookup } from "../command-lookup.ts";
import { coreCommandsOf, reportSupportedOperationCodes } from "../supported-commands.ts";
import { readCapacity10, readCapacity16 } from "./capacity.ts";
import { cdbRule } from "../cdb-rule.ts";
import { readDefectData10, readDefectData12 } from "./defect-data.ts";
import { formatUnit } from "./format-unit.ts";
import { getLbaStatus } from "./get-lba-status.ts";
import {
  reportIdentifyingInformation,
  setIdentifyingInformation,
} from "./identifying-information.ts";
import { inquiry } from "./inquiry.ts";
import { logSelect, logSense } from "./log-sense.ts";
import type { Run, SupportedCommand } from "./logical-unit.ts";
import { preventAllowMediumRemoval } from "./medium-removal.ts";
import { modeSelect6, modeSelect10 } from "./mode-select.ts";
import { modeSense6, modeSense10 } from "./mode-sense.ts";
import { orwrite16 } from "./orwrite.ts";
import { prefetch10, prefetch16 } from "./prefetch.ts";
import { read, read6, write, write6 } from "./read-write.ts";
import { NEEDS, type Needs } from "./readiness.ts";
import { invalidOpcode } from "../refusals.ts";
import { requestSense } from "./request-sense.ts";
import { sanitizeBlockErase, sanitizeExitFailureMode, sanitizeOverwrite } from "./sanitize.ts";
import { startStopUnit } from "./start-stop.ts";
import { synchronizeCache10, synchronizeCache16 } from "./synchronize-cache.ts";
import { unmap } from "./unmap.ts";
import { verify, writeAndVerify } from "./verify.ts";
import { writeAtomic16 } from "./write-atomic.ts";
import { writeSame10, writeSame16 } from "./write-same.ts";

const nothing: Run = () => good;

const reportCommands: Run = (unit, command) =>
  reportSupportedOperationCodes(command, unit.supportedCommands);

type Runs = Readonly<Record<string, Run>>;

/** What goes in every state of the unit, by the commands' names in the standards. */
const ALWAYS: Runs = {
  "REQUEST SENSE": requestSense,
  INQUIRY: inquiry,
  "MODE SENSE(6)": modeSense6,
  "MODE SENSE(10)": modeSense10,
  "LOG SENSE": logSense,
  // The core keeps the reservation; the disk is only told.
  "RESERVE(6)": nothing,
  "RESERVE(10)": nothing,
  "RELEASE(6)": nothing,
  "RELEASE(10)": nothing,
  "REPORT IDENTIFYING INFORMATION": reportIdentifyingInformation,
  "REPORT SUPPORTED OPERATION CODES": reportCommands,
};

/** What goes without a medium, and not while it is formatted or sanitized. */
const WITHOUT_MEDIUM: Runs = {
  "MODE SELECT(6)": modeSelect6,
  "MODE SELECT(10)": modeSelect10,
  "LOG SELECT": logSelect,
  "START STOP UNIT": startStopUnit,
  "PREVENT ALLOW MEDIUM REMOVAL": preventAllowMediumRemoval,
  "SET IDENTIFYING INFORMATION": setIdentifyingInformation,
  // SBC-4, "Sanitize operations": a failed one is left by another, or by EXIT FAILURE MODE.
  "SANITIZE, OVERWRITE": sanitizeOverwrite,
  "SANITIZE, BLOCK ERASE": sanitizeBlockErase,
  "SANITIZE, EXIT FAILURE MODE": sanitizeExitFailureMode,
};

const WITH_MEDIUM: Runs = {
  "TEST UNIT READY": nothing,
  "FORMAT UNIT": formatUnit,
  "READ CAPACITY(10)": readCapacity10,
  "READ CAPACITY(16)": readCapacity16,
  "READ(6)": read6,
  "READ(10)": read,
  "READ(12)": read,
  "READ(16)": read,
  "WRITE(6)": write6,
  "WRITE(10)": write,
  "WRITE(12)": write,
  "WRITE(16)": write,
  "WRITE AND VERIFY(10)": writeAndVerify,
  "WRITE AND VERIFY(12)": writeAndVerify,
  "WRITE AND VERIFY(16)": writeAndVerify,
  "VERIFY(10)": verify,
  "VERIFY(12)": verify,
  "VERIFY(16)": verify,
  "SYNCHRONIZE CACHE(10)": synchronizeCache10,
  "SYNCHRONIZE CACHE(16)": synchronizeCache16,
  "PRE-FETCH(10)": prefetch10,
  "PRE-FETCH(16)": prefetch16,
  "READ DEFECT DATA(10)": readDefectData10,
  "READ DEFECT DATA(12)": readDefectData12,
  "WRITE SAME(10)": writeSame10,
  "WRITE SAME(16)": writeSame16,
  "WRITE ATOMIC(16)": writeAtomic16,
  "ORWRITE(16)": orwrite16,
  UNMAP: unmap,
  "GET LBA STATUS(16)": getLbaStatus,
};

/**
 * What the core carries out itself: REPORT SUPPORTED OPERATION CODES lists it too. One that comes
 * through all the same is refused.
 */
const RUN_BY_THE_CORE = coreCommandsOf(DEVICE_TYPE.DISK).map(({ name }) => name);

/** What a disk has or has not. */
export interface Features {
  readonly thinProvisioned: boolean;
  readonly atomicWrites: boolean;
  /** There is a state store. */
  readonly saves: boolean;
}

/** Commands that only disks with a feature have. */
const ONLY_WITH: Readonly<Record<string, keyof Features>> = {
  UNMAP: "thinProvisioned",
  "SANITIZE, BLOCK ERASE": "thinProvisioned",
  "WRITE ATOMIC(16)": "atomicWrites",
  "REPORT IDENTIFYING INFORMATION": "saves",
  "SET IDENTIFYING INFORMATION": "saves",
};

function runOf(name: string): { run: Run; needs: Needs } | undefined {
  if (Object.hasOwn(ALWAYS, name)) return { run: ALWAYS[name] as Run, needs: NEEDS.NOTHING };
  if (Object.hasOwn(WITHOUT_MEDIUM, name)) {
    return { run: WITHOUT_MEDIUM[name] as Run, needs: NEEDS.UNIT };
  }
  if (Object.hasOwn(WITH_MEDIUM, name)) {
    return { run: WITH_MEDIUM[name] as Run, needs: NEEDS.MEDIUM };
  }
  if (!RUN_BY_THE_CORE.includes(name)) return undefined;
  return { run: () => invalidOpcode, needs: NEEDS.NOTHING };
}

/** All that an initiator can send to one disk. */
export class CommandTable {
  /** By opcode and service action. */
  readonly rows: readonly SupportedCommand[];
  readonly #lookup: CommandLookup<SupportedCommand>;

  constructor(features: Features) {
    this.rows = commandsOf(DEVICE_TYPE.DISK).flatMap((command) => rowOf(command, features));
    this.#lookup = new CommandLookup(this.rows);
  }

  /** The row for a CDB, or the refusal. */
  find(cdb: Uint8Array) {
    return this.#lookup.find(cdb);
  }
}

function rowOf(command: Command, features: Features): SupportedCommand[] {
  const feature = ONLY_WITH[command.name];
  const found = runOf(command.name);
  if (found === undefined || (feature !== undefined && !features[feature])) return [];
  const rule = cdbRule(command, features.thinProvisioned ? [] : ["unmap"]);
  return [{ command, rule, ...found, writes: (command.flags & SCST_WRITE_MEDIUM) !== 0 }];
}

// A name that no command has would be an opcode that silently is not there.
const names = commandsOf(DEVICE_TYPE.DISK).map(({ name }) => name);
for (const name of [
  ...[ALWAYS, WITHOUT_MEDIUM, WITH_MEDIUM].flatMap((runs) => Object.keys(runs)),
  ...RUN_BY_THE_CORE,
  ...Object.keys(ONLY_WITH),
]) {
  if (!names.includes(name)) {
    throw new UsageError("DISK_COMMANDS", `there is no command ${name} among those of disks`);
  }
}
