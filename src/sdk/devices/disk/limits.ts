import { UsageError } from "../../../protocol/errors.ts";
import type { BlockStore } from "../../storage/block-store.ts";

/** Commands that look through or fill large ranges do so in pieces of this size. */
export const SCRATCH_BYTES = 1024 * 1024;

/** What one command may ask for, in bytes unless said: VPD page B0h tells it in blocks. */
export interface DiskLimits {
  /** MAXIMUM TRANSFER LENGTH */
  readonly transferBytes: number;
  /** OPTIMAL TRANSFER LENGTH */
  readonly optimalTransferBytes: number;
  /** MAXIMUM WRITE SAME LENGTH */
  readonly writeSameBytes: number;
  /** MAXIMUM UNMAP LBA COUNT */
  readonly unmapBytes: number;
  /** MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT */
  readonly unmapDescriptors: number;
  /**
   * MAXIMUM ATOMIC TRANSFER LENGTH: what the store writes wholly or not at all, also if the
   * power fails meanwhile. 0: WRITE ATOMIC is not supported.
   */
  readonly atomicBytes: number;
}

export type GivenLimits = Partial<DiskLimits>;

const DEFAULTS: DiskLimits = {
  transferBytes: 8 * 1024 * 1024,
  optimalTransferBytes: 512 * 1024,
  writeSameBytes: 256 * 1024 * 1024,
  // As SCST: what a file system can give back in reasonable time.
  unmapBytes: 256 * 1024 * 1024,
  unmapDescriptors: 256,
  atomicBytes: 0,
};

/** The greatest values: commands with larger ones would hold the device for too long. */
const LARGEST: DiskLimits = {
  transferBytes: 64 * 1024 * 1024,
  optimalTransferBytes: 64 * 1024 * 1024,
  writeSameBytes: 2 ** 40,
  unmapBytes: 2 ** 40,
  // The parameter list's length has two bytes.
  unmapDescriptors: 4095,
  atomicBytes: 64 * 1024 * 1024,
};

/** @throws UsageError which limit, its value, and what it must be */
export function limitsOf(
  blockSize: number,
  store: BlockStore,
  given: GivenLimits = {},
): DiskLimits {
  const { transferBytes } = { ...DEFAULTS, ...given };
  const limits = {
    ...DEFAULTS,
    // What is not given keeps within what is.
    optimalTransferBytes: Math.min(DEFAULTS.optimalTransferBytes, transferBytes),
    atomicBytes: Math.min(store.atomicBytes ?? 0, transferBytes),
    ...given,
  };
  for (const name of Object.keys(DEFAULTS) as (keyof DiskLimits)[]) {
    const unit = name === "unmapDescriptors" ? 1 : blockSize;
    const min = name === "atomicBytes" ? 0 : unit;
    const value = limits[name];
    const max = LARGEST[name];
    if (!(Number.isInteger(value / unit) && value >= min && value <= max)) {
      throw new UsageError(
        "DISK_LIMIT",
        `limits.${name} ${value}: it must be a multiple of ${unit} from ${min} to ${max}`,
      );
    }
  }
  for (const name of ["optimalTransferBytes", "atomicBytes"] as const) {
    if (limits[name] > limits.transferBytes) {
      throw new UsageError(
        "DISK_LIMIT",
        `limits.${name} ${limits[name]}: it must be at most transferBytes, ${limits.transferBytes}`,
      );
    }
  }
  return limits;
}
