/**
 * Images of tapes in SIMH's format (.tap), which tools for tapes of all kinds read and write:
 * "SIMH Magtape Representation and Handling". A record is its length, its bytes, padded to an
 * even number, and its length again; numbers are little-endian.
 */
import { UsageError } from "../../../protocol/errors.ts";
import type { Cartridge } from "../../storage/cartridge/cartridge.ts";
import { BLOCK_BYTES_MAX, RecordHeader } from "../../storage/cartridge/layout.ts";
import { encodeBlock } from "./block-codec.ts";
import { type Progress, readObject, type TapeContents } from "./tape-contents.ts";

const TAPE_MARK = 0;
const ERASE_GAP = 0xffff_fffe;
const END_OF_MEDIUM = 0xffff_ffff;
/** The four bits above the length: 0 for a good data record. */
const CLASS_SHIFT = 28;
const MARKER_LENGTH = 4;

const PARTITION = 0;

/**
 * Writes what partition 0 of a cartridge has. Nobody else may have it.
 *
 * @param write takes bytes, which are valid until it is done
 * @throws UsageError SIMH_TAPE a block that can't be read, or is encrypted
 */
export async function writeSimhTape(
  cartridge: Cartridge,
  write: (bytes: Uint8Array) => Promise<void>,
  progress: Progress,
): Promise<TapeContents> {
  const found = { blocks: 0, filemarks: 0, bytes: 0, encrypted: 0 };
  const count = cartridge.partitions[PARTITION]?.count ?? 0;
  for (let object = 0; object < count; object++) {
    const seen = await readObject(cartridge, PARTITION, object);
    if (seen === "filemark") {
      found.filemarks++;
      await write(marker(TAPE_MARK));
    } else if (seen instanceof Uint8Array) {
      found.blocks++;
      found.bytes += seen.length;
      const length = marker(seen.length);
      const padding = new Uint8Array(seen.length & 1);
      await write(Buffer.concat([length, seen, padding, length]));
    } else {
      throw new UsageError("SIMH_TAPE", `object ${object} is ${seen}: an image can't have it`);
    }
    progress(object + 1, count);
  }
  await write(marker(END_OF_MEDIUM));
  return found;
}

/**
 * Writes an image's records and tape marks to a blank cartridge, compressed. Nobody else may have
 * it. The end of the image is its end, or an end of medium.
 *
 * @param read gives the image's next bytes: as many as are asked for, or fewer at its end
 * @throws UsageError SIMH_TAPE what is wrong with the image, CARTRIDGE_FULL, CARTRIDGE_NOT_BLANK
 */
export async function readSimhTape(
  cartridge: Cartridge,
  read: (length: number) => Promise<Uint8Array>,
): Promise<TapeContents> {
  const log = cartridge.partitions[PARTITION]!;
  if (cartridge.partitions.some(({ count }) => count > 0)) {
    throw new UsageError("CARTRIDGE_NOT_BLANK", "there is something on the cartridge: erase it");
  }
  const found = { blocks: 0, filemarks: 0, bytes: 0, encrypted: 0 };
  const capacity = cartridge.description.partitions[PARTITION] ?? 0;
  for (let record = 0; ; record++) {
    const head = await read(MARKER_LENGTH);
    if (head.length === 0) break;
    const length = numberOf(head, record);
    if (length === END_OF_MEDIUM) break;
    if (length === ERASE_GAP) continue;
    if (length === TAPE_MARK) {
      await log.appendFilemark();
      found.filemarks++;
      continue;
    }
    const block = await readRecord(read, length, record);
    const stored = await encodeBlock(block, { compress: true, encryption: undefined });
    if (log.usedBytes + RecordHeader.size + stored.bytes.length > capacity) {
      throw new UsageError("CARTRIDGE_FULL", `record ${record} does not fit on the cartridge`);
    }
    await log.append(stored);
    found.blocks++;
    found.bytes += block.length;
  }
  await log.flush(true);
  return found;
}

async function readRecord(
  read: (length: number) => Promise<Uint8Array>,
  length: number,
  record: number,
): Promise<Uint8Array> {
  if (length >>> CLASS_SHIFT !== 0) {
    throw wrong(record, `its class is ${length >>> CLASS_SHIFT}: only good data can be taken`);
  }
  if (length > BLOCK_BYTES_MAX) {
    throw wrong(record, `it has ${length} bytes, a block at most ${BLOCK_BYTES_MAX}`);
  }
  const body = await read(length + (length & 1));
  const tail = await read(MARKER_LENGTH);
  if (numberOf(tail, record) !== length) throw wrong(record, "its length at its end is another");
  return body.subarray(0, length);
}

function numberOf(bytes: Uint8Array, record: number): number {
  if (bytes.length < MARKER_LENGTH) throw wrong(record, "the image ends in it");
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function marker(value: number): Uint8Array {
  const bytes = new Uint8Array(MARKER_LENGTH);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function wrong(record: number, what: string): UsageError {
  return new UsageError("SIMH_TAPE", `record ${record} of the image: ${what}`);
}
