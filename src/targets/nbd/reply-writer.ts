import { type Batcher, COPIED_LENGTH_MAX, Gather, type Lender } from "../socket/gather.ts";
import type { Transport } from "../socket/transport.ts";

/** With as much lent payload the socket gets to work, while the rest of the batch is made. */
const GATHERED_LENGTH_MAX = 262_144;

/** Room that {@link ReplyWriter.begin} gives for a header. */
const HEADER_LENGTH_MAX = 64;

/** Writes replies, and sends those of a batch together. */
export class ReplyWriter {
  readonly #out: Gather;

  constructor(transport: Transport, batcher: Batcher) {
    this.#out = new Gather(transport, batcher);
  }

  /** The memory that {@link begin} gives offsets into; ask again after each `begin`. */
  get bytes(): Uint8Array {
    return this.#out.bytes;
  }

  /** Room for a header, not zeroed; where it begins in `bytes`. Fill it in, then {@link add}. */
  begin(): number {
    this.#out.room(HEADER_LENGTH_MAX + COPIED_LENGTH_MAX);
    return this.#out.used;
  }

  /** The header that was begun has `length` bytes. */
  add(length: number): void {
    this.#out.take(length);
    this.#out.schedule();
  }

  /** The bytes of a message that is copied. */
  addBytes(bytes: Uint8Array): void {
    this.#out.copy(bytes);
    this.#out.schedule();
  }

  /** Payload behind the header that was added; `lender` hears when it is no longer needed. */
  addData(data: Uint8Array, lender: Lender): void {
    const out = this.#out;
    if (data.length <= COPIED_LENGTH_MAX) {
      out.copy(data);
      lender.responseSent(true);
      return;
    }
    out.lend(data);
    out.borrow(lender);
    if (out.lentLength >= GATHERED_LENGTH_MAX) out.send();
  }

  /** Sends what was gathered. */
  flush(): void {
    this.#out.flush();
  }

  /** What comes from now on is dropped; what is under way still is sent. */
  seal(): void {
    this.#out.seal();
  }

  /** The socket is gone: nothing will be sent any more, and nothing is needed any more. */
  close(): void {
    this.#out.close();
  }
}
