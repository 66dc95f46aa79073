/** Data of options that have more than a name, read and written. */
import { ProtocolError } from "../errors.ts";
import { STRING_LENGTH_MAX } from "./constants.ts";

/** NBD_OPT_INFO and NBD_OPT_GO. */
export interface InfoRequest {
  readonly name: string;
  /** What is asked for beside the size and the flags: `InfoType`s, and what is not known. */
  readonly requests: ReadonlySet<number>;
}

/** NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export interface MetaContextRequest {
  readonly name: string;
  readonly queries: readonly string[];
}

/** @throws ProtocolError NBD_OPTION_DATA, NBD_STRING_LENGTH */
export function readInfoRequest(data: Uint8Array): InfoRequest {
  const cursor = new Cursor(data);
  const name = cursor.string(cursor.number(4));
  const count = cursor.number(2);
  const requests = new Set<number>();
  for (let i = 0; i < count; i++) requests.add(cursor.number(2));
  cursor.end();
  return { name, requests };
}

/**
 * @param queryCountMax more queries are an error of their own
 * @throws ProtocolError NBD_OPTION_DATA, NBD_STRING_LENGTH, NBD_QUERIES_MAX
 */
export function readMetaContextRequest(
  data: Uint8Array,
  { queryCountMax }: { queryCountMax: number },
): MetaContextRequest {
  const cursor = new Cursor(data);
  const name = cursor.string(cursor.number(4));
  const count = cursor.number(4);
  if (count > queryCountMax) {
    throw new ProtocolError("NBD_QUERIES_MAX", `${count} queries: at most ${queryCountMax}`);
  }
  const queries: string[] = [];
  for (let i = 0; i < count; i++) queries.push(cursor.string(cursor.number(4)));
  cursor.end();
  return { name, queries };
}

/**
 * Reads a string that fills `data`.
 *
 * @throws ProtocolError NBD_OPTION_DATA where it is no UTF-8, NBD_STRING_LENGTH
 */
export function readString(data: Uint8Array): string {
  return new Cursor(data).string(data.length);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Goes through the fields of an option's data. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(size: number): number {
    let value = 0;
    for (const byte of this.#take(size)) value = value * 256 + byte;
    return value;
  }

  string(length: number): string {
    if (length > STRING_LENGTH_MAX) {
      throw new ProtocolError(
        "NBD_STRING_LENGTH",
        `a string of ${length} bytes: at most ${STRING_LENGTH_MAX} are allowed`,
      );
    }
    const bytes = this.#take(length);
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new ProtocolError("NBD_OPTION_DATA", "a string is no UTF-8", { cause });
    }
  }

  end(): void {
    if (this.#at === this.#bytes.length) return;
    throw new ProtocolError(
      "NBD_OPTION_DATA",
      `${this.#bytes.length} bytes of data: the fields end after ${this.#at}`,
    );
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      throw new ProtocolError(
        "NBD_OPTION_DATA",
        `${this.#bytes.length} bytes of data: the fields need ${end} at least`,
      );
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
