import type { BlockStore } from "../../storage/block-store.ts";
import type { MaybePromise, ScsiCommand } from "../../handler.ts";
import type { Outcome } from "../../outcome.ts";
import type { Command } from "../../../protocol/scsi/index.ts";
import type { CdbRule } from "./cdb-rule.ts";
import type { DiskIdentity } from "./identity.ts";
import type { ControlModeBits } from "./mode-pages.ts";

/** Carries out one command of the disk. */
export type Run = (
  unit: LogicalUnit,
  command: ScsiCommand,
  row: SupportedCommand,
) => MaybePromise<Outcome>;

/** An opcode (with a service action, where it has them) that the disk has. */
export interface SupportedCommand {
  readonly command: Command;
  readonly rule: CdbRule;
  readonly run: Run;
}

/** The most that one command transfers: VPD page B0h, MAXIMUM TRANSFER LENGTH. */
export const TRANSFER_BYTES_MAX = 8 * 1024 * 1024;
/** VPD page B0h, OPTIMAL TRANSFER LENGTH. */
export const TRANSFER_BYTES_OPTIMAL = 512 * 1024;
/** The most that one WRITE SAME writes: VPD page B0h, MAXIMUM WRITE SAME LENGTH. */
export const WRITE_SAME_BYTES_MAX = 256 * 1024 * 1024;
/** Commands that look through or fill large ranges do so in pieces of this size. */
export const SCRATCH_BYTES = 1024 * 1024;

/** How many idle scratch buffers are kept. */
const SCRATCH_IDLE_MAX = 4;

/** What the disk's commands know of the disk. */
export class LogicalUnit {
  readonly store: BlockStore;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly identity: DiskIdentity;
  readonly removable: boolean;
  /** VPD page B1h, MEDIUM ROTATION RATE. */
  readonly rotationRate: number;
  readonly readOnly: boolean;
  /** What is written survives a loss of power without being flushed. */
  readonly nonVolatileCache: boolean;
  /** Whether MODE SELECT may change WCE. */
  readonly writeCacheChangeable: boolean;
  readonly writeCacheDefault: boolean;
  readonly control: ControlModeBits;
  readonly supportedCommands: readonly SupportedCommand[];
  /** Caching mode page, WCE: writes need not be durable until a flush. */
  writeCacheEnabled: boolean;
  readonly #scratch: Uint8Array[] = [];

  constructor(settings: LogicalUnitSettings) {
    this.store = settings.store;
    this.blockSize = settings.blockSize;
    this.physicalBlockSize = settings.physicalBlockSize;
    this.identity = settings.identity;
    this.removable = settings.removable;
    this.rotationRate = settings.rotationRate;
    this.readOnly = settings.readOnly;
    this.nonVolatileCache = settings.nonVolatileCache;
    this.writeCacheChangeable = !settings.writeThrough && !settings.nonVolatileCache;
    this.writeCacheDefault = this.writeCacheChangeable;
    this.writeCacheEnabled = this.writeCacheDefault;
    this.control = settings.control;
    this.supportedCommands = settings.supportedCommands;
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
    return (fua || !this.writeCacheEnabled) && !this.nonVolatileCache;
  }

  /** SYNCHRONIZE CACHE for the whole medium; at once where there is nothing to wait for. */
  flush(): MaybePromise<void> {
    return this.nonVolatileCache ? undefined : this.store.flush();
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

export interface LogicalUnitSettings {
  readonly store: BlockStore;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly identity: DiskIdentity;
  readonly removable: boolean;
  readonly rotationRate: number;
  readonly readOnly: boolean;
  readonly writeThrough: boolean;
  readonly nonVolatileCache: boolean;
  readonly control: ControlModeBits;
  readonly supportedCommands: readonly SupportedCommand[];
}
