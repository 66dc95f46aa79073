import type { MaybePromise } from "../../handler.ts";
import type { LogFile } from "./log-file.ts";

/** How much is read ahead. */
const WINDOW_BYTES = 1024 * 1024;

const NO_BYTES = new Uint8Array(0);

/** Reads a file in large pieces, and gives small ones from them without waiting. */
export class ReadWindow {
  readonly #file: LogFile;
  #buffer: Buffer = Buffer.alloc(0);
  #bytes: Uint8Array = NO_BYTES;
  #offset = 0;

  constructor(file: LogFile) {
    this.#file = file;
  }

  /** What was read is no longer what is there. */
  forget(): void {
    this.#bytes = NO_BYTES;
  }

  /**
   * `length` bytes at `offset`, or fewer at the file's end: valid until the next call.
   *
   * @param ahead false: what follows is not wanted next
   */
  get(offset: number, length: number, ahead = true): MaybePromise<Uint8Array> {
    const start = offset - this.#offset;
    if (start >= 0 && start + length <= this.#bytes.length) {
      return this.#bytes.subarray(start, start + length);
    }
    return this.#fill(offset, length, ahead);
  }

  async #fill(offset: number, length: number, ahead: boolean): Promise<Uint8Array> {
    const wanted = ahead ? Math.max(length, WINDOW_BYTES) : length;
    if (this.#buffer.length < wanted) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(wanted, WINDOW_BYTES));
    }
    this.#bytes = NO_BYTES;
    const count = await this.#file.read(this.#buffer.subarray(0, wanted), offset);
    this.#offset = offset;
    this.#bytes = this.#buffer.subarray(0, count);
    return this.#bytes.subarray(0, Math.min(length, count));
  }
}
