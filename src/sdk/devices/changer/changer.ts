import { DEVICE_TYPE, findCommand, parsedCommand } from "../../../protocol/scsi/index.ts";
import { SCST_LUN_RESET, SCST_TARGET_RESET } from "../../../protocol/scst/index.ts";
import type {
  DeviceHandler,
  DeviceOptions,
  DeviceSession,
  MaybePromise,
  ParseCommand,
  ScsiCommand,
  TaskManagement,
} from "../../handler.ts";
import { checkCondition, good, type Outcome } from "../../outcome.ts";
import { deviceIdentity, type IdentityOptions } from "../identity.ts";
import { invalidFieldInCdb, invalidOpcode } from "../refusals.ts";
import { ChangerUnit, type SupportedCommand } from "./changer-unit.ts";
import { findSupported, SUPPORTED_COMMANDS } from "./command-table.ts";
import type { Element } from "./element.ts";
import type { Library } from "./library.ts";

export interface ChangerOptions extends Omit<IdentityOptions, "t10DeviceId" | "eui64"> {
  /** The changer's name: where the serial number comes from unless it is given. */
  readonly name: string;
  /** Told of cartridges that can't be used. */
  readonly faulty?: (element: Element, cause: unknown) => void;
  /** How the core treats the device. */
  readonly device?: DeviceOptions;
}

/**
 * A medium changer (SMC-3): the robot of a {@link Library}.
 *
 *     const library = new Library({ layout, store: libraryFolder("library") });
 *     await registerDevice(channel, "robot", changer(library, { name: "robot" }));
 *     await library.start(drives);
 */
export function changer(library: Library, options: ChangerOptions): DeviceHandler {
  return new Changer(library, options);
}

class Changer implements DeviceHandler {
  readonly type = DEVICE_TYPE.CHANGER;
  readonly blockSize = 0;
  readonly options: DeviceOptions;
  readonly #unit: ChangerUnit;
  readonly #parsed = parsedCommand();

  constructor(library: Library, options: ChangerOptions) {
    this.options = { taskSetType: 0, queueAlgorithm: 0, parse: "exception", ...options.device };
    const unit = new ChangerUnit(
      library,
      deviceIdentity(options.name, options),
      SUPPORTED_COMMANDS,
    );
    this.#unit = unit;
    library.listener = {
      accessed: (condition) => unit.attentions.establish(condition),
      faulty: (element, cause) => {
        unit.inventoryAlert = true;
        options.faulty?.(element, cause);
      },
    };
  }

  exec(command: ScsiCommand): MaybePromise<Outcome> {
    const row = findSupported(command.cdb);
    if (!("run" in row)) return row;
    const wrong = row.rule.check(command.cdb);
    if (wrong >= 0) return invalidFieldInCdb(wrong >> 3, wrong & 7);
    if (row.always) return row.run(this.#unit, command);
    return this.#unit.library.run(() => this.#run(row, command));
  }

  /** Opcodes that are not in SCST's table. */
  parse(command: ParseCommand): Outcome {
    const row = findCommand(command.cdb, this.type);
    if (row === undefined) return invalidOpcode;
    const parsed = this.#parsed;
    const sense = row.parse(command.cdb, 0, parsed);
    if (sense !== undefined) return checkCondition(sense);
    command.opFlags = parsed.opFlags;
    command.dataDirection = parsed.dataDirection;
    command.dataLength = parsed.dataLength;
    command.bufferLength = parsed.bufferLength;
    command.outBufferLength = 0;
    return good;
  }

  #run(row: SupportedCommand, command: ScsiCommand): MaybePromise<Outcome> {
    const attention = this.#unit.attentions.take(command.session);
    return attention === undefined ? row.run(this.#unit, command) : checkCondition(attention);
  }

  attachSession(session: DeviceSession): void {
    this.#unit.attentions.attach(session);
  }

  detachSession(session: DeviceSession): void {
    this.#unit.attentions.detach(session);
    this.#unit.searches.delete(session);
    this.#unit.library.preventing.delete(session);
  }

  /** A reset lets operators in again (SPC-5, "PREVENT ALLOW MEDIUM REMOVAL command"). */
  taskManagementDone({ function: fn }: TaskManagement): void {
    if (fn === SCST_LUN_RESET || fn === SCST_TARGET_RESET) this.#unit.library.preventing.clear();
  }
}
