import type { Attribute, CartridgeDescription } from "./description.ts";
import type { PartitionLog } from "./partition-log.ts";

/** A partition of a cartridge that is in a drive; calls must not overlap. */
export type CartridgePartition = Pick<
  PartitionLog,
  | "count"
  | "filemarkCount"
  | "usedBytes"
  | "filemarksBefore"
  | "filemark"
  | "writeError"
  | "append"
  | "appendFilemark"
  | "read"
  | "truncate"
  | "dropUnwritten"
  | "flush"
>;

/** How FORMAT MEDIUM divides a cartridge, in bytes. */
export type PartitionSizes = readonly number[];

/**
 * A cartridge that was opened: what a drive works with. {@link openCartridge} gives one that is
 * kept in a folder; other stores bring their own.
 */
export interface Cartridge {
  readonly description: CartridgeDescription;
  readonly partitions: readonly CartridgePartition[];
  /** Nothing can be written: the folder is not writable. */
  readonly readOnly: boolean;
  /** Sets attributes of a partition's, and removes those without a value. Durable when done. */
  setAttributes(
    partition: number,
    attributes: ReadonlyMap<number, Attribute | undefined>,
  ): Promise<void>;
  /** Changes what the cartridge is. Durable when done. */
  update(
    change: Partial<Pick<CartridgeDescription, "cleaningsLeft" | "writeProtected">>,
  ): Promise<void>;
  /** Everything is gone, and there are partitions of these sizes. Durable when done. */
  format(sizes: PartitionSizes, capacityProportion?: number): Promise<void>;
  /** Flushes and closes. */
  close(): Promise<void>;
}
