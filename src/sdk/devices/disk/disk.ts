import { DEVICE_TYPE, findCommand } from "../../../protocol/scsi/index.ts";
import type {
  DeviceControl,
  DeviceHandler,
  DeviceOptions,
  DeviceSession,
  MaybePromise,
  ParseCommand,
  ScsiCommand,
  TaskManagement,
} from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import type { BlockStore } from "../../storage/block-store.ts";
import { CommandTable } from "./command-table.ts";
import { Control } from "./control-bits.ts";
import { deviceIdentity } from "../identity.ts";
import { LogicalUnit } from "./logical-unit.ts";
import { checkOptions, type DiskOptions } from "./options.ts";
import { invalidFieldInCdb, invalidOpcode } from "../refusals.ts";
import { SavedState } from "./saved-state.ts";
import { taskManagement } from "./task-management.ts";

export type { DiskOptions } from "./options.ts";

/**
 * A disk (SBC-4, direct access block device) over a store. The disk closes the store when it is
 * closed itself.
 *
 *     await registerDevice(channel, "disk1", disk(fileStore("disk1.img"), { name: "disk1" }));
 *
 * @throws UsageError what is wrong with the options
 * @throws ProtocolError `DISK_STATE` where the saved state is damaged
 */
export function disk(store: BlockStore, options: DiskOptions = {}): Disk {
  return new Disk(store, options);
}

export class Disk implements DeviceHandler {
  readonly type = DEVICE_TYPE.DISK;
  readonly blockSize: number;
  readonly #control: Control;
  readonly #table: CommandTable;
  readonly #unit: LogicalUnit;

  /** Use {@link disk}. */
  constructor(store: BlockStore, options: DiskOptions) {
    const settings = checkOptions(store, options);
    const name = options.name ?? store.name;
    const saved = new SavedState(options.stateStore, name);
    this.blockSize = settings.blockSize;
    this.#control = new Control(options.device);
    this.#table = new CommandTable({
      thinProvisioned: settings.thinProvisioned,
      atomicWrites: settings.limits.atomicBytes > 0,
      saves: saved.possible,
    });
    this.#unit = new LogicalUnit({
      store,
      settings,
      identity: deviceIdentity(name, options),
      control: this.#control,
      saved,
      supportedCommands: this.#table.rows,
    });
    this.#unit.restore();
  }

  /** What the core keeps to; MODE SELECT changes it. */
  get options(): DeviceOptions {
    return this.#control.options;
  }

  registered(device: DeviceControl): void {
    this.#control.changed = () => device.optionsChanged();
    this.#unit.store.onResize = () => device.capacityChanged();
  }

  exec(command: ScsiCommand): MaybePromise<Outcome> {
    const { cdb } = command;
    const row = this.#table.find(cdb);
    if (!("run" in row)) return row;
    const wrong = row.rule.check(cdb);
    if (wrong >= 0) return invalidFieldInCdb(wrong >> 3, wrong & 7);
    const unit = this.#unit;
    if (!unit.readiness.simple) {
      const refusal = unit.readiness.refuse(row.needs, row.command.opcode === TEST_UNIT_READY);
      if (refusal !== undefined) return refusal;
    }
    const outcome = row.run(unit, command, row);
    if (row.writes && outcome instanceof Promise) this.#watch(outcome);
    return outcome;
  }

  /** SANITIZE and FORMAT UNIT wait for what was begun before them. */
  #watch(outcome: Promise<Outcome>): void {
    const { writesUnderWay } = this.#unit;
    writesUnderWay.add(outcome);
    const over = () => void writesUnderWay.delete(outcome);
    outcome.then(over, over);
  }

  /** With `parse: "call"` or `"exception"`: the core's reading is right wherever it has one. */
  parse({ cdb }: ParseCommand): Outcome {
    return findCommand(cdb, this.type) === undefined ? invalidOpcode : good;
  }

  attachSession(session: DeviceSession): void {
    this.#unit.targetPorts.add(session);
  }

  detachSession(session: DeviceSession): void {
    this.#unit.removal.allow(session);
  }

  taskManagementReceived(request: TaskManagement): void {
    taskManagement(this.#unit, request);
  }

  /** Makes what was written durable and closes the store, which also happens if that fails. */
  async close(): Promise<void> {
    this.#unit.store.onResize = undefined;
    try {
      await this.#unit.store.flush();
    } finally {
      await this.#unit.store.close();
    }
  }
}

const TEST_UNIT_READY = 0x00;
