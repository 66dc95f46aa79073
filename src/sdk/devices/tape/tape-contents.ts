/** What is on a cartridge, for programs that look at it without a drive. */
import { ProtocolError } from "../../../protocol/errors.ts";
import { SENSE } from "../../../protocol/scsi/index.ts";
import type { Cartridge } from "../../storage/cartridge/cartridge.ts";
import { decodeBlock } from "./block-codec.ts";

/** So many objects of so many have been looked at. */
export type Progress = (done: number, all: number) => void;

export interface TapeContents {
  readonly blocks: number;
  readonly filemarks: number;
  /** The blocks' lengths together, as hosts wrote them. */
  readonly bytes: number;
  /** Blocks that were encrypted: whether they can be decrypted only the key tells. */
  readonly encrypted: number;
}

export interface VerifiedTape extends TapeContents {
  /** What can't be read, in words: partition, object, and why. */
  readonly damaged: readonly string[];
}

/** A logical object: a block's bytes, or what there is in its place. */
export type TapeObject = Uint8Array | "filemark" | "encrypted" | "damaged";

/** Reads an object, which must be there. The bytes are valid until the next call. */
export async function readObject(
  cartridge: Cartridge,
  partition: number,
  object: number,
): Promise<TapeObject> {
  try {
    const stored = await cartridge.partitions[partition]!.read(object);
    if (stored.filemark) return "filemark";
    const block = await decodeBlock(stored, undefined);
    if (block instanceof Uint8Array) return block;
    return block.sense === SENSE.UNABLE_TO_DECRYPT_DATA ? "encrypted" : "damaged";
  } catch (error) {
    if (error instanceof ProtocolError) return "damaged";
    throw error;
  }
}

/**
 * Reads all of a cartridge. Nobody else may have it.
 *
 * @throws SystemError where a file can't be read
 */
export async function verifyTape(cartridge: Cartridge, progress: Progress): Promise<VerifiedTape> {
  const found = { blocks: 0, filemarks: 0, bytes: 0, encrypted: 0 };
  const damaged: string[] = [];
  const all = cartridge.partitions.reduce((sum, { count }) => sum + count, 0);
  let done = 0;
  for (const [partition, { count }] of cartridge.partitions.entries()) {
    for (let object = 0; object < count; object++) {
      const seen = await readObject(cartridge, partition, object);
      if (seen === "filemark") found.filemarks++;
      else found.blocks++;
      if (seen instanceof Uint8Array) found.bytes += seen.length;
      if (seen === "encrypted") found.encrypted++;
      if (seen === "damaged") damaged.push(`partition ${partition}, object ${object}`);
      progress(++done, all);
    }
  }
  return { ...found, damaged };
}
