import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { BlockStore } from "../../storage/block-store.ts";
import type { CheckedCommand } from "../cdb-rule.ts";
import type { Control, ControlBits } from "./control-bits.ts";
import { type DiskCounters, diskCounters } from "./counters.ts";
import type { DeviceIdentity } from "../identity.ts";
import { SCRATCH_BYTES } from "./limits.ts";
import { MediumRemoval } from "./medium-removal.ts";
import { modePages } from "./mode-pages.ts";
import { type ModePage, ModeParameters } from "./mode-parameters.ts";
import type { DiskSettings } from "./options.ts";
import { TargetPorts } from "./target-port.ts";
import { type Needs, Readiness } from "./readiness.ts";
import { SANITIZING, type SavedState } from "./saved-state.ts";

/** Carries out one command of the disk. */
export type Run = (
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
) => MaybePromise<Outcome>;

/** An opcode (with a service action, where it has them) that the disk has. */
export interface SupportedCommand extends CheckedCommand {
  readonly run: Run;
  readonly needs: Needs;
  /** It changes the medium. */
  readonly writes: boolean;
}

/** How many idle scratch buffers are kept. */
const SCRATCH_IDLE_MAX = 4;

/** What the disk's commands know of the disk. */
export class LogicalUnit {
  readonly store: BlockStore;
  readonly settings: DiskSettings;
  readonly blockSize: number;
  readonly identity: DeviceIdentity;
  readonly readOnly: boolean;
  /** Whether MODE SELECT may change WCE. */
  readonly writeCacheChangeable: boolean;
  /** What of the control mode page the core keeps to. */
  readonly control: Control;
  /** Its values before anybody changed them. */
  readonly defaultControl: ControlBits;
  readonly readiness = new Readiness();
  readonly removal: MediumRemoval;
  readonly counters: DiskCounters = diskCounters();
  readonly saved: SavedState;
  readonly modes = new ModeParameters();
  readonly modePages: readonly ModePage[];
  readonly supportedCommands: readonly SupportedCommand[];
  readonly targetPorts = new TargetPorts();
  /** Caching mode page, WCE: writes need not be durable until a flush. */
  writeCacheEnabled: boolean;
  /** Commands under way that change the medium and did not end at once. */
  readonly writesUnderWay = new Set<Promise<Outcome>>();
  readonly #scratch: Uint8Array[] = [];

  constructor(parts: LogicalUnitParts) {
    this.store = parts.store;
    this.settings = parts.settings;
    this.identity = parts.identity;
    this.control = parts.control;
    this.defaultControl = parts.control.options;
    this.saved = parts.saved;
    this.modePages = modePages(parts);
    this.supportedCommands = parts.supportedCommands;
    this.blockSize = parts.settings.blockSize;
    this.readOnly = parts.settings.readOnly;
    this.removal = new MediumRemoval(parts.settings.removable);
    this.writeCacheChangeable = !parts.settings.writeThrough && !parts.settings.nonVolatileCache;
    this.writeCacheEnabled = this.writeCacheChangeable;
  }

  /** What was saved before the disk was opened. */
  restore(): void {
    this.modes.reset(this, this.modePages);
    const { sanitizing } = this.saved.now;
    this.readiness.sanitizeFailed = sanitizing !== SANITIZING.NO;
    this.readiness.mayExitFailure = sanitizing === SANITIZING.WITH_EXIT;
  }

  /** How many logical blocks there are now. */
  get blocks(): number {
    return Math.floor(this.store.size / this.blockSize);
  }

  /** Whether the medium has all of `lengthBytes` from `lba` on. */
  contains(lba: number, lengthBytes: number): boolean {
    // An LBA of 2^63 or more comes as a negative number.
    return lba >= 0 && lba * this.blockSize + lengthBytes <= this.store.size;
  }

  /** Whether a write must be durable before its command ends. */
  mustBeDurable(fua: boolean): boolean {
    return (fua || !this.writeCacheEnabled) && !this.settings.nonVolatileCache;
  }

  /** SYNCHRONIZE CACHE for the whole medium; at once where there is nothing to wait for. */
  flush(): MaybePromise<void> {
    return this.settings.nonVolatileCache ? undefined : this.store.flush();
  }

  /**
   * Lends `use` a buffer of SCRATCH_BYTES until it is done. Where it fails the buffer is let go
   * of: something may still be reading into it.
   */
  withScratch<T>(use: (scratch: Uint8Array) => MaybePromise<T>): MaybePromise<T> {
    const scratch = this.#scratch.pop() ?? new Uint8Array(SCRATCH_BYTES);
    const giveBack = (result: T): T => {
      if (this.#scratch.length < SCRATCH_IDLE_MAX) this.#scratch.push(scratch);
      return result;
    };
    const result = use(scratch);
    return result instanceof Promise ? result.then(giveBack) : giveBack(result);
  }
}

export interface LogicalUnitParts {
  readonly store: BlockStore;
  readonly settings: DiskSettings;
  readonly identity: DeviceIdentity;
  readonly control: Control;
  readonly saved: SavedState;
  readonly supportedCommands: readonly SupportedCommand[];
}
