import { SENSE, type SenseCondition } from "../../../protocol/scsi/index.ts";
import type { DeviceSession } from "../../handler.ts";
import { checkCondition, type Outcome } from "../../outcome.ts";
import type { Cartridge, CartridgePartition } from "../../storage/cartridge/cartridge.ts";
import type { CheckedCommand } from "../cdb-rule.ts";
import type { DeviceIdentity } from "../identity.ts";
import { SessionAttentions } from "../session-attentions.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import { EncryptionState } from "./encryption-state.ts";
import { type Density, densitiesOf, type Personality, useOf } from "./personality.ts";
import { Statistics } from "./statistics.ts";
import { WriteAhead } from "./write-ahead.ts";

/** Carries out one command of the drive. */
export type Run = (unit: TapeUnit, command: ScsiCommand) => MaybePromise<Outcome>;

/** An opcode (with a service action, where it has them) that the drive has. */
export interface SupportedCommand extends CheckedCommand {
  readonly run: Run;
  /** Answered without regard to unit attentions, deferred errors and what is under way. */
  readonly always: boolean;
}

/** What MODE SELECT can change. */
export interface ModeParameters {
  /** BLOCK LENGTH of the block descriptor: 0 for variable blocks. */
  blockLength: number;
  /** 0: WRITE is done when the data is on the medium. */
  bufferedMode: number;
  compression: boolean;
  decompression: boolean;
  /** Programmable early warning size, in units of 10^6 bytes. */
  pews: number;
  /** WRITE MODE 1: append-only. */
  appendOnly: boolean;
  /** SWP of the Device Configuration mode page. */
  softwareWriteProtect: boolean;
  /** Logical block protection: 0 none, 1 Reed-Solomon CRC, 2 CRC32C. */
  protectionMethod: number;
  protectWrites: boolean;
  protectReads: boolean;
  /** Medium Partition page: what FORMAT MEDIUM is to make. */
  partitioning: PartitionRequest | undefined;
}

/** A Medium Partition page that was sent, until FORMAT MEDIUM. */
export interface PartitionRequest {
  readonly additional: number;
  /** In bytes; undefined where the drive chooses. */
  readonly sizes: readonly (number | undefined)[] | undefined;
}

const DEFAULTS: ModeParameters = {
  blockLength: 0,
  bufferedMode: 1,
  compression: true,
  decompression: true,
  pews: 0,
  appendOnly: false,
  softwareWriteProtect: false,
  protectionMethod: 0,
  protectWrites: false,
  protectReads: false,
  partitioning: undefined,
};

/** The early warning zone: a fiftieth of the partition, at most this. */
const EARLY_WARNING_BYTES_MAX = 1024 * 1024 * 1024;

export interface TapeUnitSettings {
  readonly personality: Personality;
  readonly identity: DeviceIdentity;
  readonly compression: boolean;
  readonly supportedCommands: readonly SupportedCommand[];
}

/** What the drive's commands know of the drive. */
export class TapeUnit {
  readonly personality: Personality;
  readonly identity: DeviceIdentity;
  readonly supportedCommands: readonly SupportedCommand[];
  readonly attentions = new SessionAttentions();
  readonly statistics = new Statistics();
  readonly encryption = new EncryptionState();
  readonly modeDefaults: ModeParameters;
  mode: ModeParameters;
  /** The cartridge in the drive, threaded or not. */
  cartridge: Cartridge | undefined;
  /** The cartridge is at the heads. */
  threaded = false;
  /** UNLOAD with HOLD: not threaded, and not given out. */
  held = false;
  partition = 0;
  /** The logical object that comes next. */
  object = 0;
  /** Who prevents the removal of the medium. */
  readonly preventing = new Set<DeviceSession>();
  /** ALLOW OVERWRITE: where append-only mode lets a write begin. */
  overwriteAllowedAt: { readonly partition: number; readonly object: number } | undefined;
  /** The programmable early warning has been told in this zone. */
  earlyWarningTold = false;
  /** The medium has been written to since it was loaded. */
  changed = false;
  /** The cleaning cartridge that is loaded did its work. */
  cleaned = false;
  /** What was answered before it was compressed. */
  readonly ahead = new WriteAhead();
  #room = new Uint8Array(0);

  constructor(settings: TapeUnitSettings) {
    this.personality = settings.personality;
    this.identity = settings.identity;
    this.supportedCommands = settings.supportedCommands;
    this.modeDefaults = { ...DEFAULTS, compression: settings.compression };
    this.mode = { ...this.modeDefaults };
  }

