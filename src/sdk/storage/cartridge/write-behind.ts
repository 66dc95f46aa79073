import type { MaybePromise } from "../../handler.ts";
import type { LogFile } from "./log-file.ts";

/** What is gathered before it is written. */
const BUFFER_BYTES = 1024 * 1024;
/** From this length on bytes are written from where they are, without being gathered. */
const DIRECT_BYTES_MIN = 512 * 1024;

/**
 * Appends to a file from two buffers: while one is on its way to the file the other is filled.
 * An append that finds room costs a copy; nobody waits for the disk but who is faster than it.
 */
export class WriteBehind {
  readonly #file: LogFile;
  #filling = Buffer.allocUnsafe(BUFFER_BYTES);
  #spare = Buffer.allocUnsafe(BUFFER_BYTES);
  #filled = 0;
  /** Where the filling buffer begins in the file. */
  #offset: number;
  #writing: Promise<void> | undefined;
  #error: { readonly cause: unknown } | undefined;
  /** All before it is in the file. */
  #written: number;

  constructor(file: LogFile, offset: number) {
    this.#file = file;
    this.#offset = offset;
    this.#written = offset;
  }

  /** Where the next append goes. */
  get end(): number {
    return this.#offset + this.#filled;
  }

  /** All before this offset has reached the file. */
  get written(): number {
    return this.#written;
  }

  get dirty(): boolean {
    return this.#filled > 0 || this.#writing !== undefined;
  }

  /** Why a write in the background failed; it stays until {@link reset}. */
  get error(): unknown {
    return this.#error?.cause;
  }

  /** Takes `head` and `body`: when it is done both may be used for something else. */
  append(head: Uint8Array, body: Uint8Array): MaybePromise<void> {
    if (this.#error !== undefined) throw this.#error.cause;
    const length = head.length + body.length;
    if (length >= DIRECT_BYTES_MIN) return this.#appendDirect(head, body);
    if (this.#filled + length <= BUFFER_BYTES) {
      this.#gather(head, body);
      return undefined;
    }
    if (this.#writing === undefined) {
      this.#swap();
      this.#gather(head, body);
      return undefined;
    }
    return this.#writing.then(() => this.append(head, body));
  }

  /** Waits until everything is in the file (not on the disk). */
  async drain(): Promise<void> {
    await this.#writing;
    if (this.#error === undefined && this.#filled > 0) {
      this.#swap();
      await this.#writing;
    }
    if (this.#error !== undefined) throw this.#error.cause;
  }

  /** Goes on at `offset`; what has not been written is dropped. */
  async reset(offset: number): Promise<void> {
    await this.#writing;
    this.#error = undefined;
    this.#filled = 0;
    this.#offset = offset;
    this.#written = offset;
  }

  #gather(head: Uint8Array, body: Uint8Array): void {
    this.#filling.set(head, this.#filled);
    this.#filling.set(body, this.#filled + head.length);
    this.#filled += head.length + body.length;
  }

  async #appendDirect(head: Uint8Array, body: Uint8Array): Promise<void> {
    this.#gatherHead(head);
    await this.drain();
    await this.#write(body, this.#offset);
    this.#offset += body.length;
    if (this.#error !== undefined) throw this.#error.cause;
  }

  /** The head of a direct write still fits: buffers are swapped before they are full to the end. */
  #gatherHead(head: Uint8Array): void {
    if (this.#filled + head.length > BUFFER_BYTES) {
      // Both buffers in use and the one full: take the head along in a larger one, once.
      const larger = Buffer.allocUnsafe(this.#filled + head.length);
      this.#filling.copy(larger, 0, 0, this.#filled);
      this.#filling = larger;
    }
    this.#gather(head, NO_BYTES);
  }

  /** Starts writing the filled buffer. */
  #swap(): void {
    const full = this.#filling;
    const bytes = full.subarray(0, this.#filled);
    const offset = this.#offset;
    this.#filling = this.#spare;
    this.#filled = 0;
    this.#offset += bytes.length;
    this.#writing = this.#write(bytes, offset).then(() => {
      this.#spare = full.length === BUFFER_BYTES ? full : Buffer.allocUnsafe(BUFFER_BYTES);
      this.#writing = undefined;
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

const NO_BYTES = new Uint8Array(0);
