import { SENSE } from "../../../protocol/scsi/index.ts";
import type { DeviceSession, ScsiCommand } from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import type { LogicalUnit } from "./logical-unit.ts";

/** PREVENT, of PREVENT ALLOW MEDIUM REMOVAL: byte 4, bits 1 and 0. */
const PREVENT = 0x03;
/** The codes above it were for medium changers; SBC-4 has none of them. */
const PREVENT_MAX = 1;

/** Who keeps the medium from being removed (SPC-5, "PREVENT ALLOW MEDIUM REMOVAL command"). */
export class MediumRemoval {
  readonly removable: boolean;
  readonly #preventing = new Set<DeviceSession>();

  constructor(removable: boolean) {
    this.removable = removable;
  }

  get prevented(): boolean {
    return this.#preventing.size > 0;
  }

  prevent(session: DeviceSession): void {
    this.#preventing.add(session);
  }

  /** Also at the end of the I_T nexus. */
  allow(session: DeviceSession): void {
    this.#preventing.delete(session);
  }

  /** A reset: nobody prevents it any more. */
  allowAll(): void {
    this.#preventing.clear();
  }
}

/** A disk that is not removable has nothing to prevent: hosts may ask all the same. */
export function preventAllowMediumRemoval(unit: LogicalUnit, command: ScsiCommand): Outcome {
  const prevent = (command.cdb[4] as number) & PREVENT;
  if (prevent > PREVENT_MAX)
    return checkCondition(SENSE.INVALID_FIELD_IN_CDB, {
      fieldPointer: { inCdb: true, byte: 4, bit: 1 },
    });
  if (!unit.removal.removable) return good;
  if (prevent === 0) unit.removal.allow(command.session);
  else unit.removal.prevent(command.session);
  return good;
}
