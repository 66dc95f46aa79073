import { ERRNO } from "../../../protocol/errno.ts";
import type { MaybePromise } from "../../handler.ts";
import { alignedBytes } from "../../native/aligned-bytes.ts";
import { errnoError } from "../system-error.ts";
import { DIRECT_UNIT_BYTES, type LogFile } from "./log-file.ts";

/** What is gathered before it is written. */
const BUFFER_BYTES = 1024 * 1024;

const NO_BYTES = new Uint8Array(0);

/**
 * Appends to a file from two buffers: while one is on its way to the file the other is filled.
 * An append that finds room costs a copy; nobody waits for the disk but who is faster than it.
 *
 * Buffers begin at whole units of the file, and leave when they are full, so that O_DIRECT takes
 * them. What a {@link drain} finds in one is written early, and stays in it.
 */
export class WriteBehind {
  readonly #file: LogFile;
  #filling: Uint8Array = NO_BYTES;
  #spare: Uint8Array = NO_BYTES;
  /** Where the filling buffer begins in the file, how much is in it … */
  #offset = 0;
  #filled = 0;
  /** … and how much of that the file has already. */
  #clean = 0;
  #writing: Promise<void> | undefined;
  #error: { readonly cause: unknown } | undefined;
  /** All before it is in the file. */
  #written = 0;

  /** Nothing can be appended before {@link reset}. */
  constructor(file: LogFile) {
    this.#file = file;
  }

  /** All before this offset has reached the file. */
  get written(): number {
    return this.#written;
  }

  get dirty(): boolean {
    return this.#filled > this.#clean || this.#writing !== undefined;
  }

  /** Why a write in the background failed; it stays until {@link reset}. */
  get error(): unknown {
    return this.#error?.cause;
  }

  /** Takes `head` and `body`: when it is done both may be used for something else. */
  append(head: Uint8Array, body: Uint8Array): MaybePromise<void> {
    if (this.#error !== undefined) throw this.#error.cause;
    const taken = this.#take(head, 0);
    const done = taken < head.length ? 0 : this.#take(body, 0);
    if (taken === head.length && done === body.length) return undefined;
    return this.#appendRest(head.subarray(taken), body, done);
  }

  async #appendRest(head: Uint8Array, body: Uint8Array, from: number): Promise<void> {
    let taken = 0;
    let done = from;
    for (;;) {
      await this.#writing;
      if (this.#error !== undefined) throw this.#error.cause;
      taken += this.#take(head, taken);
      if (taken === head.length) done += this.#take(body, done);
      if (taken === head.length && done === body.length) return;
    }
  }

  /** No full buffer is under way, and none waits for it. */
  async #idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Copies from `bytes` what there is room for. Gives how many bytes that was. */
  #take(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#filled === BUFFER_BYTES) {
        if (this.#writing !== undefined) break;
        this.#swap();
      }
      const count = Math.min(bytes.length - at, BUFFER_BYTES - this.#filled);
      const part = count === bytes.length ? bytes : bytes.subarray(at, at + count);
      this.#filling.set(part, this.#filled);
      this.#filled += count;
      at += count;
    }
    // The next append may be long in coming.
    if (this.#filled === BUFFER_BYTES && this.#writing === undefined) this.#swap();
    return at - from;
  }

  /** Waits until everything is in the file (not on the disk). */
  async drain(): Promise<void> {
    await this.#idle();
    if (this.#error === undefined && this.#filled > this.#clean) {
      const news = this.#filling.subarray(this.#clean, this.#filled);
      await this.#write(news, this.#offset + this.#clean);
    }
    if (this.#error !== undefined) throw this.#error.cause;
    this.#clean = this.#filled;
  }

  /** Goes on at `offset`, which is within the file; what has not been written is dropped. */
  async reset(offset: number): Promise<void> {
    await this.#idle();
    this.#error = undefined;
    if (this.#filling.length === 0) {
      this.#filling = alignedBytes(BUFFER_BYTES, DIRECT_UNIT_BYTES);
      this.#spare = alignedBytes(BUFFER_BYTES, DIRECT_UNIT_BYTES);
    }
    const begun = offset % DIRECT_UNIT_BYTES;
    this.#offset = offset - begun;
    const count = await this.#file.read(this.#filling.subarray(0, begun), this.#offset);
    if (count < begun) throw errnoError(ERRNO.EIO, `${this.#file.path} ends before ${offset}`);
    this.#filled = begun;
    this.#clean = begun;
    this.#written = offset;
  }

  /** Starts writing the buffer, which is full: whole units, from the first that has news. */
  #swap(): void {
    const full = this.#filling;
    const from = this.#clean - (this.#clean % DIRECT_UNIT_BYTES);
    const bytes = full.subarray(from);
    const offset = this.#offset + from;
    this.#filling = this.#spare;
    this.#offset += BUFFER_BYTES;
    this.#filled = 0;
    this.#clean = 0;
    this.#writing = this.#write(bytes, offset).then(() => {
      this.#spare = full;
      this.#writing = undefined;
      if (this.#filled === BUFFER_BYTES) this.#swap();
    });
  }

  /** Never rejects: the error waits for the next who asks. */
  async #write(bytes: Uint8Array, offset: number): Promise<void> {
    if (this.#error !== undefined) return;
    try {
      await this.#file.write(bytes, offset);
      this.#written = offset + bytes.length;
    } catch (cause) {
      this.#error = { cause };
    }
  }
}
