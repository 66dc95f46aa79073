import { UsageError } from "../../../protocol/errors.ts";
import {
  DEVICE_TYPE,
  findCommand,
  ROTATION_RATE_NON_ROTATING,
} from "../../../protocol/scsi/index.ts";
import type {
  DeviceHandler,
  DeviceOptions,
  MaybePromise,
  ParseCommand,
  ScsiCommand,
} from "../../handler.ts";
import { good, type Outcome } from "../../outcome.ts";
import type { BlockStore } from "../../storage/block-store.ts";
import { findSupported, SUPPORTED_COMMANDS } from "./command-table.ts";
import { diskIdentity } from "./identity.ts";
import { LogicalUnit, SCRATCH_BYTES } from "./logical-unit.ts";
import { invalidFieldInCdb, invalidOpcode } from "./refusals.ts";

export interface DiskOptions {
  /** Bytes of a logical block: a power of two from 512 to 64 KiB. 512 by default. */
  readonly blockSize?: number;
  /** Bytes that the medium writes at once, as hosts are told; 4096 by default. */
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
  /** The standard INQUIRY data's RMB. There is no ejecting. */
  readonly removable?: boolean;
  /** VPD page B1h: 1 for a solid state drive, or revolutions a minute. 1 by default. */
  readonly rotationRate?: number;
  /**
   * The device's name: where the product identification and the serial number come from unless
   * they are given. The name of the store by default.
   */
  readonly name?: string;
  /** T10 VENDOR IDENTIFICATION, at most 8 characters. */
  readonly vendor?: string;
  /** PRODUCT IDENTIFICATION, at most 16 characters. */
  readonly product?: string;
  /** PRODUCT REVISION LEVEL, at most 4 characters. */
  readonly revision?: string;
  /**
   * The serial number, at most 64 characters; the NAA identifier derives from it. Two disks that
   * one host can see must have different ones: it takes them for two paths to one disk otherwise.
   */
  readonly serial?: string;
  /** How the core treats the device. */
  readonly device?: DeviceOptions;
}

/** The most that `blockSize` can be. */
const BLOCK_BYTES_MAX = 64 * 1024;

/**
 * A disk (SBC-4, direct access block device) over a store. The disk closes the store when it is
 * closed itself.
 *
 *     await registerDevice(channel, "disk1", disk(fileStore("disk1.img"), { name: "disk1" }));
 */
export function disk(store: BlockStore, options: DiskOptions = {}): Disk {
  return new Disk(store, options);
}

export class Disk implements DeviceHandler {
  readonly type = DEVICE_TYPE.DISK;
  readonly blockSize: number;
  readonly options: DeviceOptions;
  readonly #unit: LogicalUnit;

  /** Use {@link disk}. */
  constructor(store: BlockStore, options: DiskOptions) {
    const blockSize = checkBlockSize("blockSize", options.blockSize ?? 512, BLOCK_BYTES_MAX);
    const physicalBlockSize = checkBlockSize(
      "physicalBlockSize",
      options.physicalBlockSize ?? Math.max(4096, blockSize),
      SCRATCH_BYTES,
    );
    checkRest(store, blockSize, physicalBlockSize, options.rotationRate);
    this.blockSize = blockSize;
    // As the C handler: each nexus has its task set, and commands may be reordered.
    this.options = { taskSetType: 1, queueAlgorithm: 1, ...options.device };
    this.#unit = new LogicalUnit({
      store,
      blockSize,
      physicalBlockSize,
      identity: diskIdentity(options.name ?? store.name, options),
      removable: options.removable ?? false,
      rotationRate: options.rotationRate ?? ROTATION_RATE_NON_ROTATING,
      readOnly: store.readOnly || (options.readOnly ?? false),
      writeThrough: options.writeThrough ?? false,
      nonVolatileCache: options.nonVolatileCache ?? false,
      control: {
        taskSetType: 0,
        queueAlgorithm: 0,
        queueErrorManagement: 0,
        taskAbortedStatus: false,
        softwareWriteProtect: false,
        descriptorSense: false,
        taskManagementFunctionsOnly: false,
        ...this.options,
      },
      supportedCommands: SUPPORTED_COMMANDS,
    });
  }

  exec(command: ScsiCommand): MaybePromise<Outcome> {
    const { cdb } = command;
    const row = findSupported(cdb);
    if (!("run" in row)) return row;
    const wrong = row.rule.check(cdb);
    if (wrong >= 0) return invalidFieldInCdb(wrong >> 3, wrong & 7);
    return row.run(this.#unit, command, row);
  }

  /** With `parse: "call"` or `"exception"`: the core's reading is right wherever it has one. */
  parse({ cdb }: ParseCommand): Outcome {
    return findCommand(cdb, this.type) === undefined ? invalidOpcode : good;
  }

  /** Makes what was written durable and closes the store, which also happens if that fails. */
  async close(): Promise<void> {
    try {
      await this.#unit.store.flush();
    } finally {
      await this.#unit.store.close();
    }
  }
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

function checkRest(
  store: BlockStore,
  blockSize: number,
  physicalBlockSize: number,
  rotationRate: number | undefined,
): void {
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
  const rate = rotationRate ?? ROTATION_RATE_NON_ROTATING;
  if (!Number.isInteger(rate) || rate < 0 || rate > 0xfffe || (rate > 1 && rate < 0x401)) {
    throw new UsageError(
      "DISK_ROTATION_RATE",
      `rotationRate ${rate}: it must be 0 (unknown), 1 (does not rotate) or 1025 to 65534`,
    );
  }
}
