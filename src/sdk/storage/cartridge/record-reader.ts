import * as zlib from "node:zlib";

import { ProtocolError } from "../../../protocol/errors.ts";
import type { MaybePromise } from "../../handler.ts";
import { crc32 } from "../../../runtime/crc.ts";
import { FileHeader, RECORD_KIND, RECORD_MAGIC, RecordHeader, STORED_BYTES_MAX } from "./layout.ts";
import type { LogFile } from "./log-file.ts";
import type { StoredObject } from "./partition-log.ts";
import { ReadWindow } from "./read-window.ts";

const CHECKED = RecordHeader.offsetOf("check");

export type RecordView = ReturnType<typeof RecordHeader.view>;

/** Reads records of a log by number and offset. */
export class RecordReader {
  readonly #path: string;
  readonly #window: ReadWindow;
  /** The header looked at last. */
  readonly #seen = RecordHeader.view();
  readonly #seenChecked = this.#seen.bytes.subarray(0, CHECKED);
  /** Where the object after the one read last is. */
  #next = { object: 0, offset: FileHeader.size };

  constructor(file: LogFile) {
    this.#path = file.path;
    this.#window = new ReadWindow(file);
  }

  /** An object of which the place is known, and the place. */
  get next(): { readonly object: number; readonly offset: number } {
    return this.#next;
  }

  /** Nothing that was read counts any more. */
  forget(): void {
    this.#window.forget();
    this.#next = { object: 0, offset: FileHeader.size };
  }

  /** What is behind the end that was known may change. */
  forgetAhead(): void {
    this.#window.forgetAhead();
  }

  /** The object that begins at `offset`. Its bytes are valid until the next call. */
  read(object: number, offset: number): MaybePromise<StoredObject> {
    const head = this.#window.get(offset, RecordHeader.size);
    if (head instanceof Promise) return head.then((bytes) => this.#body(object, offset, bytes));
    return this.#body(object, offset, head);
  }

  #body(object: number, offset: number, head: Uint8Array): MaybePromise<StoredObject> {
    const { storedLength } = this.check(head, object);
    const start = offset + RecordHeader.size;
    const body = this.#window.get(start, storedLength);
    if (body instanceof Promise) return body.then((bytes) => this.#checked(start, bytes));
    return this.#checked(start, body);
  }

  #checked(start: number, bytes: Uint8Array): StoredObject {
    const header = this.#seen;
    if (bytes.length !== header.storedLength || crc32(bytes) !== header.dataCheck) {
      throw damaged(this.#path, header.objectNumber, "its data");
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

  /** A header only, without reading on behind it. */
  async head(object: number, offset: number): Promise<RecordView> {
    return this.check(await this.#window.get(offset, RecordHeader.size, false), object);
  }

  /** Takes a copy of a header, so that the window may move on. Throws where it is not right. */
  check(head: Uint8Array, object: number): RecordView {
    const header = this.#seen;
    if (head.length < RecordHeader.size) throw damaged(this.#path, object, "its header");
    header.bytes.set(head);
    const whole = zlib.crc32(this.#seenChecked) === header.check;
    const right = header.magic === RECORD_MAGIC && header.objectNumber === object;
    if (!whole || !right || header.storedLength > STORED_BYTES_MAX) {
      throw damaged(this.#path, object, "its header");
    }
    return header;
  }

  /** Up to `length` bytes of the file, which need not be a record. */
  bytes(offset: number, length: number, ahead = true): MaybePromise<Uint8Array> {
    return this.#window.get(offset, length, ahead);
  }
}

function damaged(path: string, object: number, what: string): ProtocolError {
  return new ProtocolError("CARTRIDGE_DATA", `object ${object} of ${path}: ${what} is damaged`);
}
