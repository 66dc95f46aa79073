import type { MaybePromise } from "../../handler.ts";
import type { Attribute, CartridgeDescription } from "./description.ts";
import type { StoredObject } from "./partition-log.ts";

/**
 * A partition of a cartridge that is in a drive: logical objects (blocks and filemarks) numbered
 * from 0. Calls must not overlap: the next one is made when the last is done.
 */
export interface CartridgePartition {
  /** How many logical objects there are: the number that END-OF-DATA has. */
  readonly count: number;
  readonly filemarkCount: number;
  /** Bytes that the objects take of the partition's capacity. */
  readonly usedBytes: number;
  /** Why a write in the background failed; it stays until {@link dropUnwritten}. */
  readonly writeError: unknown;
  /** Filemarks before an object. */
  filemarksBefore(object: number): number;
  /** The object number of the filemark with this number, from 0. */
  filemark(index: number): number | undefined;
  /** Appends at the end of data. */
  append(object: StoredObject): MaybePromise<void>;
  appendFilemark(): MaybePromise<void>;
  /**
   * The object with this number, which must be below `count`. Throws ProtocolError
   * `CARTRIDGE_DATA` where its bytes are damaged, SystemError where they can't be read.
   */
  read(object: number): MaybePromise<StoredObject>;
  /** Makes `object` the end of data: it and all behind it are gone. */
  truncate(object: number): Promise<void>;
  /** After a write failed: the end of data is behind the last object that was written whole. */
  dropUnwritten(): Promise<void>;
  /** Hands on what is buffered. With `durable` it survives a loss of power when it is done. */
  flush(durable: boolean): Promise<void>;
}

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