  /** The partition that the tape is in. Only when {@link notReady} has nothing to say. */
  get log(): CartridgePartition {
    return this.#partitionAt(this.partition);
  }

  #partitionAt(partition: number): CartridgePartition {
    return (this.cartridge as Cartridge).partitions[partition] as CartridgePartition;
  }

  /** Why the medium can't be accessed, or undefined. */
  notReady(): Outcome | undefined {
    if (this.cartridge === undefined) return NO_MEDIUM;
    if (!this.threaded) return this.held ? HELD : NO_MEDIUM;
    const { kind, densityCode } = this.cartridge.description;
    if (kind === "cleaning") return CLEANING;
    return useOf(this.personality, densityCode) === "none" ? UNREADABLE : undefined;
  }

  /** Why the medium can't be written, or undefined. */
  writeProtection(): SenseCondition | undefined {
    const { cartridge } = this;
    if (cartridge === undefined) return SENSE.MEDIUM_NOT_PRESENT;
    const { description } = cartridge;
    if (useOf(this.personality, description.densityCode) !== "write") {
      return SENSE.CANNOT_WRITE_MEDIUM_INCOMPATIBLE_FORMAT;
    }
    if (description.writeProtected || cartridge.readOnly) return SENSE.WRITE_PROTECTED;
    if (this.mode.softwareWriteProtect) return SENSE.LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED;
    return undefined;
  }

  /** The recording format of the cartridge, or the drive's own where there is none. */
  get density(): Density {
    const all = densitiesOf(this.personality);
    const code = this.cartridge?.description.densityCode;
    return all.find((density) => density.code === code) ?? (all[0] as Density);
  }

  get isWorm(): boolean {
    return this.cartridge?.description.kind === "worm";
  }

  /** What the partition may take, in bytes. */
  capacityOf(partition: number): number {
    return this.cartridge?.description.partitions[partition] ?? 0;
  }

  /** Where early warning begins, in bytes from the beginning of the partition. */
  earlyWarningAt(partition: number): number {
    const capacity = this.capacityOf(partition);
    return capacity - Math.min(Math.ceil(capacity / 50), EARLY_WARNING_BYTES_MAX);
  }

  /** Whether the position is in the early warning zone: at the end of data of a nearly full one. */
  get atEarlyWarning(): boolean {
    const { log } = this;
    return this.object >= log.count && log.usedBytes >= this.earlyWarningAt(this.partition);
  }

  get atProgrammableEarlyWarning(): boolean {
    const { log } = this;
    const at = this.earlyWarningAt(this.partition) - this.mode.pews * 1e6;
    return this.mode.pews > 0 && this.object >= log.count && log.usedBytes >= at;
  }

  /** Tape at another place: what was told or allowed there is over. */
  moveTo(partition: number, object: number): void {
    this.partition = partition;
    this.object = object;
    this.earlyWarningTold = false;
  }

  /** Room for one block, the same each time. */
  readonly room = (length: number): Uint8Array => {
    if (this.#room.length < length) this.#room = new Uint8Array(length);
    return this.#room.subarray(0, length);
  };

  /** Why something failed to be written after it was answered, and nobody has been told yet. */
  get writeError(): unknown {
    return this.ahead.error ?? this.log.writeError;
  }

  /**
   * Whether a block has certainly room before any warning, whatever is still to be written and
   * however little compression saves.
   */
  hasRoomFor(storedBytesMax: number): boolean {
    const warnings = this.earlyWarningAt(this.partition) - this.mode.pews * 1e6;
    return this.log.usedBytes + this.ahead.bytesMax + storedBytesMax < warnings;
  }

  /** Everything buffered goes to the medium. */
  async flush(): Promise<void> {
    await this.ahead.finish();
    if (this.threaded && this.cartridge !== undefined) {
      for (const log of this.cartridge.partitions) await log.flush(true);
    }
  }
}

const NO_MEDIUM = checkCondition(SENSE.MEDIUM_NOT_PRESENT);
const HELD = checkCondition(SENSE.INITIALIZING_COMMAND_REQUIRED);
const CLEANING = checkCondition(SENSE.CLEANING_CARTRIDGE_INSTALLED);
const UNREADABLE = checkCondition(SENSE.CANNOT_READ_MEDIUM_INCOMPATIBLE_FORMAT);
