import * as zlib from "node:zlib";

import { ChunkHeader, CHUNK_MAGIC } from "./layout.ts";
import type { LogFile } from "./log-file.ts";
import type { NumberList } from "./number-list.ts";

/** Where a log ends, as far as an index knows it. */
export interface LogEnd {
  readonly objectCount: number;
  readonly endOffset: number;
  readonly lastOffset: number;
  readonly lastCheck: number;
}

interface Chunk extends LogEnd {
  /** Where the chunk ends in the index file, and what is known with it. */
  readonly fileEnd: number;
  readonly strideCount: number;
  readonly filemarkCount: number;
}

/** The most numbers that one chunk can have: an index of that size has gone wrong. */
const NUMBERS_MAX = 64 * 1024 * 1024;

/**
 * The saved index of a log: chunks, each of which tells what has come since the one before. It
 * only ever describes bytes of the log that are durable, and can be made again from the log.
 */
export class IndexFile {
  readonly #file: LogFile;
  readonly #begin: number;
  readonly #chunks: Chunk[] = [];
  /** Nothing stands behind the last chunk. */
  #tidy = false;

  constructor(file: LogFile, begin: number) {
    this.#file = file;
    this.#begin = begin;
  }

  get #last(): Chunk | undefined {
    return this.#chunks.at(-1);
  }

  /**
   * Reads chunks up to the first that is not whole, and puts their numbers into the lists.
   *
   * @returns the end of the last chunk, or undefined where there is none
   */
  async load(strides: NumberList, filemarks: NumberList): Promise<LogEnd | undefined> {
    const bytes = new Uint8Array(Math.max(0, (await this.#file.size()) - this.#begin));
    const length = await this.#file.read(bytes, this.#begin);
    for (let at = 0; at + ChunkHeader.size <= length;) {
      const header = ChunkHeader.view(bytes, at);
      const { strideCount, filemarkCount } = header;
      const numbers = strideCount + filemarkCount;
      const start = at + ChunkHeader.size;
      const end = start + numbers * 8;
      const checked = bytes.subarray(at, at + ChunkHeader.offsetOf("check"));
      if (header.magic !== CHUNK_MAGIC || zlib.crc32(checked) !== header.check) break;
      if (numbers > NUMBERS_MAX || end > length) break;
      if (zlib.crc32(bytes.subarray(start, end)) !== header.dataCheck) break;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let i = 0; i < numbers; i++) {
        const value = Number(view.getBigUint64(start + i * 8));
        (i < strideCount ? strides : filemarks).push(value);
      }
      this.#chunks.push({
        objectCount: header.objectCount,
        endOffset: header.endOffset,
        lastOffset: header.lastOffset,
        lastCheck: header.lastCheck,
        fileEnd: this.#begin + end,
        strideCount: strides.count,
        filemarkCount: filemarks.count,
      });
      at = end;
    }
    return this.#last;
  }

  /** Forgets what was loaded: the log is another one. */
  forget(): void {
    this.#chunks.length = 0;
    this.#tidy = false;
  }

  /** Saves what has come since the last chunk. Not flushed: the log can tell it again. */
  async save(end: LogEnd, strides: NumberList, filemarks: NumberList): Promise<void> {
    const last = this.#last;
    if (last?.objectCount === end.objectCount || (last === undefined && end.objectCount === 0)) {
      return;
    }
    const firstStride = last?.strideCount ?? 0;
    const firstFilemark = last?.filemarkCount ?? 0;
    const strideCount = strides.count - firstStride;
    const filemarkCount = filemarks.count - firstFilemark;
    const numbers = Buffer.alloc((strideCount + filemarkCount) * 8);
    for (let i = 0; i < strideCount; i++) {
      numbers.writeBigUInt64BE(BigInt(strides.at(firstStride + i)), i * 8);
    }
    for (let i = 0; i < filemarkCount; i++) {
      const value = BigInt(filemarks.at(firstFilemark + i));
      numbers.writeBigUInt64BE(value, (strideCount + i) * 8);
    }
    const header = ChunkHeader.view();
    const dataCheck = zlib.crc32(numbers);
    const { objectCount, endOffset, lastOffset, lastCheck } = end;
    ChunkHeader.write(header, { magic: CHUNK_MAGIC, strideCount, filemarkCount, dataCheck });
    ChunkHeader.write(header, { objectCount, endOffset, lastOffset, lastCheck });
    header.check = zlib.crc32(header.bytes.subarray(0, ChunkHeader.offsetOf("check")));
    const at = last?.fileEnd ?? this.#begin;
    // What a crash left behind must not be taken for this chunk's successor.
    if (!this.#tidy) await this.#file.truncate(at);
    this.#tidy = true;
    await this.#file.write(Buffer.concat([header.bytes, numbers]), at);
    const fileEnd = at + ChunkHeader.size + numbers.length;
    const counts = { strideCount: strides.count, filemarkCount: filemarks.count };
    this.#chunks.push({ objectCount, endOffset, lastOffset, lastCheck, fileEnd, ...counts });
  }

  /**
   * Drops what tells of objects from `objectCount` on, durably: it must be gone before the log
   * is cut, or a crash in between leaves an index that promises what is no more.
   */
  async cut(objectCount: number): Promise<void> {
    const before = this.#chunks.length;
    while (this.#last !== undefined && this.#last.objectCount > objectCount) this.#chunks.pop();
    if (this.#chunks.length === before) return;
    await this.#file.truncate(this.#last?.fileEnd ?? this.#begin);
    await this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
