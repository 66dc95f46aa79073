import * as zlib from "node:zlib";
import { randomInt } from "node:crypto";

import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import type { MaybePromise } from "../../handler.ts";
import { crc32 } from "../../../runtime/crc.ts";
import type { CartridgePartition } from "./cartridge.ts";
import { IndexFile, type LogEnd } from "./index-file.ts";
import {
  FileHeader,
  RECORD_KIND,
  RECORD_MAGIC,
  RecordHeader,
  STORED_BYTES_MAX,
  STRIDE,
} from "./layout.ts";
import type { LogFile } from "./log-file.ts";
import { NumberList } from "./number-list.ts";
import { RecordReader, type RecordView } from "./record-reader.ts";
import { WriteBehind } from "./write-behind.ts";

/** A logical object as it is stored. */
export interface StoredObject {
  readonly filemark: boolean;
  /** `COMPRESSION.…` */
  readonly compression: number;
  readonly encrypted: boolean;
  /** So many of the stored bytes, at their beginning, describe the encryption. */
  readonly prefixLength: number;
  /** The block's length as the host wrote it. */
  readonly blockLength: number;
  /** When read: valid until the next call. When written: free to be used again once it is done. */
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const FILEMARK: StoredObject = {
  filemark: true,
  compression: 0,
  encrypted: false,
  prefixLength: 0,
  blockLength: 0,
  bytes: NO_BYTES,
};
const CHECKED = RecordHeader.offsetOf("check");

/**
 * One partition of a cartridge: logical objects, numbered from 0, in an append-only log. Calls
 * must not overlap: the next one is made when the last is done.
 */
export class PartitionLog implements CartridgePartition {
  readonly #file: LogFile;
  readonly #index: IndexFile;
  readonly #strides = new NumberList();
  readonly #filemarks = new NumberList();
  readonly #writer: WriteBehind;
  readonly #reader: RecordReader;
  readonly #header = RecordHeader.view();
  readonly #headerChecked = this.#header.bytes.subarray(0, CHECKED);
  readonly #fileCheck: number;
  #count = 0;
  #end: number = FileHeader.size;
  #lastOffset = 0;
  #lastCheck: number;
  #epoch = 0;
  /** Bytes behind the end have been cut off. */
  #tidy = false;
  #dirty = false;

  /** Use {@link PartitionLog.open}. */
  constructor(file: LogFile, index: LogFile, fileCheck: number) {
    this.#file = file;
    this.#index = new IndexFile(index, FileHeader.size);
    this.#fileCheck = fileCheck;
    this.#lastCheck = fileCheck;
    this.#writer = new WriteBehind(file);
    this.#reader = new RecordReader(file);
  }

  /**
   * Opens a log that has its file header, and finds its end: what the saved index tells, then
   * record by record. Behind the first that is not whole nothing counts; nothing is changed.
   */
  static async open(file: LogFile, index: LogFile, fileCheck: number): Promise<PartitionLog> {
    const log = new PartitionLog(file, index, fileCheck);
    await log.#recover();
    return log;
  }

  /** How many logical objects there are: the number of the one that END-OF-DATA stands for. */
  get count(): number {
    return this.#count;
  }

  get filemarkCount(): number {
    return this.#filemarks.count;
  }

  /** Bytes that the log takes, headers included. */
  get usedBytes(): number {
    return this.#end - FileHeader.size;
  }

  /** Filemarks before an object: READ POSITION's LOGICAL FILE IDENTIFIER. */
  filemarksBefore(object: number): number {
    return this.#filemarks.countBelow(object);
  }

  /** The object number of the filemark with this number, from 0. */
  filemark(index: number): number | undefined {
    return index < 0 || index >= this.#filemarks.count ? undefined : this.#filemarks.at(index);
  }

  /** Why a write in the background failed, if one has. */
  get writeError(): unknown {
    return this.#writer.error;
  }

  appendFilemark(): MaybePromise<void> {
    return this.append(FILEMARK);
  }

