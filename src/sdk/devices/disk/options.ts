import { UsageError } from "../../../protocol/errors.ts";
import { ROTATION_RATE_NON_ROTATING } from "../../../protocol/scsi/index.ts";
import type { DeviceOptions } from "../../handler.ts";
import type { BlockStore } from "../../storage/block-store.ts";
import type { FolderStateStore } from "../../storage/folder-state-store.ts";
import type { IdentityOptions } from "../identity.ts";
import { type DiskLimits, type GivenLimits, limitsOf, SCRATCH_BYTES } from "./limits.ts";

export interface DiskOptions extends IdentityOptions {
  /** Bytes of a logical block: a power of two from 512 to 64 KiB. 512 by default. */
  readonly blockSize?: number;
  /**
   * Bytes that the medium writes at once, as hosts are told: what the store says, or 4096 by
   * default. 512 with a `blockSize` of 512 is a disk without 512-byte emulation.
   */
  readonly physicalBlockSize?: number;
  /** Refuses writes, also where the store would take them. */
  readonly readOnly?: boolean;
  /** Every write is durable when it is done; hosts are told that there is no write cache. */
  readonly writeThrough?: boolean;
  /**
   * What is written is as good as durable, because the machine's memory survives a loss of power:
   * flushes and FUA cost nothing, and hosts are told that there is no (volatile) write cache.
   */
  readonly nonVolatileCache?: boolean;
  /** The medium can be ejected, loaded again, and kept from being ejected. */
  readonly removable?: boolean;
  /** VPD page B1h: 1 for a solid state drive, or revolutions a minute; 0 says nothing. */
  readonly rotationRate?: number;
  /** Hosts can give space back: UNMAP and WRITE SAME with UNMAP. Needs a store that can trim. */
  readonly thinProvisioned?: boolean;
  /** WRITE SAME of zero blocks goes to the end of the medium (WSNZ 0); refused by default. */
  readonly writeSameZeroIsToEnd?: boolean;
  /** VPD page B0h: what one command may ask for. */
  readonly limits?: GivenLimits;
  /**
   * Where the disk keeps what hosts have it save: mode pages, identifying information, and that
   * a SANITIZE was not finished. Without it saving is refused, as hosts are told.
   */
  readonly stateStore?: FolderStateStore;
  /** How the core treats the device. */
  readonly device?: DeviceOptions;
}

/** The options, checked and complete. */
export interface DiskSettings {
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly rotationRate: number;
  readonly readOnly: boolean;
  readonly writeThrough: boolean;
  readonly nonVolatileCache: boolean;
  readonly removable: boolean;
  readonly thinProvisioned: boolean;
  readonly writeSameZeroIsToEnd: boolean;
  readonly limits: DiskLimits;
}

/** The most that `blockSize` can be. */
const BLOCK_BYTES_MAX = 64 * 1024;
const PHYSICAL_BLOCK_BYTES_DEFAULT = 4096;

/** What a store that rotates is said to have, unless the rate is given. */
const ROTATION_RATE_OF_ROTATING = 7200;

/** @throws UsageError which option, its value, and what it must be */
export function checkOptions(store: BlockStore, options: DiskOptions): DiskSettings {
  const blockSize = checkBlockSize("blockSize", options.blockSize ?? 512, BLOCK_BYTES_MAX);
  const physicalBlockSize = checkBlockSize(
    "physicalBlockSize",
    options.physicalBlockSize ??
      Math.max(store.physicalBlockSize ?? PHYSICAL_BLOCK_BYTES_DEFAULT, blockSize),
    SCRATCH_BYTES,
  );
  if (physicalBlockSize < blockSize) {
    throw new UsageError(
      "DISK_BLOCK_SIZE",
      `physicalBlockSize ${physicalBlockSize}: it must be at least blockSize, ${blockSize}`,
    );
  }
  if (store.size < blockSize) {
    throw new UsageError(
      "DISK_SIZE",
      `${store.name} has ${store.size} bytes: a disk needs at least one block of ${blockSize}`,
    );
  }
  const thinProvisioned = options.thinProvisioned ?? false;
  const readOnly = store.readOnly || (options.readOnly ?? false);
  // Of a disk that nobody may write to, nobody gives space back: it is thin all the same.
  if (thinProvisioned && store.trim === undefined && !readOnly) {
    throw new UsageError("DISK_THIN", `thinProvisioned: ${store.name} cannot give space back`);
  }
  return {
    blockSize,
    physicalBlockSize,
    rotationRate: checkRotationRate(store, options.rotationRate),
    readOnly,
    writeThrough: options.writeThrough ?? false,
    nonVolatileCache: options.nonVolatileCache ?? false,
    removable: options.removable ?? false,
    thinProvisioned,
    writeSameZeroIsToEnd: options.writeSameZeroIsToEnd ?? false,
    limits: limitsOf(blockSize, store, options.limits),
  };
}

function checkBlockSize(option: string, value: number, max: number): number {
  if (!Number.isInteger(Math.log2(value)) || value < 512 || value > max) {
    throw new UsageError(
      "DISK_BLOCK_SIZE",
      `${option} ${value}: it must be a power of two from 512 to ${max}`,
    );
  }
  return value;
}

function checkRotationRate(store: BlockStore, given: number | undefined): number {
  const unsaid = store.rotational === true ? ROTATION_RATE_OF_ROTATING : ROTATION_RATE_NON_ROTATING;
  const rate = given ?? unsaid;
  if (!Number.isInteger(rate) || rate < 0 || rate > 0xfffe || (rate > 1 && rate < 0x401)) {
    throw new UsageError(
      "DISK_ROTATION_RATE",
      `rotationRate ${rate}: it must be 0 (unknown), 1 (does not rotate) or 1025 to 65534`,
    );
  }
  return rate;
}
