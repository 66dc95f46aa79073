/** A cartridge of 100 GB that takes next to no room: the index is whole, the log mostly a hole. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import * as zlib from "node:zlib";

import { createCartridge } from "../../src/sdk/storage/cartridge/cartridge-folder.ts";
import { IndexFile } from "../../src/sdk/storage/cartridge/index-file.ts";
import {
  FileHeader,
  RECORD_KIND,
  RECORD_MAGIC,
  RecordHeader,
  STRIDE,
} from "../../src/sdk/storage/cartridge/layout.ts";
import { LogFile } from "../../src/sdk/storage/cartridge/log-file.ts";
import { NumberList } from "../../src/sdk/storage/cartridge/number-list.ts";

const BLOCK_LENGTH = 256 * 1024;
const CAPACITY_BYTES = 100e9;
const RECORD_LENGTH = RecordHeader.size + BLOCK_LENGTH;
/** Formatting 0, partition 0. */
const NAME = "0-0";

/** How many blocks there are; the one in the middle, and those on the way to it, can be read. */
const BLOCK_COUNT = Math.floor(CAPACITY_BYTES / RECORD_LENGTH);
export const MIDDLE = Math.floor(BLOCK_COUNT / 2 / STRIDE) * STRIDE + STRIDE - 1;

/** Makes it, blocks of zeros, in a folder that must not be there yet. */
export async function createSyntheticCartridge(folder: string, barcode: string): Promise<void> {
  const capacityBytes = 2 * CAPACITY_BYTES;
  await createCartridge(folder, { barcode, densityCode: 0x5e, mediumType: 0x88, capacityBytes });
  const dataCheck = zlib.crc32(new Uint8Array(BLOCK_LENGTH));
  const log = await open(join(folder, `${NAME}.log`), "r+");
  let lastCheck = 0;
  const writeHeader = async (object: number) => {
    const header = recordHeader(object, dataCheck);
    lastCheck = header.check;
    await log.write(header.bytes, 0, RecordHeader.size, offsetOf(object));
  };
  for (let object = MIDDLE - STRIDE + 1; object <= MIDDLE; object++) await writeHeader(object);
  await writeHeader(BLOCK_COUNT - 1);
  await log.truncate(offsetOf(BLOCK_COUNT));
  await log.close();
  const strides = new NumberList();
  for (let object = 0; object < BLOCK_COUNT; object += STRIDE) strides.push(offsetOf(object));
  const index = new IndexFile(await LogFile.open(join(folder, `${NAME}.index`)), FileHeader.size);
  const lastOffset = offsetOf(BLOCK_COUNT - 1);
  const end = { objectCount: BLOCK_COUNT, endOffset: offsetOf(BLOCK_COUNT), lastOffset, lastCheck };
  await index.save(end, strides, new NumberList());
  await index.close();
}

function offsetOf(object: number): number {
  return FileHeader.size + object * RECORD_LENGTH;
}

function recordHeader(objectNumber: number, dataCheck: number) {
  const header = RecordHeader.view();
  RecordHeader.write(header, {
    magic: RECORD_MAGIC,
    kind: RECORD_KIND.BLOCK,
    objectNumber,
    storedLength: BLOCK_LENGTH,
    blockLength: BLOCK_LENGTH,
    dataCheck,
  });
  header.check = zlib.crc32(header.bytes.subarray(0, RecordHeader.offsetOf("check")));
  return header;
}
