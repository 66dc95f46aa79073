import type { MaybePromise } from "../../handler.ts";
import type { LogFile } from "./log-file.ts";

/** How much is read at once. */
const WINDOW_BYTES = 1024 * 1024;
/** Room before what is read ahead, for what is left of the window before it. */
const TAIL_BYTES_MAX = 1024 * 1024;

const NO_BYTES = new Uint8Array(0);

/** The piece behind the window, which is read while the window is used. */
interface Ahead {
  readonly offset: number;
  readonly buffer: Buffer;
  readonly whole: Promise<void>;
  /** How much of it there is; undefined until it is there. */
  length: number | undefined;
}

/**
 * Reads a file in large pieces, and gives small ones from them without waiting. Who reads on and
 * on finds the next piece there: it was read meanwhile.
 */
export class ReadWindow {
  readonly #file: LogFile;
  #buffer: Buffer = Buffer.alloc(0);
  #bytes: Uint8Array = NO_BYTES;
  #offset = 0;
  #ahead: Ahead | undefined;
  /** A buffer that nobody reads into. */
  #spare: Buffer | undefined;

  constructor(file: LogFile) {
    this.#file = file;
  }

  /** What was read is no longer what is there. */
  forget(): void {
    this.#bytes = NO_BYTES;
    this.forgetAhead();
  }

  /** What is behind the window may change. */
  forgetAhead(): void {
    this.#ahead = undefined;
  }

  /**
   * `length` bytes at `offset`, or fewer at the file's end: valid until the next call.
   *
   * @param ahead false: what follows is not wanted next
   */
  get(offset: number, length: number, ahead = true): MaybePromise<Uint8Array> {
    const start = offset - this.#offset;
    const end = start + length;
    if (start < 0 || end > this.#bytes.length) return this.#beyond(offset, length, ahead);
    if (ahead && this.#ahead === undefined && end > this.#bytes.length / 2) this.#readAhead();
    return this.#bytes.subarray(start, end);
  }

  #beyond(offset: number, length: number, ahead: boolean): MaybePromise<Uint8Array> {
    const next = this.#ahead;
    if (next === undefined || !this.#reaches(next, offset, length)) {
      return this.#fill(offset, length, ahead);
    }
    if (next.length === undefined) return next.whole.then(() => this.get(offset, length, ahead));
    this.#moveTo(next, next.length, offset);
    return this.get(offset, length, ahead);
  }

  /** Whether the bytes are in what is read ahead, but for what the window has of them. */
  #reaches(next: Ahead, offset: number, length: number): boolean {
    const available = next.length ?? WINDOW_BYTES;
    const isBehind = offset >= this.#offset && next.offset - offset <= TAIL_BYTES_MAX;
    return isBehind && offset + length <= next.offset + available;
  }

  /** What was read ahead becomes the window, with the end of the old one before it. */
  #moveTo({ buffer, offset: nextOffset }: Ahead, length: number, offset: number): void {
    const tail = Math.max(0, nextOffset - offset);
    const from = TAIL_BYTES_MAX - tail;
    const old = this.#bytes;
    if (tail > 0) buffer.set(old.subarray(old.length - tail), from);
    this.#spare = this.#buffer.length === buffer.length ? this.#buffer : undefined;
    this.#buffer = buffer;
    this.#bytes = buffer.subarray(from, TAIL_BYTES_MAX + length);
    this.#offset = nextOffset - tail;
    this.#ahead = undefined;
  }

  #readAhead(): void {
    const offset = this.#offset + this.#bytes.length;
    const buffer = this.#spare ?? Buffer.allocUnsafeSlow(TAIL_BYTES_MAX + WINDOW_BYTES);
    this.#spare = undefined;
    const next: Ahead = {
      offset,
      buffer,
      length: undefined,
      whole: this.#file.read(buffer.subarray(TAIL_BYTES_MAX), offset).then(
        (count) => {
          next.length = count;
        },
        () => {
          // Whoever wants these bytes reads them again, and is told why they can't be had.
          next.length = 0;
        },
      ),
    };
    this.#ahead = next;
  }

  async #fill(offset: number, length: number, ahead: boolean): Promise<Uint8Array> {
    const wanted = ahead ? Math.max(length, WINDOW_BYTES) : length;
    if (this.#buffer.length < wanted) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(wanted, TAIL_BYTES_MAX + WINDOW_BYTES));
    }
    this.forget();
    const count = await this.#file.read(this.#buffer.subarray(0, wanted), offset);
    this.#offset = offset;
    this.#bytes = this.#buffer.subarray(0, count);
    return this.#bytes.subarray(0, Math.min(length, count));
  }
}
