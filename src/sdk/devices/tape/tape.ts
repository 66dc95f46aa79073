import { UsageError } from "../../../protocol/errors.ts";
import { DEVICE_TYPE, findCommand, parsedCommand } from "../../../protocol/scsi/index.ts";
import { SCST_DATA_NONE, SCST_UNKNOWN_LENGTH } from "../../../protocol/scst/index.ts";
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
import type { Cartridge } from "../../storage/cartridge/cartridge.ts";
import { type DeviceIdentity, deviceIdentity } from "../identity.ts";
import { invalidFieldInCdb, invalidOpcode } from "../refusals.ts";
import { SerialQueue } from "../serial-queue.ts";
import { findSupported, SUPPORTED_COMMANDS } from "./command-table.ts";
import { thread, unthread } from "./load.ts";
import { TAPE_PERSONALITIES, type Personality } from "./personality.ts";
import { type SupportedCommand, TapeUnit } from "./tape-unit.ts";
import { isFixed, lengthByte, transferCount, TRANSFER_BYTES_MAX } from "./transfer.ts";
import { deferredError, write } from "./write.ts";

export interface TapeOptions {
  /** The drive's name: where the serial number comes from unless it is given. */
  readonly name: string;
  /** The model: a name of {@link TAPE_PERSONALITIES}, or one of your own. `"lto8"` by default. */
  readonly personality?: string | Personality;
  /** T10 VENDOR IDENTIFICATION, PRODUCT IDENTIFICATION and so on, instead of the model's. */
  readonly vendor?: string;
  readonly product?: string;
  readonly revision?: string;
  /** At most 64 characters; the NAA identifier derives from it unless it is given. */
  readonly serial?: string;
  /** The NAA designator: 16 or 32 hexadecimal digits, the first one 2, 3, 5 or 6. */
  readonly naa?: string;
  /** Whether data compression is on until MODE SELECT says otherwise. True by default, as LTO. */
  readonly compression?: boolean;
  /** How the core treats the device. */
  readonly device?: DeviceOptions;
}

/**
 * A tape drive (SSC-5), empty at first. A library, or a program, brings cartridges:
 *
 *     const drive = tape({ name: "drive1", personality: "lto8" });
 *     await registerDevice(channel, "drive1", drive);
 *     await drive.insert(await openCartridge("cartridges/TAP001L8"));
 */
export function tape(options: TapeOptions): TapeDrive {
  return new TapeDrive(options);
}

/** What a library needs of a drive: the place for a cartridge. */
export interface CartridgeSlot {
  /** The cartridge in the drive, threaded or not. */
  readonly cartridge: Cartridge | undefined;
  /** The cartridge is at the heads: a robot that asks before it takes must unload it first. */
  readonly isLoaded: boolean;
  /** An initiator prevents removal: {@link remove} would be refused. */
  readonly removalPrevented: boolean;
  /**
   * Puts a cartridge in and loads it; every initiator gets a unit attention. The drive closes it
   * when it is closed itself. Throws UsageError `DRIVE_FULL`.
   */
  insert(cartridge: Cartridge): Promise<void>;
  /**
   * Unloads the cartridge if that has not been done, and gives it, not closed. What is buffered
   * is on the medium then. Throws UsageError `DRIVE_EMPTY` or `REMOVAL_PREVENTED`.
   */
  remove(): Promise<Cartridge>;
}

export class TapeDrive implements DeviceHandler, CartridgeSlot {
  readonly type = DEVICE_TYPE.TAPE;
  readonly blockSize = 0;
  readonly options: DeviceOptions;
  readonly #unit: TapeUnit;
  readonly #queue = new SerialQueue();
  readonly #parsed = parsedCommand();