  /** Appends at the end of data. */
  append(object: StoredObject): MaybePromise<void> {
    if (object.bytes.length > STORED_BYTES_MAX) {
      throw new UsageError("BLOCK_LENGTH", `${object.bytes.length} bytes are too long a block`);
    }
    if (!this.#tidy) return this.#cutTail().then(() => this.#append(object));
    return this.#append(object);
  }

  #append(object: StoredObject): MaybePromise<void> {
    const { bytes } = object;
    const header = this.#header;
    header.magic = RECORD_MAGIC;
    header.kind = object.filemark ? RECORD_KIND.FILEMARK : RECORD_KIND.BLOCK;
    header.compression = object.compression;
    header.encrypted = object.encrypted;
    header.prefixLength = object.prefixLength;
    header.objectNumber = this.#count;
    header.storedLength = bytes.length;
    header.blockLength = object.blockLength;
    header.dataCheck = crc32(bytes);
    header.previousCheck = this.#lastCheck;
    header.epoch = this.#epoch;
    header.check = zlib.crc32(this.#headerChecked);
    this.#dirty = true;
    this.#reader.forgetAhead();
    const offset = this.#end;
    const done = this.#writer.append(header.bytes, bytes);
    this.#note(offset, object.filemark, bytes.length, header.check);
    return done;
  }

  /** The object is the last one now. */
  #note(offset: number, filemark: boolean, storedLength: number, check: number): void {
    if (this.#count % STRIDE === 0) this.#strides.push(offset);
    if (filemark) this.#filemarks.push(this.#count);
    this.#lastOffset = offset;
    this.#lastCheck = check;
    this.#end = offset + RecordHeader.size + storedLength;
    this.#count++;
  }

  /**
   * The object with this number, which must be below `count`. Throws ProtocolError
   * `CARTRIDGE_DATA` where its bytes are damaged, SystemError where they can't be read.
   */
  read(object: number): MaybePromise<StoredObject> {
    const reader = this.#reader;
    if (this.#writer.dirty) return this.#writer.drain().then(() => this.read(object));
    if (reader.next.object === object) return reader.read(object, reader.next.offset);
    return this.#offsetOf(object).then((offset) => reader.read(object, offset));
  }

  /** From the last object that the index has, header by header. */
  async #offsetOf(object: number): Promise<number> {
    if (object === this.#count) return this.#end;
    let at = Math.floor(object / STRIDE) * STRIDE;
    let offset = this.#strides.at(at / STRIDE);
    const { object: next, offset: nextOffset } = this.#reader.next;
    if (next > at && next <= object) [at, offset] = [next, nextOffset];
    for (; at < object; at++) {
      offset += RecordHeader.size + (await this.#reader.head(at, offset)).storedLength;
    }
    return offset;
  }

  /** Makes `object` the end of data: it and all behind it are gone. */
  async truncate(object: number): Promise<void> {
    if (object >= this.#count) return;
    await this.#writer.drain();
    if (object === 0) {
      await this.#cut(0, FileHeader.size, 0, this.#fileCheck);
      return;
    }
    const { offset, storedLength, check } = await this.#headerOf(object - 1);
    await this.#cut(object, offset + RecordHeader.size + storedLength, offset, check);
  }

  async #cut(object: number, offset: number, lastOffset: number, check: number): Promise<void> {
    await this.#index.cut(object);
    this.#count = object;
    this.#end = offset;
    this.#lastOffset = lastOffset;
    this.#lastCheck = check;
    this.#strides.cut(Math.ceil(object / STRIDE));
    this.#filemarks.cut(this.#filemarks.countBelow(object));
    this.#tidy = false;
    await this.#cutTail();
  }

  /** Before anything is appended nothing may stand behind the end. */
  async #cutTail(): Promise<void> {
    await this.#writer.reset(this.#end);
    await this.#file.truncate(this.#end);
    this.#reader.forget();
    this.#epoch = randomInt(1, 2 ** 32 - 1);
    this.#tidy = true;
    this.#dirty = true;
  }

  /**
   * After a write in the background failed: the end of data is behind the last object that has
   * reached the file whole.
   */
  async dropUnwritten(): Promise<void> {
    const { written } = this.#writer;
    await this.#writer.reset(written);
    this.#reader.forget();
    // The last object that the index has before the loss; from there header by header.
    const stride = Math.max(0, this.#strides.countBelow(written) - 1);
    let object = stride * STRIDE;
    let offset = this.#count === 0 ? FileHeader.size : this.#strides.at(stride);
    let last =
      object === 0 ? { offset: 0, check: this.#fileCheck } : await this.#headerOf(object - 1);
    while (object < this.#count && offset + RecordHeader.size <= written) {
      const here = await this.#headerOf(object, offset);
      const end = offset + RecordHeader.size + here.storedLength;
      if (end > written) break;
      last = here;
      offset = end;
      object++;
    }
    await this.#cut(object, offset, last.offset, last.check);
  }

  async #headerOf(object: number, at?: number) {
    const offset = at ?? (await this.#offsetOf(object));
    const { storedLength, check } = await this.#reader.head(object, offset);
    return { offset, storedLength, check };
  }

  /** Hands everything to the file. With `durable` it survives a loss of power when it is done. */
  async flush(durable: boolean): Promise<void> {
    await this.#writer.drain();
    if (!durable || !this.#dirty) return;
    await this.#file.sync();
    this.#dirty = false;
    await this.#index.save(this.#logEnd(), this.#strides, this.#filemarks);
  }

  #logEnd(): LogEnd {
    return {
      objectCount: this.#count,
      endOffset: this.#end,
      lastOffset: this.#lastOffset,
      lastCheck: this.#lastCheck,
    };
  }

  async #recover(): Promise<void> {
    const saved = await this.#index.load(this.#strides, this.#filemarks);
    if (saved !== undefined && (await this.#agrees(saved))) {
      this.#count = saved.objectCount;
      this.#end = saved.endOffset;
      this.#lastOffset = saved.lastOffset;
      this.#lastCheck = saved.lastCheck;
    } else {
      this.#index.forget();
      this.#dirty = true;
      this.#strides.cut(0);
      this.#filemarks.cut(0);
    }
    await this.#scan();
    if (this.#count !== (saved?.objectCount ?? 0)) this.#dirty = true;
  }

  async #agrees(saved: LogEnd): Promise<boolean> {
    if ((await this.#file.size()) < saved.endOffset || saved.objectCount === 0) return false;
    if (this.#strides.count !== Math.ceil(saved.objectCount / STRIDE)) return false;
    const head = await this.#reader.bytes(saved.lastOffset, RecordHeader.size, false);
    return this.#headerIf(head, saved.objectCount - 1)?.check === saved.lastCheck;
  }

  #headerIf(head: Uint8Array, object: number): RecordView | undefined {
    try {
      return this.#reader.check(head, object);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  async #scan(): Promise<void> {
    for (;;) {
      const offset = this.#end;
      const head = await this.#reader.bytes(offset, RecordHeader.size);
      const header = this.#headerIf(head, this.#count);
      if (header === undefined || header.previousCheck !== this.#lastCheck) return;
      const { storedLength, dataCheck, kind, check } = header;
      const body = await this.#reader.bytes(offset + RecordHeader.size, storedLength);
      if (body.length !== storedLength || crc32(body) !== dataCheck) return;
      this.#note(offset, kind === RECORD_KIND.FILEMARK, storedLength, check);
    }
  }

  /** Flushes and closes both files; what could not be flushed is told, and both are closed. */
  async close(): Promise<void> {
    try {
      if (!this.#file.readOnly) await this.flush(true);
    } finally {
      await Promise.all([this.#file.close(), this.#index.close()]);
    }
  }
}
