import * as zlib from "node:zlib";
import { randomInt } from "node:crypto";

import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import type { MaybePromise } from "../../handler.ts";
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
import { ReadWindow } from "./read-window.ts";
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

type RecordView = ReturnType<typeof RecordHeader.view>;

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
  readonly #window: ReadWindow;
  readonly #header = RecordHeader.view();
  readonly #headerChecked = this.#header.bytes.subarray(0, CHECKED);
  /** The header looked at last. */
  readonly #seen = RecordHeader.view();
  readonly #seenChecked = this.#seen.bytes.subarray(0, CHECKED);
  readonly #fileCheck: number;
  #count = 0;
  #end: number = FileHeader.size;
  #lastOffset = 0;
  #lastCheck: number;
  #epoch = 0;
  /** Where the object after the one read last is. */
  #next = { object: 0, offset: FileHeader.size };
  /** What was read before anybody asked. */
  #prepared: StoredObject | undefined;
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
    this.#window = new ReadWindow(file);
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
    this.#prepared = undefined;
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
    header.dataCheck = zlib.crc32(bytes);
    header.previousCheck = this.#lastCheck;
    header.epoch = this.#epoch;
    header.check = zlib.crc32(this.#headerChecked);
    this.#dirty = true;
    this.#window.forgetAhead();
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
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared !== undefined && this.#next.object === object + 1) return prepared;
    if (this.#writer.dirty) return this.#writer.drain().then(() => this.read(object));
    if (this.#next.object !== object) {
      return this.#offsetOf(object).then((offset) => this.#readAt(object, offset));
    }
    return this.#readAt(object, this.#next.offset);
  }

  /**
   * Reads and checks the object that is likely to be wanted next, if that can be done at once:
   * between two commands, so that the second one need not wait for it.
   */
  prepare(): void {
    const { object, offset } = this.#next;
    if (this.#prepared !== undefined || this.#writer.dirty || object >= this.#count) return;
    const start = offset + RecordHeader.size;
    if (!this.#window.has(offset, RecordHeader.size)) return;
    try {
      const { storedLength } = this.#check(this.#now(offset, RecordHeader.size), object);
      if (!this.#window.has(start, storedLength)) return;
      this.#prepared = this.#whole(start, this.#now(start, storedLength));
    } catch {
      // Whoever wants it is told.
    }
  }

  /** What the window has. */
  #now(offset: number, length: number): Uint8Array {
    return this.#window.get(offset, length) as Uint8Array;
  }

  #readAt(object: number, offset: number): MaybePromise<StoredObject> {
    const head = this.#window.get(offset, RecordHeader.size);
    if (head instanceof Promise) {
      return head.then((bytes) => this.#readBody(object, offset, bytes));
    }
    return this.#readBody(object, offset, head);
  }

  #readBody(object: number, offset: number, head: Uint8Array): MaybePromise<StoredObject> {
    const { storedLength } = this.#check(head, object);
    const start = offset + RecordHeader.size;
    const body = this.#window.get(start, storedLength);
    if (body instanceof Promise) return body.then((bytes) => this.#whole(start, bytes));
    return this.#whole(start, body);
  }

  #whole(start: number, bytes: Uint8Array): StoredObject {
    const header = this.#seen;
    if (bytes.length !== header.storedLength || zlib.crc32(bytes) !== header.dataCheck) {
      throw damaged(this.#file.path, header.objectNumber, "its data");
    }
    this.#next = { object: header.objectNumber + 1, offset: start + bytes.length };
    return {
      filemark: header.kind === RECORD_KIND.FILEMARK,
      compression: header.compression,
      encrypted: header.encrypted,
      prefixLength: header.prefixLength,
      blockLength: header.blockLength,
      bytes,
    };
  }

  /** Takes a copy of a header, so that the window may move on. */
  #check(head: Uint8Array, object: number): RecordView {
    const header = this.#seen;
    if (head.length < RecordHeader.size) throw damaged(this.#file.path, object, "its header");
    header.bytes.set(head);
    const whole = zlib.crc32(this.#seenChecked) === header.check;
    const right = header.magic === RECORD_MAGIC && header.objectNumber === object;
    if (!whole || !right || header.storedLength > STORED_BYTES_MAX) {
      throw damaged(this.#file.path, object, "its header");
    }
    return header;
  }

  /** From the last object that the index has, header by header. */
  async #offsetOf(object: number): Promise<number> {
    if (object === this.#count) return this.#end;
    let at = Math.floor(object / STRIDE) * STRIDE;
    let offset = this.#strides.at(at / STRIDE);
    const { object: next, offset: nextOffset } = this.#next;
    if (next > at && next <= object) [at, offset] = [next, nextOffset];
    for (; at < object; at++) {
      const head = await this.#window.get(offset, RecordHeader.size, false);
      offset += RecordHeader.size + this.#check(head, at).storedLength;
    }
    return offset;
  }

  /** Makes `object` the end of data: it and all behind it are gone. */
  async truncate(object: number): Promise<void> {
    this.#prepared = undefined;
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
    this.#next = { object: 0, offset: FileHeader.size };
    this.#tidy = false;
    await this.#cutTail();
  }

  /** Before anything is appended nothing may stand behind the end. */
  async #cutTail(): Promise<void> {
    await this.#writer.reset(this.#end);
    await this.#file.truncate(this.#end);
    this.#window.forget();
    this.#epoch = randomInt(1, 2 ** 32 - 1);
    this.#tidy = true;
    this.#dirty = true;
  }

  /**
   * After a write in the background failed: the end of data is behind the last object that has
   * reached the file whole.
   */
  async dropUnwritten(): Promise<void> {
    this.#prepared = undefined;
    const { written } = this.#writer;
    await this.#writer.reset(written);
    this.#window.forget();
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
    const head = await this.#window.get(offset, RecordHeader.size, false);
    const { storedLength, check } = this.#check(head, object);
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
    const head = await this.#window.get(saved.lastOffset, RecordHeader.size, false);
    return this.#isNext(head, saved.objectCount - 1) && this.#seen.check === saved.lastCheck;
  }

  #isNext(head: Uint8Array, object: number): boolean {
    try {
      this.#check(head, object);
      return true;
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
  }

  async #scan(): Promise<void> {
    for (;;) {
      const offset = this.#end;
      const head = await this.#window.get(offset, RecordHeader.size);
      if (!this.#isNext(head, this.#count)) return;
      const { storedLength, previousCheck, dataCheck, kind, check } = this.#seen;
      if (previousCheck !== this.#lastCheck) return;
      const body = await this.#window.get(offset + RecordHeader.size, storedLength);
      if (body.length !== storedLength || zlib.crc32(body) !== dataCheck) return;
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

function damaged(path: string, object: number, what: string): ProtocolError {
  return new ProtocolError("CARTRIDGE_DATA", `object ${object} of ${path}: ${what} is damaged`);
}