  /** Use {@link tape}. */
  constructor(options: TapeOptions) {
    const personality = personalityOf(options.personality ?? "lto8");
    const { vendor, product, revision } = personality;
    // One task set in order: blocks stand on the tape in the order of the commands. And only
    // the drive knows how long fixed blocks are (SCST's own parse refuses them).
    this.options = { taskSetType: 0, queueAlgorithm: 0, ...options.device, parse: "call" };
    this.#unit = new TapeUnit({
      personality,
      identity: deviceIdentity(options.name, { vendor, product, revision, ...options }),
      compression: options.compression ?? true,
      supportedCommands: SUPPORTED_COMMANDS,
    });
  }

  /** What INQUIRY and its VPD pages say. */
  get identity(): Pick<DeviceIdentity, "vendor" | "product" | "revision" | "serial"> {
    return this.#unit.identity;
  }

  get cartridge(): Cartridge | undefined {
    return this.#unit.cartridge;
  }

  get isLoaded(): boolean {
    return this.#unit.threaded;
  }

  get removalPrevented(): boolean {
    return this.#unit.preventing.size > 0;
  }

  async insert(cartridge: Cartridge): Promise<void> {
    await this.#queue.run(async () => {
      if (this.#unit.cartridge !== undefined) {
        const { barcode } = this.#unit.cartridge.description;
        throw new UsageError("DRIVE_FULL", `cartridge ${barcode} is in the drive already`);
      }
      this.#unit.cartridge = cartridge;
      await thread(this.#unit);
    });
  }

  async remove(): Promise<Cartridge> {
    return await this.#queue.run(async () => {
      const { cartridge } = this.#unit;
      if (cartridge === undefined) throw new UsageError("DRIVE_EMPTY", "there is no cartridge");
      if (this.removalPrevented) {
        throw new UsageError("REMOVAL_PREVENTED", "an initiator prevents the medium's removal");
      }
      await unthread(this.#unit);
      this.#unit.cartridge = undefined;
      this.#unit.held = false;
      return cartridge;
    });
  }

  exec(command: ScsiCommand): MaybePromise<Outcome> {
    const row = findSupported(command.cdb);
    if (!("run" in row)) return row;
    const wrong = row.rule.check(command.cdb);
    if (wrong >= 0) return invalidFieldInCdb(wrong >> 3, wrong & 7);
    if (row.always) return row.run(this.#unit, command);
    return this.#queue.run(() => this.#run(row, command));
  }

  #run(row: SupportedCommand, command: ScsiCommand): MaybePromise<Outcome> {
    const unit = this.#unit;
    // Writes alone go on while blocks before them are still on their way to the tape.
    if (row.run === write || unit.ahead.idle) return this.#carryOut(row, command);
    return unit.ahead.drain().then(() => this.#carryOut(row, command));
  }

  #carryOut(row: SupportedCommand, command: ScsiCommand): MaybePromise<Outcome> {
    const unit = this.#unit;
    const attention = unit.attentions.take(command.session);
    if (attention !== undefined) return checkCondition(attention);
    if (unit.threaded && unit.notReady() === undefined && unit.writeError !== undefined) {
      return deferredError(unit);
    }
    return row.run(unit, command);
  }

  /** SCST can't know how long a fixed block is, nor commands that are not in its table. */
  parse(command: ParseCommand): Outcome {
    const { cdb } = command;
    const row = findCommand(cdb, this.type);
    if (row === undefined) return invalidOpcode;
    const parsed = this.#parsed;
    const sense = row.parse(cdb, this.#unit.mode.blockLength, parsed);
    if (sense !== undefined) return checkCondition(sense);
    command.opFlags = parsed.opFlags & ~SCST_UNKNOWN_LENGTH;
    command.dataDirection = parsed.dataDirection;
    command.bufferLength = parsed.bufferLength;
    command.outBufferLength = 0;
    command.dataLength = parsed.dataLength;
    if (TRANSFERS.has(cdb[0] as number)) {
      const { blockLength } = this.#unit.mode;
      const bytes = transferCount(cdb) * (isFixed(cdb) ? blockLength : 1);
      if (bytes > TRANSFER_BYTES_MAX) return invalidFieldInCdb(lengthByte(cdb));
    }
    if (command.bufferLength === 0) command.dataDirection = SCST_DATA_NONE;
    return good;
  }

  attachSession(session: DeviceSession): void {
    this.#unit.attentions.attach(session);
  }

  detachSession(session: DeviceSession): void {
    this.#unit.attentions.detach(session);
    this.#unit.preventing.delete(session);
  }

  /** A reset lets everybody's medium go (SPC-5, "PREVENT ALLOW MEDIUM REMOVAL command"). */
  taskManagementDone({ function: fn }: TaskManagement): void {
    if (RESETS.has(fn)) this.#unit.preventing.clear();
  }

  /** Unloads the cartridge and closes it. */
  async close(): Promise<void> {
    await this.#queue.run(async () => {
      const { cartridge } = this.#unit;
      if (cartridge === undefined) return;
      try {
        await unthread(this.#unit);
      } finally {
        this.#unit.cartridge = undefined;
        await cartridge.close();
      }
    });
  }
}

/** READ, WRITE, VERIFY and READ REVERSE, of 6 and of 16 bytes. */
const TRANSFERS: ReadonlySet<number> = new Set([0x08, 0x0a, 0x0f, 0x13, 0x81, 0x88, 0x8a, 0x8f]);

/** SCST_LUN_RESET, SCST_TARGET_RESET and SCST_NEXUS_LOSS of all. */
const RESETS: ReadonlySet<number> = new Set([4, 5]);

function personalityOf(personality: string | Personality): Personality {
  if (typeof personality !== "string") return personality;
  const known = TAPE_PERSONALITIES[personality];
  if (known !== undefined) return known;
  const names = Object.keys(TAPE_PERSONALITIES).join(", ");
  throw new UsageError("TAPE_PERSONALITY", `"${personality}" is no model of drive: ${names} are`);
}
